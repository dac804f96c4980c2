import EventLoop
import Redis

extension RedisBroker {
  /// Records first, then the sets that name jobs, the counts of each queue, and what stands alone. The
  /// counts of one queue are one step, which reads all its jobs.
  package func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport {
    let place = (cursor ?? "records:0").split(separator: ":", maxSplits: 1).map(String.init)
    guard place.count == 2 else { return AuditReport() }
    let answer = try await run(scripts.audit) { command in
      command.append(repairs ? "1" : "")
      command.append(place[0])
      command.append(place[1])
      command.append(min(max(limit, 1), 1000))
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
