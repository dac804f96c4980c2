/// What may happen to a job, and where it leads from each state.
///
/// The table is the whole rule: brokers ask it, and the Lua scripts are tested against it.
package enum JobTransition: Hashable, Sendable, CaseIterable {
  /// Nothing keeps it from being taken any more: its time has come, its parents have ended, its user
  /// has room.
  case ready
  /// Its time has come, but its user has no room in the queue.
  case park
  /// Its parents have ended, and its time has not come.
  case wait
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
  /// The worker cannot run it, another may: later, no attempt is used.
  case snooze
  /// The lease ran out: its worker is lost.
  case lose
  /// The lease ran out too often.
  case loseFinally
  /// It passed a limit of its time, or a job it depends on did not complete.
  case expire
  /// Somebody cancels it (a running job is only asked to stop).
  case cancel
  /// The worker confirms that it stopped a job which was cancelled.
  case confirmCancel
  /// Something about it changes that watchers see, and its state does not.
  case touch
  /// It has ended and is to run again: at once, later, or when its user has room.
  case retry
  case retryLater
  case retryParked

  /// The state this leads to, or nil where it cannot happen.
  package func target(from state: JobState) -> JobState? {
    switch (self, state) {
    case (.ready, .scheduled), (.ready, .blocked), (.ready, .retrying): .queued
    case (.park, .scheduled), (.park, .blocked), (.park, .retrying), (.park, .queued): .blocked
    case (.wait, .blocked): .scheduled
    case (.lease, .queued): .running
    case (.complete, .running): .completed
    case (.failRetryably, .running): .retrying
    case (.failFinally, .running): .failed
    case (.release, .running), (.lose, .running): .queued
    case (.snooze, .running): .scheduled
    case (.loseFinally, .running): .failed
    case (.expire, .scheduled), (.expire, .blocked), (.expire, .queued), (.expire, .retrying):
      .failed
    case (.cancel, .scheduled), (.cancel, .blocked), (.cancel, .queued), (.cancel, .retrying):
      .cancelled
    case (.cancel, .running): .running
    case (.confirmCancel, .running): .cancelled
    case (.touch, .scheduled), (.touch, .blocked), (.touch, .queued), (.touch, .running),
      (.touch, .retrying):
      state
    case (.retry, .completed), (.retry, .failed), (.retry, .cancelled): .queued
    case (.retryLater, .completed), (.retryLater, .failed), (.retryLater, .cancelled): .scheduled
    case (.retryParked, .completed), (.retryParked, .failed), (.retryParked, .cancelled): .blocked
    default: nil
    }
  }
}
