/// How long a failed job waits for its next attempt: `min(cap, base · 2^(attempt − 1))`, or always
/// `base` where the delay is fixed; the part `jitter` of it is drawn at random, so that jobs which
/// failed together do not return together.
package struct RetryPolicy: Hashable, Sendable {
  package enum Growth: String, Hashable, Sendable, CaseIterable {
    case fixed, exponential
  }

  package var growth: Growth
  package var base: Duration
  package var cap: Duration
  /// 0 (none) to 1 (anywhere between nothing and the whole delay).
  package var jitter: Double

  package init(
    growth: Growth = .exponential, base: Duration = .seconds(2), cap: Duration = .seconds(600),
    jitter: Double = 0.5
  ) {
    self.growth = growth
    self.base = base
    self.cap = cap
    self.jitter = jitter
  }

  package static let standard = RetryPolicy()

  /// The wait before the attempt after `attempt` (1, 2, …); `random` is from 0 to 1.
  package func delay(afterAttempt attempt: Int, random: Double) -> Duration {
    let exponent = growth == .fixed ? 0 : min(max(attempt - 1, 0), 30)
    var grown = base
    for _ in 0..<exponent where grown < cap { grown *= 2 }
    let whole = min(cap, grown)
    return .milliseconds(Int64(Double(whole.milliseconds) * (1 - jitter + jitter * random)))
  }
}
