import EventLoop
import Jobs

/// A broker that gives the jobs a test puts in, does as it is told, and remembers what it heard.
@EventLoop
final class ScriptedBroker: Broker {
  /// Given out in order, as slots are free.
  private(set) var waiting: [LeasedJob] = []
  /// What renewals and reports of a job answer; `held` where nothing is said.
  var standings: [JobID: LeaseStanding] = [:]
  /// Every call throws `unavailable`.
  var isAway = false { didSet { changed() } }
  /// The next settlements that throw `unavailable`.
  var settlementsToLose = 0

  private(set) var leased: [LeasedJob] = []
  private(set) var renewals: [[Lease]] = []
  /// How many hear a report.
  var listeners = 1
  private(set) var reports: [(lease: Lease, progress: Progress)] = []
  private(set) var lines: [String] = []
  private(set) var settlements: [(lease: Lease, settlement: Settlement)] = []
  private(set) var attemptedSettlements = 0
  private(set) var reapings = 0
  /// How many settlements each call brought, and how many jobs it asked for.
  private(set) var exchanges: [(settlements: Int, limit: Int?)] = []
  private(set) var beats: [WorkerReport] = []
  /// What each heartbeat said it had heard.
  private(set) var heard: [Timestamp?] = []
  /// How often a waiter said that another should take what it was woken for.
  private(set) var passedOn = 0
  /// The next calls that take jobs whose answers are lost, jobs and all.
  var takingsToLose = 0
  private(set) var dismissed: [WorkerID] = []
  /// What heartbeats answer.
  var wanted = WorkerMode.running
  private(set) var mostLeasedAtOnce = 0

  private var held = 0
  private var receiver: (@EventLoop (WorkerDirective) -> Void)?
  private var conditions: [(isMet: @EventLoop () -> Bool, CheckedContinuation<Void, Never>)] = []
  private var workWaiters: [CheckedContinuation<Void, Never>] = []
  private var lastToken: UInt64 = 0

  nonisolated init() {}

  // MARK: For tests

  /// Puts a job in; answers with its id.
  @discardableResult
  func add(
    _ kind: String, _ payload: String = "{}", timeout: Duration? = nil, user: String = "alice"
  ) -> JobID {
    guard let payload = try? JSONText(validating: payload) else {
      preconditionFailure("a test's job has a bad payload")
    }
    return add(kind, .inline(payload), timeout: timeout, user: user)
  }

  /// The same with a payload that may lie in a store.
  @discardableResult
  func add(
    _ kind: String, _ payload: JobPayload, timeout: Duration? = nil, user: String = "alice"
  ) -> JobID {
    lastToken += 1
    let lease = Lease(
      job: JobID(), queue: .default, worker: WorkerID("unset")!, token: lastToken,
      deadline: .now + .seconds(30))
    guard let kind = JobKind(kind) else { preconditionFailure("a test's job has a bad kind") }
    waiting.append(
      LeasedJob(
        lease: lease, kind: kind, user: user, attempt: 1, maxAttempts: 3, timeout: timeout,
        payload: payload))
    wakeWorkers()
    return lease.job
  }

  /// Returns when the condition holds; looked at after every call the broker gets.
  func until(_ isMet: @escaping @EventLoop () -> Bool) async {
    if isMet() { return }
    await withCheckedContinuation { conditions.append((isMet, $0)) }
  }

  /// The settlement of a job, waited for.
  func settlement(of job: JobID) async -> Settlement {
    await until { self.settlements.contains { $0.lease.job == job } }
    return settlements.first { $0.lease.job == job }!.settlement
  }

  /// Somebody waits for work.
  var isWaitedFor: Bool { !workWaiters.isEmpty }

  func progress(of job: JobID) -> [Progress] {
    reports.filter { $0.lease.job == job }.map(\.progress)
  }

  func direct(_ directive: WorkerDirective) { receiver?(directive) }

