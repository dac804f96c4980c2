import Jobs
import Testing

@Suite("A retry policy")
struct RetryPolicyTests {
  @Test("doubles the delay up to the cap")
  func doubling() {
    let policy = RetryPolicy(base: .seconds(2), cap: .seconds(60), jitter: 0)
    let delays = (1...7).map { policy.delay(afterAttempt: $0, random: 0.3) }
    #expect(delays == [2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
  }

  @Test("draws the part that is jitter")
  func jitter() {
    let policy = RetryPolicy(base: .seconds(10), cap: .seconds(60), jitter: 0.5)
    #expect(policy.delay(afterAttempt: 1, random: 0) == .seconds(5))
    #expect(policy.delay(afterAttempt: 1, random: 0.5) == .milliseconds(7500))
    #expect(policy.delay(afterAttempt: 1, random: 1) == .seconds(10))
    let full = RetryPolicy(base: .seconds(10), cap: .seconds(60), jitter: 1)
    #expect(full.delay(afterAttempt: 1, random: 0) == .zero)
  }

  @Test("waits always the same where the delay is fixed")
  func fixed() {
    let policy = RetryPolicy(growth: .fixed, base: .seconds(5), cap: .seconds(60), jitter: 0)
    #expect([1, 2, 7, 1000].allSatisfy { policy.delay(afterAttempt: $0, random: 0.3) == .seconds(5) })
    let jittered = RetryPolicy(growth: .fixed, base: .seconds(10), cap: .seconds(60), jitter: 0.2)
    #expect(jittered.delay(afterAttempt: 3, random: 0) == .seconds(8))
    #expect(jittered.delay(afterAttempt: 3, random: 1) == .seconds(10))
    let capped = RetryPolicy(growth: .fixed, base: .seconds(90), cap: .seconds(60), jitter: 0)
    #expect(capped.delay(afterAttempt: 1, random: 0) == .seconds(60))
  }

  @Test("draws within its bounds, whatever is drawn", arguments: RetryPolicy.Growth.allCases)
  func jitterBounds(_ growth: RetryPolicy.Growth) {
    for jitter in [0, 0.25, 0.5, 1.0] {
      let policy = RetryPolicy(growth: growth, base: .seconds(4), cap: .seconds(60), jitter: jitter)
      for attempt in 1...6 {
        let whole = policy.delay(afterAttempt: attempt, random: 1)
        for random in stride(from: 0.0, through: 1, by: 0.125) {
          let delay = policy.delay(afterAttempt: attempt, random: random)
          #expect(delay <= whole)
          #expect(delay >= whole * (1 - jitter))
        }
      }
    }
  }

  @Test("bears any attempt number", arguments: [-5, 0, 1, 64, 1000, .max])
  func extremes(_ attempt: Int) {
    let delay = RetryPolicy.standard.delay(afterAttempt: attempt, random: 1)
    #expect(delay >= .seconds(2) && delay <= .seconds(600))
  }

  @Test("waits no longer than its cap, even at first")
  func smallCap() {
    let policy = RetryPolicy(base: .seconds(10), cap: .seconds(1), jitter: 0)
    #expect(policy.delay(afterAttempt: 1, random: 0) == .seconds(1))
  }
}
