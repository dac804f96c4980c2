import EventLoop
import Jobs
import Testing

extension QueueName {
  static let mail = QueueName("mail")!
  static let video = QueueName("video")!
}

extension JobKind {
  static let example = JobKind("example")!
}

extension WorkerID {
  static let a = WorkerID("worker-a")!
  static let b = WorkerID("worker-b")!
}

extension Priority {
  static let low = Priority(1)!
  static let high = Priority(10)!
}

extension JobFailure {
  static let example = JobFailure(code: "exit_status", message: "It ended with status 1.")
}

extension JobRequest {
  /// A small job of alice's, but for what `change` makes of it.
  static func example(
    queue: QueueName = .mail, user: String = "alice", priority: Priority = .normal,
    payload: JSONText = .emptyObject, maxAttempts: Int = 3, key: String? = nil,
    _ change: (inout JobRequest) -> Void = { _ in }
  ) -> JobRequest {
    var request = JobRequest(
      queue: queue, kind: .example, user: user, payload: payload, priority: priority,
      maxAttempts: maxAttempts, idempotencyKey: key)
    change(&request)
    return request
  }

  /// One that waits for other jobs.
  static func child(
    of parents: [JobID], whenOneFails rule: ParentFailureRule = .cancel, queue: QueueName = .mail
  ) -> JobRequest {
    .example(queue: queue) { $0.dependencies = JobDependencies(parents: parents, whenOneFails: rule) }
  }
}

/// A shorter way to say what most tests begin with.
extension JobQueue {
  /// The job of an accepted request.
  @discardableResult
  func accept(_ request: JobRequest = .example()) async throws(BrokerError) -> Job {
    try await enqueue(request).job
  }

  /// The next job of a queue, or nil.
  func next(
    from queue: QueueName = .mail, for duration: Duration = .seconds(30), by worker: WorkerID = .a
  ) async throws(BrokerError) -> LeasedJob? {
    try await lease(from: [queue], limit: 1, for: duration, by: worker).first
  }

  /// The job as it stands, which has to be on record.
  func find(_ id: JobID) async throws -> Job {
    try #require(try await job(id), "\(id) is not on record")
  }

  /// Takes the next job of a queue, which has to be there, and ends it.
  @discardableResult
  func work(
    _ settlement: Settlement = .complete(nil), in queue: QueueName = .mail
  ) async throws -> JobID {
    let lease = try #require(try await next(from: queue), "nothing to take").lease
    try await end(lease, settlement)
    return lease.job
  }

  /// The jobs of a queue in the order in which a worker gets them.
  func takeAll(
    from queue: QueueName = .mail, for duration: Duration = .seconds(30)
  ) async throws(BrokerError) -> [JobID] {
    try await lease(from: [queue], limit: 1000, for: duration, by: .a).map(\.lease.job)
  }

  /// Settles and says only which state came of it; nil when the lease was lost.
  @discardableResult
  func end(_ lease: Lease, _ settlement: Settlement = .complete(nil)) async throws(BrokerError)
    -> JobState?
  {
    switch try await settle(lease, settlement) {
    case .settled(let state): state
    case .leaseLost: nil
    }
  }

  /// Every page of a listing, one after the other.
  func allJobs(matching filter: JobFilter) async throws(BrokerError) -> [Job] {
    var filter = filter
    var found: [Job] = []
    while true {
      let page = try await jobs(matching: filter)
      found += page.jobs
      guard let next = page.next else { return found }
      filter.cursor = next
    }
  }
}

extension QueueAdministration {
  /// Changes some of a queue's settings.
  @discardableResult
  func change(
    _ name: QueueName = .mail, _ change: @Sendable (inout QueueSettings) -> Void
  ) async throws(BrokerError) -> QueueStatus {
    var settings = try await queue(name)?.settings ?? QueueSettings()
    change(&settings)
    return try await set(name, to: settings, ifVersion: nil)
  }

  /// The queue as it stands, which has to be there.
  func find(_ name: QueueName = .mail) async throws -> QueueStatus {
    try #require(try await queue(name), "nobody named \(name)")
  }
}

extension JobControl {
  /// Does what time asks for, whoever was silent how long.
  @discardableResult
  func maintain(
    limit: Int = 100, maxLost: Int = 3, warning: Duration = .zero
  ) async throws(BrokerError) -> MaintenanceReport {
    try await maintain(
      limit: limit, LossRules(maxLost: maxLost, amnesty: .seconds(86_400), warning: warning))
  }
}
