import EventLoop

extension EmbeddedBroker: NodeDirectory {
  package func beat(_ report: NodeReport, for lifetime: Duration) async throws(BrokerError) {
    try requireOpen()
    let now = clock()
    nodeRoster.hear(report, until: now + lifetime, at: now)
  }

  package func dismiss(_ node: NodeID) async throws(BrokerError) {
    try requireOpen()
    nodeRoster.remove(node)
  }

  package func nodes() async throws(BrokerError) -> [NodeReport] {
    try requireOpen()
    return nodeRoster.nodes(at: clock())
  }

  package func tell(_ node: NodeID?, _ message: ControlMessage) async throws(BrokerError) {
    try requireOpen()
    fanout.publish(message, to: node)
  }

  package func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    try requireOpen()
    return fanout.controlMessages(to: node, receive)
  }
}

extension EmbeddedBroker: RevocationList {
  package func revoke(
    _ subject: Revocation.Subject, for memory: Duration
  ) async throws(BrokerError) -> RevocationAnswer {
    try requireOpen()
    let now = clock()
    let (revocation, _) = merge(Revocation(subject, at: now, until: now + memory), at: now)
    try await store.kept()
    return RevocationAnswer(revocation)
  }

  @discardableResult
  package func take(_ revocation: Revocation) async throws(BrokerError) -> Bool {
    try requireOpen()
    let (_, isNew) = merge(revocation, at: clock())
    try await store.kept()
    return isNew
  }

  /// What is known and what is said of a subject as one; told to all where it is news.
  func merge(_ said: Revocation, at now: Timestamp) -> (Revocation, isNew: Bool) {
    let known = store.revocations[said.subject].flatMap { $0.until > now ? $0 : nil }
    let merged = known?.merged(with: said) ?? said
    guard merged != known, merged.until > now else { return (known ?? said, false) }
    store.change(merged, merged.subject)
    store.stage(.control(.revoked(merged)))
    return (merged, true)
  }

  package func revocations(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> RevocationPage {
    try requireOpen()
    let limit = min(max(limit, 1), 1000)
    var last: RevocationBook.Ending?
    if let parts = cursor?.split(separator: " ", maxSplits: 1), parts.count == 2, let until = Int64(parts[0]) {
      last = RevocationBook.Ending(until: Timestamp(milliseconds: until), key: String(parts[1]))
    }
    let page = store.revocations.page(after: last, limit: limit, at: clock())
    let next = page.count == limit ? page.last.map { "\($0.until.milliseconds) \($0.ending.key)" } : nil
    return RevocationPage(page, next: next)
  }
}
