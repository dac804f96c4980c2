/// A job as its record shows it at one moment: the truth that events only hint at.
package struct Job: Hashable, Sendable {
  package var id: JobID
  package var queue: QueueName
  package var kind: JobKind
  package var user: String
  package var state: JobState
  package var priority: Priority
  /// The attempt that runs or ran last; 0 before the first.
  package var attempt: Int
  package var maxAttempts: Int
  /// How often a worker was lost while it held the job.
  package var lostDeliveries: Int
  package var progress: Progress
  /// Place in the queue while queued; 1 is next.
  package var queuePosition: Int?
  /// Its worker has not renewed the lease in time.
  package var isStalled: Bool
  /// Somebody cancelled it and its worker has not stopped yet.
  package var isCancelling: Bool
  /// What the worker made of it; only of completed jobs.
  package var result: JSONText?
  /// Why it failed, was cancelled, or has to be tried again.
  package var failure: JobFailure?
  package var createdAt: Timestamp
  package var startedAt: Timestamp?
  package var finishedAt: Timestamp?
  package var updatedAt: Timestamp
  package var timeout: Duration?
  /// When a scheduled job begins, or a retrying one tries again.
  package var dueAt: Timestamp?
  /// Until when it has to have started, and to have ended.
  package var startBy: Timestamp?
  package var endBy: Timestamp?
  /// The worker that holds it, while it runs.
  package var worker: WorkerID?
  /// How many of the jobs it depends on have not ended.
  package var pendingParents: Int
  package var group: GroupID?
  /// The number of the last event, and the incarnation they are counted in.
  package var position: StreamPosition
  /// What was asked for; nil where a listing leaves it out.
  package var payload: JobPayload?

  package init(
    id: JobID, queue: QueueName, kind: JobKind, user: String, state: JobState,
    priority: Priority = .normal, attempt: Int = 0, maxAttempts: Int = 3, lostDeliveries: Int = 0,
    progress: Progress = Progress(), queuePosition: Int? = nil, isStalled: Bool = false,
    isCancelling: Bool = false, result: JSONText? = nil, failure: JobFailure? = nil,
    createdAt: Timestamp, startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil,
    updatedAt: Timestamp, timeout: Duration? = nil, dueAt: Timestamp? = nil,
    startBy: Timestamp? = nil, endBy: Timestamp? = nil, worker: WorkerID? = nil,
    pendingParents: Int = 0, group: GroupID? = nil, position: StreamPosition,
    payload: JobPayload? = nil
  ) {
    self.id = id
    self.queue = queue
    self.kind = kind
    self.user = user
    self.state = state
    self.priority = priority
    self.attempt = attempt
    self.maxAttempts = maxAttempts
    self.lostDeliveries = lostDeliveries
    self.progress = progress
    self.queuePosition = queuePosition
    self.isStalled = isStalled
    self.isCancelling = isCancelling
    self.result = result
    self.failure = failure
    self.createdAt = createdAt
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.updatedAt = updatedAt
    self.timeout = timeout
    self.dueAt = dueAt
    self.startBy = startBy
    self.endBy = endBy
    self.worker = worker
    self.pendingParents = pendingParents
    self.group = group
    self.position = position
    self.payload = payload
  }
}
