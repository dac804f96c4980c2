/// When users spent their requests: the exact window, one moment a request.
///
/// At most as many moments a user as its limit, so a spend is O(limit) at worst.
struct RequestWindows: Sendable {
  /// What one user has spent, oldest first, and when all of it has returned.
  struct Spending: Sendable, Hashable {
    var moments: [Timestamp]
    var isOver: Timestamp
  }

  private(set) var spendings: [String: Spending]

  init(_ spendings: [String: Spending] = [:]) { self.spendings = spendings }

  mutating func spend(
    of user: String, limit: Int, window: Duration, at now: Timestamp
  ) -> BudgetStanding {
    let standing = standing(of: user, limit: limit, window: window, at: now)
    guard standing.isAdmitted else { return standing }
    let moments = recent(of: user, within: window, at: now) + [now]
    spendings[user] = Spending(moments: moments, isOver: now + window)
    return BudgetStanding(
      isAdmitted: true, remaining: limit - moments.count, retryAfter: moments[0] + window - now)
  }

  /// What ``spend(of:limit:window:at:)`` would meet with; counts nothing.
  func standing(
    of user: String, limit: Int, window: Duration, at now: Timestamp
  ) -> BudgetStanding {
    let moments = recent(of: user, within: window, at: now)
    guard moments.count < limit else {
      // The limit may have been lowered since: then more than one has to return.
      let next = limit > 0 ? moments[moments.count - limit] + window : now + window
      return BudgetStanding(isAdmitted: false, remaining: 0, retryAfter: next - now)
    }
    return BudgetStanding(
      isAdmitted: true, remaining: limit - moments.count,
      retryAfter: moments.first.map { $0 + window - now } ?? .zero)
  }

  private func recent(
    of user: String, within window: Duration, at now: Timestamp
  ) -> [Timestamp] {
    (spendings[user]?.moments ?? []).filter { now - $0 < window }
  }

  /// Forgets users all of whose requests have returned; answers with their names.
  mutating func trim(at now: Timestamp) -> [String] {
    let over = spendings.filter { $0.value.isOver <= now }.map(\.key)
    for user in over { spendings[user] = nil }
    return over
  }
}
