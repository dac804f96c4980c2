/// What a broker refuses, and why.
package enum BrokerError: Error, Hashable, Sendable {
  /// The broker cannot be reached, or did not answer in time. The operation may or may not have
  /// happened: repeat it with the same id or key.
  case unavailable
  case jobNotFound
  /// The idempotency key was used by the same user for another request.
  case idempotencyKeyReused
  /// The idempotency key belongs to a submission that is still under way.
  case idempotencyKeyInFlight
  /// The state of the job does not allow it.
  case wrongState(JobState)
  /// The payload has more bytes than a job may carry.
  case payloadTooLarge(limit: Int)
  /// A progress report, log line or result has more bytes than allowed.
  case reportTooLarge(limit: Int)
  /// What the broker holds is not what it wrote: a fault of the store, told with its name.
  case corrupt(String)
}
