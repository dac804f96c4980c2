import EventLoop
import Jobs

// What is done to jobs and queues from outside.
extension ModelRun {
  /// Does a verb that may be refused, and demands the refusal expected; whether it was done.
  func attempt<Answer>(
    _ expected: BrokerError?, _ verb: () async throws(BrokerError) -> Answer
  ) async throws -> Answer? {
    let answer: Answer
    do throws(BrokerError) {
      answer = try await verb()
    } catch {
      try demand(expected == error, "was refused: \(error), not \(expected, default: "at all")")
      return nil
    }
    try demand(expected == nil, "was done, not \(expected, default: "")")
    return answer
  }

  func cancel() async throws {
    let id = pickJob()
    done = "cancel \(id)"
    let broker = broker
    let job = try await attempt(model.cancel(id)) { () async throws(BrokerError) in
      try await broker.cancel(id, reason: "enough")
    }
    if let job { try demand(job.state == model[id]?.state ?? .cancelled, "is \(job.state)") }
  }

  func retry() async throws {
    let id = pickJob { $0.state.isTerminal || flip(4) }
    let delay = flip(3) ? BrokerModel.Delay.far : .none
    let isRetrying = model[id]?.state == .retrying
    done = "retry \(id) \(delay)"
    let broker = broker
    let wanted = delay == .none || isRetrying ? Duration.zero : Self.hour
    let expected = model.retry(id, isRetrying ? .none : delay)
    let job = try await attempt(expected) { () async throws(BrokerError) in
      try await broker.retry(id, delay: wanted)
    }
    if job != nil, model[id]?.isLimited == true { try await letTimePass() }
  }

  func redrive() async throws {
    let id = pickJob { $0.pending.isEmpty }
    let target = pick(Self.queues, or: .mail)
    if model[id]?.pending.isEmpty == false { return }
    done = "redrive \(id) (\(model[id]?.queue, default: "-") \(model[id]?.state, default: "-")) to \(target)"
    let broker = broker
    let job = try await attempt(model.redrive(id, to: target)) { () async throws(BrokerError) in
      try await broker.redrive(id, to: target)
    }
    if job != nil, model[id]?.isLimited == true { try await letTimePass() }
  }

  func promote() async throws {
    let id = pickJob { [.scheduled, .retrying].contains($0.state) || flip(10) }
    done = "promote \(id)"
    let broker = broker
    _ = try await attempt(model.promote(id)) { () async throws(BrokerError) in
      try await broker.promote(id)
    }
  }

  func reprioritise() async throws {
    let id = pickJob { !$0.state.isTerminal || flip(10) }
    let priority = Priority(Int.random(in: 1...10, using: &random)) ?? .normal
    done = "reprioritise \(id) to \(priority.level)"
    let broker = broker
    _ = try await attempt(model.reprioritise(id, to: priority)) { () async throws(BrokerError) in
      try await broker.reprioritise(id, to: priority)
    }
  }

  func remove() async throws {
    let id = pickJob()
    done = "remove \(id)"
    let expected = model.remove(id)
    let broker = broker
    let isGone = try await attempt(expected == nil ? .jobNotFound : nil) { () async throws(BrokerError) in
      try await broker.remove(id)
    }
    try demand(isGone == expected, "answered \(isGone.map { "\($0)" } ?? "nothing")")
  }

  // MARK: Queues

  func clear() async throws {
    let name = pick(Self.queues, or: .mail)
    let states: [JobState] = [.completed, .completed, .failed, .cancelled, .scheduled, .blocked, .queued]
    try await clear(pick(states, or: .completed), of: name)
  }

  private func clear(_ state: JobState, of name: QueueName) async throws {
    done = "clear \(state) of \(name)"
    // In which order scheduled or blocked jobs go, nobody promised; where that matters none of them do.
    var reversed = model
    _ = reversed.clear(name, state, isReversed: true)
    let before = model
    let expected = model.clear(name, state)
    guard state == .queued || model.looks(like: reversed) else {
      model = before
      return
    }
    let cleared = try await broker.clear(name, [state], limit: 500)
    try demand(cleared == expected, "cleared \(cleared), not \(expected)")
  }

