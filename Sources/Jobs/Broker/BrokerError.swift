/// What a broker refuses, and why.
package enum BrokerError: Error, Hashable, Sendable {
  /// The broker cannot be reached, or did not answer in time. The operation may or may not have
  /// happened: repeat it with the same id or key.
  case unavailable
  case jobNotFound
  /// The idempotency key was used by the same user for another request.
  case idempotencyKeyReused
  /// Another unfinished job has the unique key.
  case uniqueKeyTaken(JobID)
  /// A job it is to wait for is not on record.
  case parentNotFound(JobID)
  case groupNotFound
  /// The group takes no more jobs.
  case groupClosed
  case queueNotFound
  /// The queue has unfinished jobs.
  case queueNotEmpty(jobs: Int)
  /// The queue takes no jobs, because it is drained.
  case queueDraining
  /// As many jobs wait in the queue as may.
  case queueFull(limit: Int)
  /// What the change was based on is not what stands.
  case changedMeanwhile
  case workerNotFound
  /// The state of the job does not allow it.
  case wrongState(JobState)
  /// The payload has more bytes than a job may carry.
  case payloadTooLarge(limit: Int)
  /// A progress report, log line or result has more bytes than allowed.
  case reportTooLarge(limit: Int)
  /// What the broker holds is not what it wrote: a fault of the store, told with its name.
  case corrupt(String)
}
