import Jobs

// What is done to jobs and queues from outside. Each verb answers with why it is refused, or nil.
extension BrokerModel {
  mutating func cancel(_ id: JobID) -> BrokerError? {
    guard let entry = self[id] else { return .jobNotFound }
    defer { settleDown() }
    if entry.state == .running {
      stop(id)
    } else if !entry.state.isTerminal {
      end(id, .cancelled, "cancelled")
    }
    return nil
  }

  private mutating func stop(_ id: JobID) {
    guard self[id]?.isCancelling == false else { return }
    change(id) { $0.isCancelling = true }
    tell(id, "cancelling")
  }

  mutating func retry(_ id: JobID, _ delay: Delay) -> BrokerError? {
    guard let entry = self[id] else { return .jobNotFound }
    defer { settleDown() }
    if entry.state == .retrying {
      change(id) { $0.delay = .none }
      admit(id, "retried")
      return nil
    }
    guard entry.state.isTerminal else { return .wrongState(entry.state) }
    if let key = entry.request.uniqueKey, let holder = holder(of: key, entry.user, in: entry.queue) {
      return .uniqueKeyTaken(holder)
    }
    // In its old place, and a turn all the same.
    update(entry.queue) { if $0.settings.isFair { _ = $0.takeTurn(of: entry.user) } }
    reopen(id, delay)
    if delay == .none {
      admit(id, "retried")
    } else {
      change(id) { $0.state = .scheduled }
      tell(id, "retried")
    }
    return nil
  }

  private mutating func reopen(_ id: JobID, _ delay: Delay) {
    change(id) {
      $0.attempt = 0
      $0.lost = 0
      $0.permille = nil
      $0.failure = nil
      $0.delay = delay
      $0.wasFar = delay == .far
      $0.hasStarted = false
      $0.isLate = false
      $0.endedByLease = false
    }
  }

  mutating func redrive(_ id: JobID, to name: QueueName) -> BrokerError? {
    guard let entry = self[id] else { return .jobNotFound }
    guard entry.state != .running else { return .wrongState(.running) }
    if let key = entry.request.uniqueKey, let holder = holder(of: key, entry.user, in: name), holder != id {
      return .uniqueKeyTaken(holder)
    }
    if name != entry.queue, let refusal = refusal(of: name) { return refusal }
    update(name) { _ in }
    returnTurn(of: entry)
    var placed = entry
    rank(&placed, in: name)
    // In its own queue it keeps its room.
    let wasHeld = entry.state == .queued && name != entry.queue
    if entry.state.isTerminal { reopen(id, .none) }
    change(id) {
      $0.queue = name
      $0.base = placed.base
      $0.ageing = placed.ageing
      $0.rank()
      // Out of the way while it looks for room.
      if wasHeld { $0.state = .blocked }
    }
    if entry.isParked || wasHeld || entry.state.isTerminal { admit(id, "moved") } else { tell(id, "moved") }
    fill(entry.user, in: entry.queue)
    settleDown()
    return nil
  }

  mutating func promote(_ id: JobID) -> BrokerError? {
    guard let entry = self[id] else { return .jobNotFound }
    guard entry.state == .scheduled || entry.state == .retrying else { return .wrongState(entry.state) }
    change(id) { $0.delay = .none }
    admit(id, "promoted")
    settleDown()
    return nil
  }

  mutating func reprioritise(_ id: JobID, to priority: Priority) -> BrokerError? {
    guard let entry = self[id] else { return .jobNotFound }
    guard !entry.state.isTerminal else { return .wrongState(entry.state) }
    guard entry.priority != priority else { return nil }
    change(id) {
      $0.priority = priority
      $0.rank()
    }
    tell(id, "reprioritised")
    return nil
  }

  /// Whether it is gone; nil for an unknown job.
  mutating func remove(_ id: JobID) -> Bool? {
    guard let entry = self[id] else { return nil }
    defer { settleDown() }
    change(id) { $0.isDoomed = true }
    if entry.state == .running {
      stop(id)
      return false
    }
    if entry.state.isTerminal { forget(id) } else { end(id, .cancelled, "cancelled") }
    return true
  }

  // MARK: Queues

  /// How many are cleared: queued ones in the order of the queue, others as they were accepted, or the
  /// other way round.
  mutating func clear(_ name: QueueName, _ state: JobState, isReversed: Bool = false) -> Int {
    func isLeft(_ entry: Entry) -> Bool { entry.queue == name && entry.state == state }
    // What was blocked goes, whatever became of it with its parent.
    func goes(_ entry: Entry) -> Bool { isLeft(entry) || state == .blocked && entry.state != .running }
    var count = 0
    while true {
      // What comes after, as a parked job that gets a place, goes after.
      let next = state == .queued ? queued(in: name) : entries.filter(isLeft)
      if next.isEmpty { return count }
      for entry in isReversed ? next.reversed() : next where self[entry.id].map(goes) ?? false {
        _ = remove(entry.id)
        count += 1
      }
    }
  }

  mutating func set(_ name: QueueName, to settings: QueueSettings, ifVersion version: Int?) -> BrokerError? {
    if let version, version != line(of: name)?.version ?? 0 { return .changedMeanwhile }
    let newest = lastNumber
    update(name) {
      if settings.isFair, !$0.settings.isFair { $0.time = max($0.time, newest) }
      if !settings.isFair { $0.turns = [:] }
      $0.settings = settings
      $0.version += 1
    }
    for user in Set(entries.map(\.user)) { fill(user, in: name) }
    return nil
  }

  mutating func setMode(of name: QueueName, to mode: QueueMode) -> BrokerError? {
    guard line(of: name) != nil else { return .queueNotFound }
    update(name) { $0.mode = mode }
    settleDown()
    return nil
  }

  mutating func delete(_ name: QueueName) -> BrokerError? {
    guard line(of: name) != nil else { return .queueNotFound }
    let unfinished = entries.count { $0.queue == name && !$0.state.isTerminal }
    guard unfinished == 0 else { return .queueNotEmpty(jobs: unfinished) }
    drop(name)
    return nil
  }

  // MARK: Workers

  mutating func beat(_ worker: WorkerID) -> WorkerMode {
    let wanted = workers[worker] ?? .running
    workers[worker] = wanted
    return wanted
  }

  mutating func dismiss(_ worker: WorkerID) { workers[worker] = nil }

  mutating func direct(_ worker: WorkerID, to mode: WorkerMode) -> BrokerError? {
    guard workers[worker] != nil else { return .workerNotFound }
    workers[worker] = mode
    return nil
  }
}
