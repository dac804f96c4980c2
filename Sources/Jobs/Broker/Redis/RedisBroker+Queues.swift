import EventLoop
import Redis

extension RedisBroker {
  package func queues() async throws(BrokerError) -> [QueueStatus] {
    let answer = try await run(scripts.queues) { _ in }
    var queues: [QueueStatus] = []
    for part in answer.elements ?? [] { queues.append(try QueueStatus(described: part)) }
    return queues.sorted { $0.name < $1.name }
  }

  package func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus? {
    do throws(BrokerError) {
      return try await setQueue { command in
        command.append("tell")
        command.append(name.description)
      }
    } catch .queueNotFound { return nil }
  }

  package func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?
  ) async throws(BrokerError) -> QueueStatus {
    try await setQueue { command in
      command.append("set")
      command.append(name.description)
      command.append(settings.messagePack.encoded)
      command.append(version.map(String.init) ?? "")
    }
  }

  package func setMode(
    of name: QueueName, to mode: QueueMode
  ) async throws(BrokerError) -> QueueStatus {
    try await setQueue { command in
      command.append("mode")
      command.append(name.description)
      command.append(mode.letter)
    }
  }

  private func setQueue(
    _ arguments: (inout RedisCommand) -> Void
  ) async throws(BrokerError) -> QueueStatus {
    let answer = try await run(scripts.setQueue, arguments)
    if answer.elements?.count == 1 {
      throw answer.elements?.first?.text == "changed" ? .changedMeanwhile : .queueNotFound
    }
    return try QueueStatus(described: answer)
  }

  package func clear(
    _ name: QueueName, _ states: Set<JobState>, limit: Int
  ) async throws(BrokerError) -> Int {
    let limit = min(max(limit, 0), 500)
    var gone = 0
    for state in JobState.allCases where states.contains(state) && state != .running {
      var skip: Int64 = 0
      while gone < limit {
        let answer = try await run(scripts.clear) { command in
          command.append(name.description)
          command.append(state.letter)
          command.append(limit - gone)
          command.append(JobFailure.cancelled(nil).packed)
          command.append(skip)
        }
        guard let parts = answer.elements, parts.count == 2, let went = parts[0].integer,
          let resume = parts[1].integer
        else { throw .corrupt("clear answered in another form") }
        gone += Int(went)
        skip = max(0, resume)
        if went == 0, resume < 0 { break }
      }
    }
    return gone
  }

  package func delete(_ name: QueueName) async throws(BrokerError) {
    let answer = try await run(scripts.deleteQueue) { $0.append(name.description) }
    let parts = answer.elements ?? []
    switch parts.first?.text {
    case "deleted": return
    case "not_found": throw .queueNotFound
    case "not_empty" where parts.count == 2:
      throw .queueNotEmpty(jobs: Int(parts[1].integer ?? 0))
    default: throw .corrupt("delete_queue answered in another form")
    }
  }

  package func statistics(
    of name: QueueName?, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics {
    let minutes = min(max(minutes, 1), 1440)
    if let name { return try await statistics(of: name, minutes: minutes) }
    var all = QueueStatistics(minutes: minutes)
    for queue in try await queues() {
      all.add(try await statistics(of: queue.name, minutes: minutes))
    }
    return all
  }

  private func statistics(
    of name: QueueName, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics {
    let answer = try await run(scripts.statistics) { command in
      command.append(name.description)
      command.append(minutes)
    }
    var statistics = QueueStatistics(minutes: minutes)
    let parts = answer.elements ?? []
    for index in stride(from: 0, to: parts.count - 1, by: 2) {
      guard let field = parts[index].text, let sum = parts[index + 1].integer.map({ Int($0) })
      else { throw .corrupt("statistics answered in another form") }
      switch field {
      case "i": statistics.accepted = sum
      case "c": statistics.completed = sum
      case "f": statistics.failed = sum
      case "x": statistics.cancelled = sum
      case "y": statistics.retried = sum
      default:
        guard let bucket = Int(field.dropFirst()) else { continue }
        if field.hasPrefix("w") { statistics.wait.count(bucket: bucket, times: sum) }
        if field.hasPrefix("r") { statistics.run.count(bucket: bucket, times: sum) }
      }
    }
    return statistics
  }
}

extension QueueStatus {
  /// Reads what `describe_queue.lua` answers; throws `corrupt` for what we did not write.
  init(described: RedisValue) throws(BrokerError) {
    guard let parts = described.elements, parts.count == 7,
      let name = parts[0].text.flatMap({ QueueName($0) }),
      let fields = parts[1].bytes.flatMap({ MessagePack.values(in: $0)?.first?.fields }),
      let mode = fields["mode"]?.text.flatMap({ QueueMode(letter: $0) }),
      let createdAt = fields["created"]?.timestamp, let updatedAt = fields["updated"]?.timestamp,
      let counters = parts[2].elements
    else { throw .corrupt("a queue has another form") }
    var counts: [String: RedisValue] = [:]
    for index in stride(from: 0, to: counters.count - 1, by: 2) {
      counts[counters[index].text ?? ""] = counters[index + 1]
    }
    func count(_ field: String) -> Int { counts[field]?.integer.map { Int($0) } ?? 0 }
    func moment(_ field: String) -> Timestamp? {
      counts[field]?.integer.map { Timestamp(milliseconds: $0) }
    }
    var totals = QueueTotals()
    totals.accepted = count("in")
    totals.completed = count("tc")
    totals.failed = count("tf")
    totals.cancelled = count("tx")
    totals.retried = count("ty")
    totals.lost = count("lost")
    let levels = Dictionary(uniqueKeysWithValues: (1...10).map { ($0, count("w\($0)")) })
    self.init(
      name: name, settings: QueueSettings(fields), version: Int(fields["version"]?.integer ?? 0),
      mode: mode, modeSince: fields["since"]?.timestamp,
      counts: [
        .scheduled: count("d"), .blocked: count("b"), .queued: levels.values.reduce(0, +),
        .running: count("a"), .retrying: count("y"), .completed: Int(parts[3].integer ?? 0),
        .failed: Int(parts[4].integer ?? 0), .cancelled: Int(parts[5].integer ?? 0),
      ],
      levels: levels, totals: totals,
      oldestQueued: parts[6].integer.map { Timestamp(sequence: $0) }, createdAt: createdAt,
      updatedAt: updatedAt, lastFinishedAt: moment("ended"), lastFailedAt: moment("failed"),
      lastFailure: counts["failure"]?.bytes.flatMap { JobFailure(packed: $0)?.message })
  }
}

extension QueueSettings {
  /// By the names that `queue.lua` gives; what is as it is by default is left out.
  var messagePack: MessagePack {
    var fields: [String: MessagePack] = [:]
    if let type { fields["type"] = .text(type) }
    if let description { fields["description"] = .text(description) }
    if let concurrency { fields["concurrency"] = .integer(Int64(concurrency)) }
    if let userWindow { fields["window"] = .integer(Int64(userWindow)) }
    if let maxWaiting { fields["max_waiting"] = .integer(Int64(maxWaiting)) }
    if order == .lifo { fields["order"] = .text("l") }
    if let ageing { fields["ageing"] = .duration(ageing) }
    if isFair { fields["fair"] = .boolean(true) }
    fields["attempts"] = .integer(Int64(defaults.maxAttempts))
    if let retry = defaults.retry { fields["retry"] = retry.messagePack }
    if let timeout = defaults.timeout { fields["timeout"] = .duration(timeout) }
    if let startWithin = defaults.startWithin { fields["start_within"] = .duration(startWithin) }
    if let total = defaults.totalTimeout { fields["total_timeout"] = .duration(total) }
    if !webhooks.isEmpty { fields["webhooks"] = webhooks.messagePack }
    fields["keep"] = .map(
      Dictionary(
        uniqueKeysWithValues: [JobState.completed, .failed, .cancelled].map { state in
          let rule = retention(of: state)
          let count = rule.count.map { [MessagePack.integer(Int64($0))] } ?? []
          return (state.letter, .array([.duration(rule.age)] + count))
        }))
    return .map(fields)
  }

  /// Reads what ``messagePack`` wrote.
  init(_ fields: [String: MessagePack]) {
    self.init()
    func count(_ field: String) -> Int? { fields[field]?.integer.map { Int($0) } }
    func rule(_ state: JobState) -> RetentionRule {
      guard let parts = fields["keep"]?.fields?[state.letter]?.elements,
        let age = parts.first?.duration
      else { return retention(of: state) }
      return RetentionRule(
        age: age, count: parts.count > 1 ? parts[1].integer.map { Int($0) } : nil)
    }
    type = fields["type"]?.text
    description = fields["description"]?.text
    concurrency = count("concurrency")
    userWindow = count("window")
    maxWaiting = count("max_waiting")
    order = fields["order"] == nil ? .fifo : .lifo
    ageing = fields["ageing"]?.duration
    isFair = fields["fair"] != nil
    defaults.maxAttempts = count("attempts") ?? defaults.maxAttempts
    defaults.retry = fields["retry"].flatMap { RetryPolicy($0) }
    defaults.timeout = fields["timeout"]?.duration
    defaults.startWithin = fields["start_within"]?.duration
    defaults.totalTimeout = fields["total_timeout"]?.duration
    completed = rule(.completed)
    failed = rule(.failed)
    cancelled = rule(.cancelled)
    webhooks = [Webhook](fields["webhooks"])
  }
}