  private func changed() {
    let (met, open) = (conditions.filter { $0.isMet() }, conditions.filter { !$0.isMet() })
    conditions = open
    for (_, continuation) in met { continuation.resume() }
  }

  private func wakeWorkers() {
    let waiters = workWaiters
    workWaiters = []
    for waiter in waiters { waiter.resume() }
  }

  private func answer() throws(BrokerError) {
    if isAway { throw .unavailable }
  }

  // MARK: JobQueue

  func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange {
    defer { changed() }
    exchanges.append((settlements.count, request?.limit))
    var exchange = Exchange()
    for one in settlements { exchange.outcomes.append(try end(one.lease, one.settlement)) }
    if let request { exchange.jobs = try take(request) }
    return exchange
  }

  private func take(_ request: LeaseRequest) throws(BrokerError) -> [LeasedJob] {
    try answer()
    var jobs = Array(waiting.prefix(request.limit))
    waiting.removeFirst(jobs.count)
    for index in jobs.indices { jobs[index].lease.worker = request.worker }
    leased += jobs
    if takingsToLose > 0, !jobs.isEmpty {
      takingsToLose -= 1
      throw .unavailable
    }
    held += jobs.count
    mostLeasedAtOnce = max(mostLeasedAtOnce, held)
    return jobs
  }

  func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {
    if !waiting.isEmpty { return }
    let timer = LoopTimer(after: timeout) { [weak self] in self?.wakeWorkers() }
    await withCheckedContinuation {
      workWaiters.append($0)
      changed()
    }
    timer.stop()
  }

  func passOnWork(in queues: [QueueName]) async {
    passedOn += 1
    changed()
  }

  func extend(_ leases: [Lease], for duration: Duration) async throws(BrokerError)
    -> [LeaseStanding]
  {
    defer { changed() }
    try answer()
    renewals.append(leases)
    return leases.map { standings[$0.job] ?? .held }
  }

  func report(_ progress: Progress, under lease: Lease) async throws(BrokerError) -> ReportAnswer {
    defer { changed() }
    try answer()
    reports.append((lease, progress))
    return ReportAnswer(standings[lease.job] ?? .held, listeners: listeners)
  }

