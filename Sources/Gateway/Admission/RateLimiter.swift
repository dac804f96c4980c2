package import EventLoop
package import Jobs
package import Logging

/// The users' budgets of requests, as the connection layer asks for them.
///
/// The broker counts, for all nodes together. A refusal is remembered here until its time, so that
/// a flood of refused requests never reaches the broker; requests that come regularly are counted
/// several at a time (``RequestAllowance``). While the broker is away this node counts by itself.
@EventLoop
package final class RateLimiter {
  private let budget: any RequestBudget
  /// Requests of a user in any ``window``.
  package let limit: Int
  package let window: Duration
  private let logger: Logger
  private var refusedUntil = SweptTable<ContinuousClock.Instant>()
  private var spentHere = SweptTable<[ContinuousClock.Instant]>()
  private var allowances = SweptTable<RequestAllowance>()
  /// Who waits for the answer to a look at a user's budget that is under way.
  private var looking: [String: [LoopContinuation<BudgetStanding>]] = [:]
  private let clock = ContinuousClock()

  package init(budget: any RequestBudget, limit: Int, window: Duration, logger: Logger) {
    self.budget = budget
    self.limit = limit
    self.window = window
    self.logger = logger
  }

  /// Counts one request of the user, or refuses it.
  package func spend(by user: String) async -> BudgetStanding {
    if let refused = rememberedRefusal(of: user) { return refused }
    let now = clock.now
    var allowance = allowances[user] ?? RequestAllowance(at: now)
    if let standing = allowance.request(at: now) {
      allowances.update(user, to: allowance)
      return standing
    }
    allowances.set(user, to: allowance) { $0.isInForce(at: now) }
    let standing: BudgetStanding
    do throws(BrokerError) {
      standing = try await count(allowance.expected(of: limit), by: user)
    } catch {
      standing = spendHere(by: user)
    }
    if !standing.isAdmitted { remember(refusalOf: user, for: standing.retryAfter) }
    return standing
  }

  private func count(_ number: Int, by user: String) async throws(BrokerError) -> BudgetStanding {
    guard number > 1 else { return try await budget.spendRequest(of: user, limit: limit, window: window) }
    let asked = clock.now
    let (counted, standing) = try await budget.spendRequests(
      of: user, upTo: number, within: RequestAllowance.lead, limit: limit, window: window)
    if var allowance = allowances[user] {
      allowance.count(counted, standing, asked: asked)
      allowances.update(user, to: allowance)
    }
    // Those that are yet to be made are the user's still.
    var known = standing
    known.remaining += max(0, counted - 1)
    return known
  }

  /// What is left, without counting anything. Who asks while the same is being asked shares its answer: a user
  /// that comes back with twenty tabs is looked up once.
  package func standing(of user: String) async -> BudgetStanding {
    if let refused = rememberedRefusal(of: user) { return refused }
    if let known = allowances[user]?.standing(at: clock.now) { return known }
    if looking[user] != nil { return await EventLoop.suspend { looking[user]?.append($0) } }
    looking[user] = []
    let standing: BudgetStanding
    do throws(BrokerError) {
      standing = try await budget.requestBudget(of: user, limit: limit, window: window)
    } catch {
      standing = standingHere(of: user, at: clock.now)
    }
    for waiting in looking.removeValue(forKey: user) ?? [] { waiting.resume(returning: standing) }
    return standing
  }

  private func rememberedRefusal(of user: String) -> BudgetStanding? {
    guard let until = refusedUntil[user] else { return nil }
    let now = clock.now
    guard now < until else {
      refusedUntil.remove(user)
      return nil
    }
    return BudgetStanding(isAdmitted: false, remaining: 0, retryAfter: until - now)
  }

  private func remember(refusalOf user: String, for wait: Duration) {
    let now = clock.now
    refusedUntil.set(user, to: now + wait) { $0 > now }
  }

  private func spendHere(by user: String) -> BudgetStanding {
    let now = clock.now
    var standing = standingHere(of: user, at: now)
    guard standing.isAdmitted else { return standing }
    spentHere.set(user, to: (spentHere[user] ?? []) + [now]) { spent in
      spent.contains { now - $0 < window }
    }
    standing.remaining -= 1
    return standing
  }

  private func standingHere(of user: String, at now: ContinuousClock.Instant) -> BudgetStanding {
    let recent = (spentHere[user] ?? []).filter { now - $0 < window }
    if recent.isEmpty { spentHere.remove(user) } else { spentHere.update(user, to: recent) }
    return BudgetStanding(
      isAdmitted: recent.count < limit, remaining: max(0, limit - recent.count),
      retryAfter: recent.first.map { window - (now - $0) } ?? .zero)
  }
}
