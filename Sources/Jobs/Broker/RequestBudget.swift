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

  /// What ``spendRequest(of:limit:window:)`` would answer at this moment; counts nothing.
  func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding
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
