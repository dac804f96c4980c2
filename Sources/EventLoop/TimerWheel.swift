/// Many coarse deadlines at constant cost: pings, handshakes, slow bodies.
///
/// A hashed wheel of `slots` slots turned every `tick`; a deadline is kept within two ticks. Setting
/// and cancelling are O(1) and make no system call.
@EventLoop
package final class TimerWheel {
  /// One deadline, held by its owner; letting it go does not cancel it, ``cancel()`` does.
  @EventLoop
  package final class Deadline {
    fileprivate var rounds: Int
    fileprivate var fire: (@EventLoop () -> Void)?

    fileprivate init(rounds: Int, fire: @escaping @EventLoop () -> Void) {
      self.rounds = rounds
      self.fire = fire
    }

    /// Whether it is still to fire: it neither has nor was cancelled.
    package var isPending: Bool { fire != nil }

    /// Never fires; what its closure held is let go at once.
    package func cancel() { fire = nil }
  }

  private let tick: Duration
  private var slots: [[Deadline]]
  private var current = 0
  private var timer: LoopTimer?

  /// A wheel that turns while it exists.
  package init(tick: Duration = .milliseconds(100), slots count: Int = 512) {
    self.tick = tick
    slots = Array(repeating: [], count: count)
    timer = LoopTimer(every: tick) { [weak self] in self?.turn() }
  }

  /// Calls `fire` once, between `delay` and `delay` + two ticks from now; later where the loop is held
  /// up.
  @discardableResult
  package func schedule(
    after delay: Duration, fire: @escaping @EventLoop () -> Void
  ) -> Deadline {
    let ticks = max(1, Int((delay / tick).rounded(.up)) + 1)
    let deadline = Deadline(rounds: (ticks - 1) / slots.count, fire: fire)
    slots[(current + ticks) % slots.count].append(deadline)
    return deadline
  }

  private func turn() {
    current = (current + 1) % slots.count
    guard !slots[current].isEmpty else { return }
    var due: [Deadline] = []
    slots[current].removeAll { deadline in
      if deadline.fire == nil { return true }
      if deadline.rounds > 0 {
        deadline.rounds -= 1
        return false
      }
      due.append(deadline)
      return true
    }
    for deadline in due {
      // A deadline that fired earlier in this turn may have cancelled this one.
      guard let fire = deadline.fire else { continue }
      deadline.fire = nil
      fire()
    }
  }
}
