import EventLoop
import Jobs
import Logging
import Support
import Testing

@testable import Fanfare

@Suite("The audit that goes on by itself", .timeLimit(.minutes(1))) struct RegularAuditTests {
  /// A store of three pieces that several processes share, with something wrong in the second.
  @EventLoop private final class Store: BrokerAudit, BrokerArchive, RequestBudget {
    /// When each whole audit was done.
    private(set) var audits: [ContinuousClock.Instant] = []
    private(set) var cursors: [String?] = []
    private var grants: [ContinuousClock.Instant] = []
    private var waiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var isWhole = true

    func audit(repairs: Bool, after cursor: String?, limit: Int) async throws(BrokerError) -> AuditReport {
      cursors.append(cursor)
      switch cursor {
      case nil: return AuditReport(checked: 1, next: "1")
      case "1":
        let finding = AuditFinding(
          kind: .missingLease, subject: "job", detail: "runs without one", isRepaired: repairs)
        return AuditReport(checked: 1, findings: [finding], next: "2")
      default:
        audits.append(.now)
        for one in waiting where audits.count >= one.count { one.continuation.resume() }
        waiting.removeAll { audits.count >= $0.count }
        return AuditReport(checked: 1)
      }
    }

    func audited(_ count: Int) async {
      guard audits.count < count else { return }
      await withCheckedContinuation { waiting.append((count, $0)) }
    }

    /// Exact in any span, as a broker's.
    func spendRequest(of user: String, limit: Int, window: Duration) async throws(BrokerError) -> BudgetStanding {
      let now = ContinuousClock.now
      grants.removeAll { now - $0 >= window }
      guard grants.count < limit else {
        return BudgetStanding(isAdmitted: false, remaining: 0, retryAfter: window)
      }
      grants.append(now)
      return BudgetStanding(isAdmitted: true, remaining: limit - grants.count, retryAfter: .zero)
    }

    func requestBudget(of user: String, limit: Int, window: Duration) async throws(BrokerError) -> BudgetStanding {
      throw .unavailable
    }
    func archive(after cursor: String?, limit: Int) async throws(BrokerError) -> ArchivePage { throw .unavailable }
    func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport { throw .unavailable }
    func discard(_ ids: [JobID]) async throws(BrokerError) { throw .unavailable }
  }

  @Test("is done by one process at a time, and again and again, and tells what it mended")
  @EventLoop func turns() async throws {
    let store = Store(), log = LogRecorder(from: .info)
    let interval = Duration.milliseconds(200)
    let audits = (0..<3).map { _ in
      RegularAudit(
        of: store, every: interval, rest: .milliseconds(1), logger: Logger(label: "test") { _ in log })
    }
    await store.audited(3)
    for audit in audits { audit.stop() }
    // Each time whole, and none beside another.
    #expect(store.cursors.prefix(9) == [nil, "1", "2", nil, "1", "2", nil, "1", "2"])
    for (earlier, later) in zip(store.audits, store.audits.dropFirst()) {
      #expect(later - earlier > interval / 2, "a turn for all of them together")
    }
    let first = log.events.first.map { "\($0.level) \($0.message) \($0.metadata?["subject"] ?? "")" }
    #expect(first == "warning what cannot be was found and mended job")
  }
}
