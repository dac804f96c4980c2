import EventLoop
import Redis

extension RedisBroker {
  package func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try await budget(of: user, limit: limit, window: window, "spend")
  }

  package func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try await budget(of: user, limit: limit, window: window, "look")
  }

  private func budget(
    of user: String, limit: Int, window: Duration, _ verb: String
  ) async throws(BrokerError) -> BudgetStanding {
    let answer: RedisValue
    do {
      // The user's own slot, and so not `run(_:_:)`: that one is the partition's.
      answer = try await client.call(scripts.spendRequest) { command in
        command.append("1")
        command.append(keys.requests(of: user))
        command.append(limit)
        command.append(window.milliseconds * 1000)
        command.append(verb)
      }
    } catch { throw BrokerError(error) }
    guard let parts = answer.elements, parts.count == 3, let admitted = parts[0].integer,
      let remaining = parts[1].integer, let microseconds = parts[2].integer
    else { throw .corrupt("spend_request answered in another form") }
    return BudgetStanding(
      isAdmitted: admitted == 1, remaining: Int(remaining),
      retryAfter: .microseconds(microseconds))
  }
}
