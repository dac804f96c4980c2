import Jobs
import Testing

@testable import Gateway

@Suite("What a user is allowed before asking") struct RequestAllowanceTests {
  private let start = ContinuousClock.now
  private let standing = BudgetStanding(isAdmitted: true, remaining: 50, retryAfter: .seconds(40))

  /// One that has seen so many requests in a span, evenly, and is now in the next.
  private func after(_ count: Int) -> (RequestAllowance, ContinuousClock.Instant) {
    var allowance = RequestAllowance(at: start)
    for number in 0..<count { _ = allowance.request(at: start + RequestAllowance.lead * number / count) }
    let next = start + RequestAllowance.lead
    _ = allowance.request(at: next)
    return (allowance, next)
  }

  @Test(
    "is what came in the span before, and of small limits nothing",
    arguments: [(0, 1000, 1), (1, 1000, 1), (10, 1000, 10), (100, 1000, 16), (10, 64, 4), (10, 31, 1), (10, 10, 1)])
  func expected(came: Int, limit: Int, expected: Int) {
    #expect(after(came).0.expected(of: limit) == expected)
  }

  @Test("expects nothing of who was silent for a span")
  func silence() {
    var (allowance, now) = after(10)
    now += RequestAllowance.lead * 2
    #expect(!allowance.isInForce(at: now))
    _ = allowance.request(at: now)
    #expect(allowance.expected(of: 1000) == 1)
  }

  @Test("is used up one by one, and told as it is left")
  func use() {
    var (allowance, now) = after(10)
    allowance.count(4, standing, asked: now)
    #expect(allowance.standing(at: now)?.remaining == 53)
    for left in [52, 51, 50] {
      now += .seconds(1)
      let told = allowance.request(at: now)
      #expect(told?.isAdmitted == true && told?.remaining == left)
    }
    #expect(allowance.request(at: now) == nil)
    #expect(allowance.standing(at: now) == nil)
  }

  @Test("ends when its requests should have been made: what is left of it is not used then")
  func end() {
    var (allowance, now) = after(10)
    allowance.count(4, standing, asked: now)
    let told = allowance.request(at: now + RequestAllowance.lead - .nanoseconds(1))
    #expect(told?.retryAfter == .seconds(30) + .nanoseconds(1))
    #expect(allowance.request(at: now + RequestAllowance.lead) == nil)
  }

  @Test("is none where a single one was counted, or none")
  func single() {
    var (allowance, now) = after(10)
    for number in [0, 1] {
      allowance.count(number, standing, asked: now)
      #expect(allowance.request(at: now) == nil)
    }
  }
}
