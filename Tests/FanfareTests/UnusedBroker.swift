import EventLoop
import Jobs

/// A broker that is only opened and closed.
@EventLoop
final class UnusedBroker: JobQueue, EventSource, RequestBudget {
  private let closed: @EventLoop () -> Void

  init(closed: @escaping @EventLoop () -> Void) { self.closed = closed }

  func close() async { closed() }
  func isAvailable() async -> Bool { true }
  var isDelivering: Bool { true }

  func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance { throw .unavailable }
  func lease(
    from queues: [QueueName], limit: Int, for duration: Duration, by worker: WorkerID
  ) async throws(BrokerError) -> [LeasedJob] { throw .unavailable }
  func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {}
  func extend(_ leases: [Lease], for duration: Duration) async throws(BrokerError)
    -> [LeaseStanding]
  { throw .unavailable }
  func report(_ progress: Progress, under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    throw .unavailable
  }
  func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    throw .unavailable
  }
  func settle(_ lease: Lease, _ settlement: Settlement) async throws(BrokerError)
    -> SettlementOutcome
  { throw .unavailable }
  func cancel(_ id: JobID, reason: String?) async throws(BrokerError) -> Job { throw .unavailable }
  func job(_ id: JobID) async throws(BrokerError) -> Job? { throw .unavailable }
  func logLines(of id: JobID) async throws(BrokerError) -> [String] { throw .unavailable }
  func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage { throw .unavailable }
  func reap(limit: Int, maxLost: Int, amnesty: Duration) async throws(BrokerError) -> ReapReport {
    throw .unavailable
  }
  func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription { throw .unavailable }
  func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription { throw .unavailable }
  func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding { throw .unavailable }
  func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding { throw .unavailable }
}
