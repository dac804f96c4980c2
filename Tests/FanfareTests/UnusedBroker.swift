import EventLoop
import Jobs

/// A broker that is only opened and closed.
@EventLoop
final class UnusedBroker: Broker {
  private let closed: @EventLoop () -> Void

  init(closed: @escaping @EventLoop () -> Void) { self.closed = closed }

  func close() async { closed() }
  func isAvailable() async -> Bool { true }
  var isDelivering: Bool { true }

  func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance { throw .unavailable }
  func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange { throw .unavailable }
  func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {}
  func passOnWork(in queues: [QueueName]) async {}
  func extend(_ leases: [Lease], for duration: Duration) async throws(BrokerError)
    -> [LeaseStanding]
  { throw .unavailable }
  func report(_ progress: Progress, under lease: Lease) async throws(BrokerError) -> ReportAnswer {
    throw .unavailable
  }
  func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    throw .unavailable
  }
  func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job {
    throw .unavailable
  }
  func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job { throw .unavailable }
  func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job {
    throw .unavailable
  }
  func promote(_ id: JobID) async throws(BrokerError) -> Job { throw .unavailable }
  func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job {
    throw .unavailable
  }
  func remove(_ id: JobID) async throws(BrokerError) -> Bool { throw .unavailable }
  func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace] {
    throw .unavailable
  }
  func queues() async throws(BrokerError) -> [QueueStatus] { throw .unavailable }
  func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus? { throw .unavailable }
  func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?
  ) async throws(BrokerError) -> QueueStatus { throw .unavailable }
  func setMode(
    of name: QueueName, to mode: QueueMode
  ) async throws(BrokerError) -> QueueStatus { throw .unavailable }
  func clear(
    _ name: QueueName, _ states: Set<JobState>, limit: Int
  ) async throws(BrokerError) -> Int { throw .unavailable }
  func delete(_ name: QueueName) async throws(BrokerError) { throw .unavailable }
  func statistics(
    of name: QueueName?, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics { throw .unavailable }
  func beat(
    _ report: WorkerReport, renewing leases: [Lease], heard: Timestamp?, for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer { throw .unavailable }
  func dismiss(_ worker: WorkerID) async throws(BrokerError) { throw .unavailable }
  func workers() async throws(BrokerError) -> [WorkerInfo] { throw .unavailable }
  func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError) {
    throw .unavailable
  }
  func job(_ id: JobID) async throws(BrokerError) -> Job? { throw .unavailable }
  func logLines(of id: JobID) async throws(BrokerError) -> [String] { throw .unavailable }
  func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage { throw .unavailable }
  func maintain(limit: Int, _ rules: LossRules) async throws(BrokerError) -> MaintenanceReport {
    throw .unavailable
  }
  func positions(of channels: [Channel]) async throws(BrokerError) -> [Channel: StreamPosition] { throw .unavailable }
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
  func archive(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> ArchivePage { throw .unavailable }
  func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport { throw .unavailable }
  func discard(_ ids: [JobID]) async throws(BrokerError) { throw .unavailable }
  func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport { throw .unavailable }

  func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup { throw .unavailable }
  func close(_ group: GroupID) async throws(BrokerError) -> JobGroup { throw .unavailable }
  func group(_ id: GroupID) async throws(BrokerError) -> JobGroup? { throw .unavailable }
  func jobs(
    of group: GroupID, limit: Int, cursor: String?
  ) async throws(BrokerError) -> JobPage { throw .unavailable }

  func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp? {
    throw .unavailable
  }
  func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool { throw .unavailable }
  func schedules() async throws(BrokerError) -> [ScheduleStatus] { throw .unavailable }
  func fire(
    _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
  ) async throws(BrokerError) -> JobID? { throw .unavailable }

  // MARK: Nodes and revocations

  func beat(_ report: NodeReport, for lifetime: Duration) async throws(BrokerError) { throw .unavailable }
  func dismiss(_ node: NodeID) async throws(BrokerError) { throw .unavailable }
  func nodes() async throws(BrokerError) -> [NodeReport] { throw .unavailable }
  func tell(_ node: NodeID?, _ message: ControlMessage) async throws(BrokerError) { throw .unavailable }
  func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) async throws(BrokerError) -> any EventSubscription { throw .unavailable }
  func revoke(
    _ subject: Revocation.Subject, for memory: Duration
  ) async throws(BrokerError) -> RevocationAnswer { throw .unavailable }
  func take(_ revocation: Revocation) async throws(BrokerError) -> Bool { throw .unavailable }
  func revocations(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> RevocationPage { throw .unavailable }

  // MARK: FeedSource

  func register(_ consumer: FeedConsumer, bound: Int) async throws(BrokerError) { throw .unavailable }
  func forget(_ consumer: FeedConsumer) async throws(BrokerError) -> Bool { throw .unavailable }
  func feed(
    for consumer: FeedConsumer, holder: String, lease: Duration, limit: Int
  ) async throws(BrokerError) -> FeedBatch { throw .unavailable }
  func commit(
    _ consumer: FeedConsumer, through place: FeedPlace, holder: String
  ) async throws(BrokerError) -> Bool { throw .unavailable }
  func release(_ consumer: FeedConsumer, holder: String) async throws(BrokerError) { throw .unavailable }
  func feedStandings() async throws(BrokerError) -> [FeedStanding] { throw .unavailable }
}