  func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    defer { changed() }
    try answer()
    self.lines += lines
    return standings[lease.job] ?? .held
  }

  private func end(
    _ lease: Lease, _ settlement: Settlement
  ) throws(BrokerError) -> SettlementOutcome {
    attemptedSettlements += 1
    try answer()
    if settlementsToLose > 0 {
      settlementsToLose -= 1
      throw .unavailable
    }
    if case .complete(let result?) = settlement, result.bytes.count > Settlement.resultLimit {
      throw .reportTooLarge(limit: Settlement.resultLimit)
    }
    settlements.append((lease, settlement))
    held -= 1
    return standings[lease.job] == .lost ? .leaseLost : .settled(.completed)
  }

  func maintain(limit: Int, _ rules: LossRules) async throws(BrokerError) -> MaintenanceReport {
    defer { changed() }
    reapings += 1
    try answer()
    return MaintenanceReport()
  }

  func beat(
    _ report: WorkerReport, renewing leases: [Lease], heard: Timestamp?, for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer {
    beats.append(report)
    self.heard.append(heard)
    let at = Timestamp(milliseconds: Int64(beats.count))
    return HeartbeatAnswer(standings: try await extend(leases, for: duration), wanted: wanted, at: at)
  }

  func dismiss(_ worker: WorkerID) async throws(BrokerError) {
    try answer()
    dismissed.append(worker)
  }

  func isAvailable() async -> Bool { !isAway }
  func close() async {}

  // MARK: What workers do not use

  private func unused() -> Never { preconditionFailure("a worker does not call this") }
  func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance { unused() }
  func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job { unused() }
  func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job { unused() }
  func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job { unused() }
  func promote(_ id: JobID) async throws(BrokerError) -> Job { unused() }
  func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job { unused() }
  func remove(_ id: JobID) async throws(BrokerError) -> Bool { unused() }
  func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace] { unused() }
  func queues() async throws(BrokerError) -> [QueueStatus] { unused() }
  func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus? { unused() }
  func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?
  ) async throws(BrokerError) -> QueueStatus { unused() }
  func setMode(
    of name: QueueName, to mode: QueueMode
  ) async throws(BrokerError) -> QueueStatus { unused() }
  func clear(
    _ name: QueueName, _ states: Set<JobState>, limit: Int
  ) async throws(BrokerError) -> Int { unused() }
  func delete(_ name: QueueName) async throws(BrokerError) { unused() }
  func statistics(
    of name: QueueName?, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics { unused() }
  func workers() async throws(BrokerError) -> [WorkerInfo] { unused() }
  func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError) { unused() }
  func job(_ id: JobID) async throws(BrokerError) -> Job? { unused() }
  func logLines(of id: JobID) async throws(BrokerError) -> [String] { unused() }
  func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage { unused() }
  func positions(of channels: [Channel]) async throws(BrokerError) -> [Channel: StreamPosition] { unused() }
  func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription { unused() }
  func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding { unused() }

  func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding { unused() }

  func archive(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> ArchivePage { unused() }
  func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport { unused() }
  func discard(_ ids: [JobID]) async throws(BrokerError) { unused() }
  func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport { unused() }

  func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup { unused() }
  func close(_ group: GroupID) async throws(BrokerError) -> JobGroup { unused() }
  func group(_ id: GroupID) async throws(BrokerError) -> JobGroup? { unused() }
  func jobs(
    of group: GroupID, limit: Int, cursor: String?
  ) async throws(BrokerError) -> JobPage { unused() }

  func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp? { unused() }
  func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool { unused() }
  func schedules() async throws(BrokerError) -> [ScheduleStatus] { unused() }
  func fire(
    _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
  ) async throws(BrokerError) -> JobID? { unused() }

  // MARK: Nodes and revocations

  func beat(_ report: NodeReport, for lifetime: Duration) async throws(BrokerError) { unused() }
  func dismiss(_ node: NodeID) async throws(BrokerError) { unused() }
  func nodes() async throws(BrokerError) -> [NodeReport] { unused() }
  func tell(_ node: NodeID?, _ message: ControlMessage) async throws(BrokerError) { unused() }
  func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) async throws(BrokerError) -> any EventSubscription { unused() }
  func revoke(
    _ subject: Revocation.Subject, for memory: Duration
  ) async throws(BrokerError) -> RevocationAnswer { unused() }
  func take(_ revocation: Revocation) async throws(BrokerError) -> Bool { unused() }
  func revocations(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> RevocationPage { unused() }

  // MARK: FeedSource

  func register(_ consumer: FeedConsumer, bound: Int) async throws(BrokerError) { unused() }
  func forget(_ consumer: FeedConsumer) async throws(BrokerError) -> Bool { unused() }
  func feed(
    for consumer: FeedConsumer, holder: String, lease: Duration, limit: Int
  ) async throws(BrokerError) -> FeedBatch { unused() }
  func commit(
    _ consumer: FeedConsumer, through place: FeedPlace, holder: String
  ) async throws(BrokerError) -> Bool { unused() }
  func release(_ consumer: FeedConsumer, holder: String) async throws(BrokerError) { unused() }
  func feedStandings() async throws(BrokerError) -> [FeedStanding] { unused() }

  // MARK: EventSource

  var isDelivering: Bool { !isAway }

  func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    receiver = receive
    return Subscription { [weak self] in self?.receiver = nil }
  }

  @EventLoop private final class Subscription: EventSubscription {
    private let end: @EventLoop () -> Void
    init(_ end: @escaping @EventLoop () -> Void) { self.end = end }
    func cancel() { end() }
  }
}
