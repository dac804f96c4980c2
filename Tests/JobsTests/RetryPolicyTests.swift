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
