import EventLoop

/// A deadline that is moved often and seldom met: one entry in the wheel however often it moves.
@EventLoop
final class MovingDeadline {
  private let wheel: TimerWheel
  private let clock = ContinuousClock()
  private var due: ContinuousClock.Instant?
  private var entry: (deadline: TimerWheel.Deadline, at: ContinuousClock.Instant)?
  /// Called when the deadline is met, which it then no longer is.
  var whenMet: (@EventLoop () -> Void)?

  init(wheel: TimerWheel) { self.wheel = wheel }

  /// Replaces the deadline, if one was set.
  func set(after delay: Duration) {
    let due = clock.now + delay
    self.due = due
    if let entry, entry.at <= due { return }
    entry?.deadline.cancel()
    schedule(after: delay, at: due)
  }

  private func schedule(after delay: Duration, at instant: ContinuousClock.Instant) {
    let deadline = wheel.schedule(after: delay) { [weak self] in self?.passed() }
    entry = (deadline, instant)
  }

  private func passed() {
    entry = nil
    guard let due else { return }
    let left = due - clock.now
    guard left <= .zero else { return schedule(after: left, at: due) }
    self.due = nil
    whenMet?()
  }

  /// No deadline any more.
  func clear() { due = nil }

  /// Lets go of the wheel's entry too; for the end of an owner's life.
  func cancel() {
    due = nil
    whenMet = nil
    entry?.deadline.cancel()
    entry = nil
  }
}
