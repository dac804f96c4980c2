/// What may happen to a job, and where it leads from each state.
///
/// The table is the whole rule: brokers ask it, and the Lua scripts are tested against it.
package enum JobTransition: Hashable, Sendable, CaseIterable {
  /// Its time has come.
  case due
  /// A worker takes it.
  case lease
  /// The worker did it.
  case complete
  /// The worker could not, and attempts are left.
  case failRetryably
  /// The worker could not, and no attempt is left (or none is wanted).
  case failFinally
  /// The worker gives it back undone, as at a shutdown: no attempt is used.
  case release
  /// The lease ran out: its worker is lost.
  case lose
  /// The lease ran out too often.
  case loseFinally
  /// Somebody cancels it (a running job is only asked to stop).
  case cancel
  /// The worker confirms that it stopped a job which was cancelled.
  case confirmCancel

  /// The state this leads to, or nil where it cannot happen.
  package func target(from state: JobState) -> JobState? {
    switch (self, state) {
    case (.due, .scheduled), (.due, .blocked), (.due, .retrying): .queued
    case (.lease, .queued): .running
    case (.complete, .running): .completed
    case (.failRetryably, .running): .retrying
    case (.failFinally, .running): .failed
    case (.release, .running), (.lose, .running): .queued
    case (.loseFinally, .running): .failed
    case (.cancel, .scheduled), (.cancel, .blocked), (.cancel, .queued), (.cancel, .retrying):
      .cancelled
    case (.cancel, .running): .running
    case (.confirmCancel, .running): .cancelled
    default: nil
    }
  }
}
