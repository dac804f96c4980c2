import EventLoop
import Jobs

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
  /// A small job of alice's.
  static func example(
    queue: QueueName = .mail, user: String = "alice", priority: Priority = .normal,
    payload: JSONText = .emptyObject, maxAttempts: Int = 3, key: String? = nil
  ) -> JobRequest {
    JobRequest(
      queue: queue, kind: .example, user: user, payload: payload, priority: priority,
      maxAttempts: maxAttempts, idempotencyKey: key)
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
