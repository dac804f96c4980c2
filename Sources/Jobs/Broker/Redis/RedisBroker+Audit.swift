import EventLoop
import Redis

extension RedisBroker {
  /// How many jobs of a set one step looks through.
  private static let mostAtOnce = 5000

  /// Records first, then the sets that name jobs, the counts of each queue, groups, and what stands alone.
  ///
  /// The counts of a queue are one step. It looks through the queue's waiting jobs, and through the jobs of
  /// all queues that wait for their time and that run, where those are 5000 each at most: some tens of
  /// milliseconds. Of more jobs it compares how many there are: queued ones by priority (where the queue
  /// never aged, else the sum), the sum of its users' places, and over all queues the sums of those that
  /// wait for their time and of those that run. That takes as long as the queue has users with jobs in it; a
  /// sum that differs is told and cannot be mended. Blocked jobs are never looked through: their sets are
  /// their count.
  ///
  /// A group's jobs are counted `limit` at a time, and compared if the group did not change meanwhile; its
  /// progress only where one piece is all of them, and its counts to the full only where no job was
  /// forgotten.
  package func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport {
    try await audit(repairs: repairs, after: cursor, limit: limit, atOnce: Self.mostAtOnce)
  }

  /// The same, with another bound to what one step looks through.
  func audit(
    repairs: Bool, after cursor: String?, limit: Int, atOnce most: Int
  ) async throws(BrokerError) -> AuditReport {
    let place = (cursor ?? "records:0").split(separator: ":", maxSplits: 1).map(String.init)
    guard place.count == 2 else { return AuditReport() }
    let answer = try await run(scripts.audit) { command in
      command.append(repairs ? "1" : "")
      command.append(place[0])
      command.append(place[1])
      command.append(min(max(limit, 1), 1000))
      command.append(most)
    }
    guard let parts = answer.elements, parts.count >= 3, (parts.count - 3).isMultiple(of: 4),
      let checked = parts[0].integer
    else { throw .corrupt("audit answered in another form") }
    var report = AuditReport(checked: Int(checked))
    if let stage = parts[1].text, let position = parts[2].text {
      report.next = "\(stage):\(position)"
    }
    for index in stride(from: 3, to: parts.count, by: 4) {
      guard let kind = parts[index].text.flatMap({ AuditFinding.Kind(rawValue: $0) }),
        let subject = parts[index + 1].text, let detail = parts[index + 2].text
      else { throw .corrupt("audit answered in another form") }
      report.findings.append(
        AuditFinding(
          kind: kind, subject: subject, detail: detail,
          isRepaired: parts[index + 3].integer == 1))
    }
    return report
  }
}
