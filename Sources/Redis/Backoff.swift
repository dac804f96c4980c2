/// How long to wait before trying again: doubled with each failure, up to a cap, half of it drawn
/// at random, so that many that lost Redis together do not return together.
struct Backoff {
  let base: Duration
  let cap: Duration
  private var failures = 0

  init(base: Duration = .milliseconds(50), cap: Duration = .seconds(2)) {
    self.base = base
    self.cap = cap
  }

  /// The wait after one more failure; `random` is from 0 to 1.
  mutating func next(random: Double = .random(in: 0...1)) -> Duration {
    let whole = min(cap, base * (1 << min(failures, 16)))
    failures += 1
    return whole * (0.5 + 0.5 * random)
  }

  /// It worked: the next failure is the first again.
  mutating func reset() { failures = 0 }
}
