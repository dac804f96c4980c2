/// Whether a client keeps up: so many bytes in each stretch of waiting for it.
///
/// Only the time spent waiting counts; where we are the slow ones, the client is not blamed.
struct Pace {
  private let amount: Int
  private let window: Duration
  private var waited = Duration.zero
  private var moved = 0
  private var waitingSince: ContinuousClock.Instant?

  /// At least `amount` bytes for each `window` of waiting.
  init(_ amount: Int, in window: Duration) {
    self.amount = amount
    self.window = window
  }

  /// The wait for the client begins, or goes on; returns how long it may last.
  mutating func waits(at now: ContinuousClock.Instant) -> Duration {
    let since = waitingSince ?? now
    waitingSince = since
    return window - waited - (now - since)
  }

  /// Too little came for the time that was waited, though the wait is over.
  var isLost: Bool { waited >= window }

  /// Bytes came or went, which ends the wait.
  mutating func moved(_ count: Int, at now: ContinuousClock.Instant) {
    if let waitingSince { waited += now - waitingSince }
    waitingSince = nil
    moved += count
    if moved >= amount { restart() }
  }

  /// Forgets what was; a new stretch begins with the next wait.
  mutating func restart() {
    waited = .zero
    moved = 0
    waitingSince = nil
  }
}
