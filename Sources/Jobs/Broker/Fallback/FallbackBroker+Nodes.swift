import EventLoop
import Logging

/// Other nodes can be reached through the shared broker alone: while it is away there is this one.
extension FallbackBroker: NodeDirectory {
  package func beat(_ report: NodeReport, for lifetime: Duration) async throws(BrokerError) {
    try await local.beat(report, for: lifetime)
    if isReachable() { try await shared.beat(report, for: lifetime) }
  }

  package func dismiss(_ node: NodeID) async throws(BrokerError) {
    try await local.dismiss(node)
    if isReachable() { try await shared.dismiss(node) }
  }

  package func nodes() async throws(BrokerError) -> [NodeReport] { try await active.nodes() }

  package func tell(_ node: NodeID?, _ message: ControlMessage) async throws(BrokerError) {
    try await active.tell(node, message)
  }

  package func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    let here = try await local.controlMessages(to: node, receive)
    return try await joined(here) { [weak self, shared] () async throws(BrokerError) in
      try await shared.controlMessages(to: node) { message in
        receive(message)
        guard case .revoked(let revocation) = message else { return }
        Task { @EventLoop [weak self] in await self?.keepHere([revocation]) }
      }
    }
  }
}

/// **Revocations** are in force here at once, whether the shared broker is there or not: while it is away they are
/// kept on this machine's disk, hold for this node, and reach the others when it is back. What it holds is kept here
/// as well, as far as it was heard, so that a gateway that starts without it does not let in whom it knew as revoked.
extension FallbackBroker: RevocationList {
  package func revoke(
    _ subject: Revocation.Subject, for memory: Duration
  ) async throws(BrokerError) -> RevocationAnswer {
    guard isReachable() else {
      var answer = try await local.revoke(subject, for: memory)
      owedRevocations.append(answer.revocation)
      answer.durability = .local
      return answer
    }
    let answer = try await shared.revoke(subject, for: memory)
    await keepHere([answer.revocation])
    return answer
  }

  @discardableResult
  package func take(_ revocation: Revocation) async throws(BrokerError) -> Bool {
    guard isReachable() else {
      let isNew = try await local.take(revocation)
      if isNew { owedRevocations.append(revocation) }
      return isNew
    }
    let isNew = try await shared.take(revocation)
    await keepHere([revocation])
    return isNew
  }

  /// Those that are kept here, then those of the shared broker, if it is there.
  package func revocations(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> RevocationPage {
    let place = cursor.map { $0.dropFirst() }.flatMap { $0.isEmpty ? nil : String($0) }
    guard cursor?.first == "s" else {
      var page = try await local.revocations(after: place, limit: limit)
      page.next = page.next.map { "l" + $0 } ?? (isReachable() ? "s" : nil)
      return page
    }
    var page = try await shared.revocations(after: place, limit: limit)
    await keepHere(page.revocations)
    page.next = page.next.map { "s" + $0 }
    return page
  }

  private func keepHere(_ revocations: [Revocation]) async {
    do throws(BrokerError) { _ = try await local.restore(revocations.map { .revocation($0) }) } catch {
      logger.warning("revocations could not be kept here", metadata: ["error": "\(error)"])
    }
  }

  /// Gives the shared broker the revocations that it may lack, if it can be reached.
  func handOverRevocations() async {
    guard !owedRevocations.isEmpty, isReachable() else { return }
    let owed = owedRevocations
    owedRevocations = []
    do throws(BrokerError) {
      let report = try await shared.restore(owed.map { .revocation($0) })
      if report.restored > 0 {
        logger.notice(
          "revocations made while the broker was away were handed over",
          metadata: ["count": "\(report.restored)"])
      }
    } catch {
      owedRevocations = owed + owedRevocations
      logger.info("revocations could not be handed over yet", metadata: ["error": "\(error)"])
    }
  }
}
