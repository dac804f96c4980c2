package import Jobs

/// How a worker says that it is done with a job.
package enum Outcome: Hashable, Sendable {
  /// Done. The result is any JSON, at most ``Jobs/Settlement/resultLimit`` bytes.
  case completed(JSONText?)
  /// Not done, tried again by the worker's policy while attempts are left.
  case failed(JobFailure)
  /// Not done, and another attempt would fail alike.
  case failedForGood(JobFailure)
  /// Not done, to be tried again after the worker's own delay.
  case failedUntil(JobFailure, retryAfter: Duration)
  /// Not begun, since something that it needs is taken: given back as if it had never been taken, for so long.
  case postponed(for: Duration)
}
