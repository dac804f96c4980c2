/// How long the body of a request is waited for: at a least pace while it is asked for, and not for
/// ever at any pace.
struct BodyPatience {
  private let limit: Duration
  private var pace: Pace
  /// When the whole body must have come; set when it is first asked for.
  private var due: ContinuousClock.Instant?

  init(_ limits: Limits) {
    limit = limits.bodyDeadline
    pace = Pace(limits.bodyRate, in: limits.rateWindow)
  }

  /// A piece is awaited; returns for how long.
  mutating func waits(at now: ContinuousClock.Instant) -> Duration {
    let due = due ?? now + limit
    self.due = due
    return max(.zero, min(pace.waits(at: now), due - now))
  }

  /// A piece has come.
  mutating func moved(_ count: Int, at now: ContinuousClock.Instant) { pace.moved(count, at: now) }

  /// The client was too slow, though the wait may be over.
  func isLost(at now: ContinuousClock.Instant) -> Bool {
    pace.isLost || due.map { $0 <= now } ?? false
  }
}
