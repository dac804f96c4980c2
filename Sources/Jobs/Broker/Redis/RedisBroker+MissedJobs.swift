import EventLoop
import Logging
import Redis

/// What became of users' jobs while nothing was heard of them.
extension RedisBroker {
  /// How many pages of a user's jobs that have not ended are read: of 500 records each.
  private static let mostPages = 10
  /// The most jobs of which one user is told: more would be too much for a reader at once.
  private static let mostTold = 500

  /// Delivers to users' watchers every job that has not ended, then every one that ended since events were lost.
  ///
  /// Bounded: where a user has more than 5000 records or more than 500 jobs to be told of, or where more than
  /// ``missedLimit`` jobs of all users ended, the watchers concerned are told that it is ``Delivery/incomplete``. What
  /// ended is read once for all users.
  func deliverMissedJobs(of users: Set<String>) async throws(BrokerError) {
    guard !users.isEmpty, let lostAt = reconciliation?.lostAt else { return }
    let since = try await moment(before: ContinuousClock.now - lostAt + unnoticed)
    // How many each user may be told yet; nil once that is too much.
    var left: [String: Int] = [:]
    for user in users {
      let more = await result { () async throws(BrokerError) in try await deliverUnendedJobs(of: user) }
      // Where one of them is damaged the others are not told here: who goes on reads them anew.
      try passingOver(.user(user)) { () throws(BrokerError) in left[user] = try more.get() }
    }
    if let ended = try await jobsEnded(since: since) {
      for start in stride(from: 0, to: ended.count, by: 100) {
        let batch = Array(ended[start..<min(start + 100, ended.count)])
        for (id, answer) in try await read(batch, withPayload: false) {
          try passingOver(.job(id)) { () throws(BrokerError) in
            guard let job = try answer.get(), let more = left[job.user] else { return }
            left[job.user] = more > 0 ? more - 1 : nil
            if more > 0 { deliver(job, on: .user(job.user)) }
          }
        }
      }
    } else {
      left = [:]
    }
    for user in users where left[user] == nil { deliverIncomplete(to: user) }
  }

  private func deliverIncomplete(to user: String) {
    logger.notice("more happened than can be told", metadata: ["user": "\(user)"])
    for number in (reconciliation?.owed ?? []).sorted() {
      guard let watcher = watchers[number], watcher.channel == .user(user) else { continue }
      watcher.receive(.incomplete)
    }
  }

  /// How many jobs more the user may be told of; nil where there are more than are looked for.
  private func deliverUnendedJobs(of user: String) async throws(BrokerError) -> Int? {
    let unended = Set(JobState.allCases.filter { !$0.isTerminal })
    var filter = JobFilter(user: user, states: unended, limit: 200)
    var left = Self.mostTold
    for _ in 0..<Self.mostPages {
      let page = try await jobs(matching: filter)
      left -= page.jobs.count
      guard left >= 0 else { return nil }
      for job in page.jobs { deliver(job, on: .user(user)) }
      guard let next = page.next else { return left }
      filter.cursor = next
    }
    return nil
  }

  /// So long ago, by the clock of Redis, in µs.
  private func moment(before age: Duration) async throws(BrokerError) -> Int64 {
    let answer: RedisValue
    do { answer = try await client.send(RedisCommand("TIME")) } catch { throw BrokerError(error) }
    guard let parts = answer.elements, parts.count == 2, let seconds = parts[0].integer,
      let microseconds = parts[1].integer
    else { throw .corrupt("TIME answered in another form") }
    return seconds * 1_000_000 + microseconds - Int64(age / .microseconds(1))
  }

  /// The jobs on record that ended at this moment or later, of all users; nil where they are more than
  /// ``missedLimit``. O(log n) for each queue, and what there is.
  private func jobsEnded(since: Int64) async throws(BrokerError) -> [JobID]? {
    var ended: [JobID] = []
    do throws(RedisError) {
      let queues = try await client.send(RedisCommand("HKEYS", keys.key(.queues))).elements ?? []
      let deleted = try await client.send(RedisCommand("SMEMBERS", keys.key(.deletedQueues))).elements ?? []
      for queue in Set((queues + deleted).compactMap(\.text)) {
        for state in JobState.allCases where state.isTerminal {
          let answer = try await client.send(
            RedisCommand(
              "ZRANGEBYSCORE", keys.key(.finished, "\(state.letter):\(queue)"), "\(since)", "+inf", "LIMIT", "0",
              "\(missedLimit + 1 - ended.count)"))
          ended += (answer.elements ?? []).compactMap { $0.bytes.flatMap { JobID(key: $0) } }
          if ended.count > missedLimit { return nil }
        }
      }
    } catch { throw BrokerError(error) }
    return ended
  }
}
