import EventLoop
import Redis

extension RedisBroker {
  package func revoke(
    _ subject: Revocation.Subject, for memory: Duration
  ) async throws(BrokerError) -> RevocationAnswer {
    let (revocation, _) = try await revoke(subject, for: memory, at: nil, until: nil)
    return RevocationAnswer(revocation)
  }

  @discardableResult
  package func take(_ revocation: Revocation) async throws(BrokerError) -> Bool {
    try await revoke(revocation.subject, for: .zero, at: revocation.at, until: revocation.until).isNew
  }

  private func revoke(
    _ subject: Revocation.Subject, for memory: Duration, at: Timestamp?, until: Timestamp?
  ) async throws(BrokerError) -> (revocation: Revocation, isNew: Bool) {
    let answer = try await run(scripts.revoke) { command in
      command.append(subject.key)
      command.append(memory.milliseconds)
      command.append(at.map { String($0.milliseconds) } ?? "")
      command.append(until.map { String($0.milliseconds) } ?? "")
    }
    guard let parts = answer.elements, parts.count == 3, let at = parts[0].integer,
      let until = parts[1].integer, let isNew = parts[2].integer
    else { throw .corrupt("revoke answered in another form") }
    let revocation = Revocation(
      subject, at: Timestamp(milliseconds: at), until: Timestamp(milliseconds: until))
    return (revocation, isNew == 1)
  }

  package func revocations(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> RevocationPage {
    let place = (cursor ?? "").split(separator: " ")
    let answer = try await run(scripts.revocations) { command in
      command.append(place.count == 2 ? String(place[0]) : "0")
      command.append(place.count == 2 ? String(place[1]) : "0")
      command.append(min(max(limit, 1), 1000))
    }
    guard let parts = answer.elements, parts.count >= 2, (parts.count - 2).isMultiple(of: 3) else {
      throw .corrupt("revocations answered in another form")
    }
    var page = RevocationPage([])
    for index in stride(from: 2, to: parts.count, by: 3) {
      guard let subject = parts[index].text.flatMap({ Revocation.Subject(key: $0) }),
        let at = parts[index + 1].text.flatMap({ Int64($0) }),
        let until = parts[index + 2].text.flatMap({ Int64($0) })
      else { throw .corrupt("a revocation has another form") }
      page.revocations.append(
        Revocation(subject, at: Timestamp(milliseconds: at), until: Timestamp(milliseconds: until)))
    }
    if let from = parts[0].text, let passed = parts[1].integer { page.next = "\(from) \(passed)" }
    return page
  }
}
