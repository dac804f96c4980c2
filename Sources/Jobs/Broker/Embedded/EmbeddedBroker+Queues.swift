import EventLoop

extension EmbeddedBroker: QueueAdministration {
  package func queues() async throws(BrokerError) -> [QueueStatus] {
    try requireOpen()
    await settled()
    return store.table.queues.values.map(status).sorted { $0.name < $1.name }
  }

  package func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus? {
    try requireOpen()
    await settled()
    return store.table.queues[name].map(status)
  }

  /// Returns when what was staged is kept, or undone: what is read then is what stands.
  func settled() async {
    do {
      try await store.kept()
    } catch {
      // Undone for those who asked for it; a reader sees what stands without it.
    }
  }

  private func status(of queue: EmbeddedQueue) -> QueueStatus {
    let line = store.table.lines[queue.name] ?? QueueLine()
    let record = store.book[queue.name]
    return QueueStatus(
      name: queue.name, settings: queue.settings, version: queue.version, mode: queue.mode,
      modeSince: queue.modeSince, counts: line.counts,
      levels: Dictionary(uniqueKeysWithValues: (1...10).map { ($0, line.levels[$0]) }),
      totals: record.totals,
      oldestQueued: line.waiting.first.flatMap { store.table[$0.id]?.job.createdAt },
      createdAt: queue.createdAt, updatedAt: queue.updatedAt,
      lastFinishedAt: record.lastFinishedAt, lastFailedAt: record.lastFailedAt,
      lastFailure: record.lastFailure)
  }

  package func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?
  ) async throws(BrokerError) -> QueueStatus {
    try requireOpen()
    if let version, version != store.table.queues[name]?.version ?? 0 { throw .changedMeanwhile }
    let now = clock()
    let newest = store.table.queues[name].map { _ in newestSequence }
    store.changeQueue(name, at: now) { $0.set(settings, newest: newest, at: now) }
    admitParked(in: name, limit: Self.stepLimit, at: now)
    wakeAll(for: name)
    return try await kept(name)
  }

  package func setMode(
    of name: QueueName, to mode: QueueMode
  ) async throws(BrokerError) -> QueueStatus {
    try requireOpen()
    guard store.table.queues[name] != nil else { throw .queueNotFound }
    let now = clock()
    arriving[name] = nil
    store.changeQueue(name, at: now) { $0.become(mode, at: now) }
    settleMode(of: name, at: now)
    wakeAll(for: name)
    return try await kept(name)
  }

  /// A queue that was just changed, once that is kept.
  private func kept(_ name: QueueName) async throws(BrokerError) -> QueueStatus {
    try await store.kept()
    guard let queue = store.table.queues[name] else { throw .queueNotFound }
    return status(of: queue)
  }

  package func clear(
    _ name: QueueName, _ states: Set<JobState>, limit: Int
  ) async throws(BrokerError) -> Int {
    try requireOpen()
    let now = clock()
    let limit = min(limit, 500)
    var removed = 0
    // Again, as long as there are any: a place that is cleared lets a parked job in.
    while removed < limit {
      let ids = JobState.allCases.filter(states.contains).flatMap {
        store.table.lines[name]?.jobs(in: $0, limit: limit - removed) ?? []
      }
      if ids.isEmpty { break }
      for id in ids.prefix(limit - removed) {
        // Not one that went with a parent before it.
        guard let record = store.table[id], record.job.state != .running else { continue }
        if remove(record, at: now) { removed += 1 }
      }
    }
    try await store.kept()
    return removed
  }

  package func delete(_ name: QueueName) async throws(BrokerError) {
    try requireOpen()
    guard store.table.queues[name] != nil else { throw .queueNotFound }
    let unfinished = store.table.waiting(in: name) + store.table.running(in: name)
    guard unfinished == 0 else { throw .queueNotEmpty(jobs: unfinished) }
    store.removeQueue(name)
    try await store.kept()
  }

  package func statistics(
    of name: QueueName?, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics {
    try requireOpen()
    await settled()
    return store.book.statistics(
      of: name, minutes: min(max(minutes, 1), Int(QueueBook.span)), at: clock())
  }
}
