import EventLoop
import Redis

extension RedisBroker {
  package func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job {
    let answer = try await cancel(id, reason: reason, forced: forced, thenForget: false)
    return try Job(described: answer)
  }

  package func remove(_ id: JobID) async throws(BrokerError) -> Bool {
    let answer = try await cancel(id, reason: nil, forced: true, thenForget: true)
    return answer.elements?.first?.text == "forgotten"
  }

  private func cancel(
    _ id: JobID, reason: String?, forced: Bool, thenForget isRemoved: Bool
  ) async throws(BrokerError) -> RedisValue {
    guard id.partition == keys.partition else { throw .jobNotFound }
    let answer = try await run(scripts.cancel) { command in
      command.append(id.key)
      command.append(JobFailure.cancelled(reason).packed)
      command.append(forced ? "1" : "")
      command.append(isRemoved ? "1" : "")
      command.append(reason == nil ? "" : "1")
    }
    if answer.isNull { throw .jobNotFound }
    return answer
  }

  package func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job {
    try await control("retry", id, String(max(0, delay.milliseconds)))
  }

  package func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job {
    try await control("redrive", id, queue.description)
  }

  package func promote(_ id: JobID) async throws(BrokerError) -> Job {
    try await control("promote", id, "")
  }

  package func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job {
    try await control("reprioritise", id, String(priority.level))
  }

  private func control(
    _ verb: String, _ id: JobID, _ argument: String
  ) async throws(BrokerError) -> Job {
    guard id.partition == keys.partition else { throw .jobNotFound }
    let answer = try await run(scripts.control) { command in
      command.append(verb)
      command.append(id.key)
      command.append(argument)
    }
    if answer.isNull { throw .jobNotFound }
    if let refusal = refusal(answer.elements ?? []) { throw refusal }
    return try Job(described: answer)
  }

  /// Several scripts one after the other: each holds Redis for a short while only, and nothing depends on
  /// their being one.
  package func maintain(
    limit: Int, _ rules: LossRules
  ) async throws(BrokerError) -> MaintenanceReport {
    var report = MaintenanceReport()
    let limit = max(1, limit)
    // First of all: whether anybody could have renewed is told by when this was called last.
    try await reap(limit: limit, rules, &report)
    let expired = try await run(scripts.expire) { $0.append(limit) }
    report.expired = Self.ids(expired)
    report.promoted = Int(try await run(scripts.promote) { $0.append(limit) }.integer ?? 0)
    let pruned = try await run(scripts.prune) { command in
      command.append(limit)
      command.append(Self.lostWorkersAreListed.milliseconds)
    }
    report.pruned = Int(pruned.integer ?? 0)
    return report
  }

  private func reap(
    limit: Int, _ rules: LossRules, _ report: inout MaintenanceReport
  ) async throws(BrokerError) {
    var parts: [RedisValue]
    var pardoned = 0
    repeat {
      let answer = try await run(scripts.reap) { command in
        command.append(limit)
        command.append(rules.maxLost)
        command.append(rules.amnesty.milliseconds)
        command.append(rules.warning.milliseconds)
        command.append(JobFailure.lost.packed)
      }
      parts = answer.elements ?? []
      guard parts.count == 5, let count = parts[0].integer else {
        throw .corrupt("reap answered in another form")
      }
      pardoned = Int(count)
      report.pardoned += pardoned
      // A step extends so many at most; others go between two steps.
    } while pardoned == RedisKeys.pardons
    report.stalled = Self.ids(parts[1])
    report.requeued = Self.ids(parts[2])
    report.failed = Self.ids(parts[3])
    report.cancelled = Self.ids(parts[4])
  }

  private static func ids(_ value: RedisValue) -> [JobID] {
    (value.elements ?? []).compactMap { $0.bytes.flatMap { JobID(key: $0) } }
  }
}
