import EventLoop
import Redis

extension RedisBroker {
  package func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try await budget(of: user, limit: limit, window: window, "spend").standing
  }

  package func spendRequests(
    of user: String, upTo count: Int, within lead: Duration, limit: Int, window: Duration
  ) async throws(BrokerError) -> (count: Int, standing: BudgetStanding) {
    try await budget(of: user, limit: limit, window: window, "spend", upTo: count, within: lead)
  }

  package func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try await budget(of: user, limit: limit, window: window, "look").standing
  }

  private func budget(
    of user: String, limit: Int, window: Duration, _ verb: String, upTo count: Int = 1, within lead: Duration = .zero
  ) async throws(BrokerError) -> (count: Int, standing: BudgetStanding) {
    let answer: RedisValue
    do {
      // The user's own slot, and so not `run(_:_:)`: that one is the partition's.
      answer = try await client.call(scripts.spendRequest) { command in
        command.append("1")
        command.append(keys.requests(of: user))
        command.append(limit)
        command.append(window.milliseconds * 1000)
        command.append(verb)
        command.append(count)
        command.append(lead.milliseconds * 1000)
      }
    } catch { throw BrokerError(error) }
    guard let parts = answer.elements, parts.count == 3, let admitted = parts[0].integer,
      let remaining = parts[1].integer, let microseconds = parts[2].integer
    else { throw .corrupt("spend_request answered in another form") }
    let standing = BudgetStanding(
      isAdmitted: admitted > 0, remaining: Int(remaining), retryAfter: .microseconds(microseconds))
    return (Int(admitted), standing)
  }
}