  func set() async throws {
    let name = pick(Self.queues, or: .mail)
    var settings = model.line(of: name)?.settings ?? QueueSettings()
    func number(_ values: Int?...) -> Int? { values.randomElement(using: &random) ?? nil }
    switch Int.random(in: 0..<10, using: &random) {
    case 0: settings.concurrency = number(nil, nil, 0, 1, 2, 4)
    case 1: settings.userWindow = name == .default ? nil : number(nil, 1, 2, 3)
    case 2: settings.maxWaiting = number(nil, nil, 4, 8)
    case 3: settings.order = flip(2) ? .lifo : .fifo
    case 4: settings.defaults.maxAttempts = Int.random(in: 1...4, using: &random)
    case 5: settings.ageing = number(nil, 1, 2).map { Self.hour * $0 }
    case 6: settings.defaults.retry = flip(2) ? nil : retryPolicy()
    // A callback waits there, accepted in the midst of a step.
    case 7 where name != .default: settings.defaults.startWithin = flip(3) ? Self.moment : nil
    case 8 where name != .default: settings.defaults.totalTimeout = flip(3) ? Self.moment : nil
    // Of a parent and a child that end in one step it is not said which ended first.
    default: settings.cancelled.count = name == .default ? number(nil, 0) : number(nil, 0, 2)
    }
    if feed.flip(6) { settings.webhooks = feed.flip(2) ? [] : feed.webhooks }
    let current = model.line(of: name)?.version ?? 0
    let version: Int? = flip(2) ? nil : flip(4) ? current + 1 : current
    done = "set \(name) to \(settings) if \(version ?? -1)"
    let broker = broker
    let wanted = settings
    let status = try await attempt(model.set(name, to: settings, ifVersion: version)) {
      () async throws(BrokerError) in
      try await broker.set(name, to: wanted, ifVersion: version)
    }
    if let status { try demand(status.version == current + 1, "made version \(status.version)") }
    try await maintain()
  }

  func setMode() async throws {
    let name = pick(Self.queues, or: .mail)
    var mode = pick([QueueMode.active, .active, .active, .paused, .draining, .drainingBacklog], or: .active)
    // A step that empties a queue and then submits a callback into it may or may not have drained it.
    if name == .default, mode == .drainingBacklog { mode = .draining }
    done = "make \(name) \(mode)"
    let broker = broker
    let status = try await attempt(model.setMode(of: name, to: mode)) { () async throws(BrokerError) in
      try await broker.setMode(of: name, to: mode)
    }
    if let status { try demand(status.mode == model.line(of: name)?.mode, "became \(status.mode)") }
  }

  func delete() async throws {
    let name = pick(Self.queues, or: .mail)
    // Made anew it would not be fair, with jobs whose places are turns.
    if model.settings(of: name).isFair { return }
    done = "delete \(name)"
    let broker = broker
    _ = try await attempt(model.delete(name)) { () async throws(BrokerError) in
      try await broker.delete(name)
    }
  }

  // MARK: Workers

  func direct() async throws {
    let worker = flip(2) ? WorkerID.a : .b
    let broker = broker
    if flip(3) {
      done = "dismiss \(worker)"
      model.dismiss(worker)
      try await broker.dismiss(worker)
    } else {
      let mode = pick(WorkerMode.allCases, or: .running)
      done = "direct \(worker) to be \(mode)"
      _ = try await attempt(model.direct(worker, to: mode)) { () async throws(BrokerError) in
        try await broker.direct(worker, to: mode)
      }
    }
    let wanted = try await broker.workers().map { [$0.report.id: $0.wanted] }
    let expected = model.workers.sorted { $0.key.description < $1.key.description }.map { [$0.key: $0.value] }
    try demand(wanted == expected, "lists \(wanted), not \(expected)")
  }
}
