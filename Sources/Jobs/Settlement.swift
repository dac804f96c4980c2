/// How a worker ends its lease.
package enum Settlement: Hashable, Sendable {
  /// Done; the result is at most 64 KiB.
  case complete(JSONText?)
  /// Not done. `retry` decides whether another attempt follows, as long as attempts are left.
  case fail(JobFailure, retry: Retry)
  /// Given back undone: to the front of its queue, no attempt used.
  case release
  /// Given back undone by a worker that cannot run it: no attempt used, and nobody gets it for so long.
  case snooze(for: Duration)
  /// Stopped, because it was cancelled.
  case cancel(JobFailure)

  package enum Retry: Hashable, Sendable {
    /// After the policy's delay.
    case byPolicy(RetryPolicy)
    /// After the worker's own delay (a 429's Retry-After).
    case after(Duration)
    /// Never: another attempt would fail alike.
    case never
  }

  /// The most bytes of a result.
  package static let resultLimit = 64 << 10
}

/// What became of a settlement.
package enum SettlementOutcome: Hashable, Sendable {
  /// The job is now in this state. Also the answer to a repeat of a settlement that was accepted
  /// while its answer was lost on the wire.
  case settled(JobState)
  /// The lease was no longer the caller's; nothing was changed.
  case leaseLost
}
