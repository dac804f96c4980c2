package import EventLoop

/// How long a reader is borne with that is behind: what must arrive may wait for it, but not for ever and not without
/// bound. The same on a socket and on a stream.
@EventLoop
package struct ReaderPatience {
  private var deadline: TimerWheel.Deadline?
  private var hasDrained = false
  /// What the reader must have taken when the deadline comes, counted as ``Outbox/mustDeliverTaken`` is.
  private var mustBeTaken = 0

  package init() {}

  /// Whether a deadline is set.
  package var isTried: Bool { deadline != nil }

  /// The reader has taken something.
  package mutating func readerTook() { hasDrained = true }

  /// No deadline comes any more.
  package mutating func cancel() {
    deadline?.cancel()
    deadline = nil
  }

  /// Looks at a reader and at what waits for it in `outbox`: whether it is too slow to go on with.
  ///
  /// One that is behind gets a deadline; `lookAgain` is called when it has come, and asks this anew.
  package mutating func isOver(
    with outbox: Outbox, isBehind: Bool, in environment: SessionEnvironment,
    lookAgain: @escaping @EventLoop () -> Void
  ) -> Bool {
    if let deadline, !deadline.isPending {
      self.deadline = nil
      // A trickle is not enough: what waited when the deadline was set must have gone by now.
      if !hasDrained || outbox.mustDeliverTaken < mustBeTaken { return true }
    }
    guard isBehind else {
      cancel()
      return false
    }
    if outbox.mustDeliverByteCount > environment.settings.slowConsumerLimit { return true }
    guard deadline == nil else { return false }
    hasDrained = false
    mustBeTaken = outbox.mustDeliverAdded
    deadline = environment.wheel.schedule(after: environment.settings.slowConsumerDeadline, fire: lookAgain)
    return false
  }
}
