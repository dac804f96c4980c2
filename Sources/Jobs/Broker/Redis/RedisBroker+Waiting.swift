import EventLoop
import Redis

extension RedisBroker {
  /// No wait for a token is longer: a token may be lost with the worker that took it.
  private static let longestSlice = Duration.seconds(5)

  package func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {
    guard !queues.isEmpty else { return await EventLoop.pause(for: timeout) }
    let clock = ContinuousClock()
    let end = clock.now + timeout
    while !Task.isCancelled {
      let left = clock.now.duration(to: end)
      guard left > .zero else { return }
      do throws(RedisError) {
        if try await isWorkWaiting(in: queues, upTo: min(left, Self.longestSlice)) { return }
      } catch {
        await client.waitUntilConnected(upTo: clock.now.duration(to: end))
        // A Redis that is there and refuses is not asked without a pause.
        await EventLoop.pause(for: min(.milliseconds(100), clock.now.duration(to: end)))
      }
    }
  }

  package func passOnWork(in queues: [QueueName]) async {
    // Where it fails, others look by themselves a little later.
    _ = try? await run(scripts.passOn) { command in
      for queue in queues { command.append(queue.description) }
    }
  }

  private func isWorkWaiting(
    in queues: [QueueName], upTo limit: Duration
  ) async throws(RedisError) -> Bool {
    let answer = try await client.call(scripts.upcoming) { command in
      command.append("1")
      command.append(keys.tag)
      for queue in queues { command.append(queue.description) }
    }
    let upcoming = answer.integer ?? -1
    if upcoming == 0 { return true }
    let slice = upcoming < 0 ? limit : min(limit, .milliseconds(upcoming))
    var command = RedisCommand("BLPOP")
    for queue in queues { command.append(keys.key(.wake, queue.description)) }
    // A timeout of 0 would be for ever.
    command.append(String(max(0.001, slice.inSeconds)))
    return try await !client.block(on: command, for: slice).isNull
  }
}
