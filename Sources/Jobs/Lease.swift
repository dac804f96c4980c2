/// A worker's right to run a job, until its deadline unless renewed.
///
/// The token is a fencing number: it grows with every lease of a job, stands on every write of a
/// worker, and an old one is refused. So a worker that was only slow cannot overwrite the run of
/// the one that took over.
package struct Lease: Hashable, Sendable {
  package var job: JobID
  package var queue: QueueName
  package var worker: WorkerID
  package var token: UInt64
  /// By the broker's clock.
  package var deadline: Timestamp

  package init(
    job: JobID, queue: QueueName, worker: WorkerID, token: UInt64, deadline: Timestamp
  ) {
    self.job = job
    self.queue = queue
    self.worker = worker
    self.token = token
    self.deadline = deadline
  }
}

/// A job handed to a worker, with the lease it is run under.
package struct LeasedJob: Hashable, Sendable {
  package var lease: Lease
  package var kind: JobKind
  package var user: String
  package var attempt: Int
  package var maxAttempts: Int
  package var timeout: Duration?
  package var payload: JobPayload

  package init(
    lease: Lease, kind: JobKind, user: String, attempt: Int, maxAttempts: Int,
    timeout: Duration?, payload: JobPayload
  ) {
    self.lease = lease
    self.kind = kind
    self.user = user
    self.attempt = attempt
    self.maxAttempts = maxAttempts
    self.timeout = timeout
    self.payload = payload
  }
}

/// What a worker learns about its lease with every renewal and report.
package enum LeaseStanding: Hashable, Sendable {
  case held
  /// Somebody cancelled the job: stop it, then settle it as cancelled. The lease is still held.
  case cancelRequested
  /// Another token is in force, or the job has ended: stop at once and write nothing more.
  case lost
  /// Where the job is kept cannot be reached, while other leases of the same call could be renewed: this one
  /// was not renewed. It stands for as long as it last had, and the renewal is to be tried again.
  case unavailable
}
