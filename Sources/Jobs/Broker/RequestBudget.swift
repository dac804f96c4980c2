package import EventLoop

/// How many requests a user may make, counted at one place for all sockets and nodes.
@EventLoop
package protocol RequestBudget: AnyObject, Sendable {
  /// Counts one request of a user, if fewer than `limit` were admitted in the last `window`.
  ///
  /// Exact: in any span of `window` at most `limit` are admitted. A refused request costs nothing.
  func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding

  /// Counts up to `count` requests of a user that will be made within `lead`, and says how many; none if it is refused.
  ///
  /// As exact as single ones: in any span of `window` at most `limit` are made. What is not made is lost to the user
  /// until its `window` is over, and so more than one are counted only while half of the limit stays free. A broker
  /// that costs nothing to ask may always count one.
  func spendRequests(
    of user: String, upTo count: Int, within lead: Duration, limit: Int, window: Duration
  ) async throws(BrokerError) -> (count: Int, standing: BudgetStanding)

  /// What ``spendRequest(of:limit:window:)`` would answer at this moment; counts nothing.
  func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding
}

extension RequestBudget {
  package func spendRequests(
    of user: String, upTo count: Int, within lead: Duration, limit: Int, window: Duration
  ) async throws(BrokerError) -> (count: Int, standing: BudgetStanding) {
    let standing = try await spendRequest(of: user, limit: limit, window: window)
    return (standing.isAdmitted ? 1 : 0, standing)
  }
}

/// What is left of a user's budget.
package struct BudgetStanding: Hashable, Sendable {
  package var isAdmitted: Bool
  /// How many more would be admitted at this moment.
  package var remaining: Int
  /// Until the next one is admitted, if refused; until the oldest spent one returns, otherwise.
  package var retryAfter: Duration

  package init(isAdmitted: Bool, remaining: Int, retryAfter: Duration) {
    self.isAdmitted = isAdmitted
    self.remaining = remaining
    self.retryAfter = retryAfter
  }
}
