import EventLoop

// Reading: what is not yet kept is waited for before it is told.
extension EmbeddedBroker {
  package func job(_ id: JobID) async throws(BrokerError) -> Job? {
    try requireOpen()
    guard let record = store.table[id] else { return nil }
    return try await read(record)
  }

  package func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace] {
    try requireOpen()
    var places: [JobID: QueuePlace] = [:]
    for id in ids {
      guard let record = store.table[id], let rank = store.table.rank(of: record) else { continue }
      places[id] = QueuePlace(queue: record.job.queue, position: rank + 1)
    }
    return places
  }

  package func positions(of channels: [Channel]) async throws(BrokerError) -> [Channel: StreamPosition] {
    try requireOpen()
    var positions: [Channel: StreamPosition] = [:]
    for channel in channels {
      switch channel {
      case .job(let id): positions[channel] = store.table[id]?.job.position
      case .group(let id): positions[channel] = store.table.groups.shown(id)?.position
      case .user: break
      }
    }
    return positions
  }

  package func logLines(of id: JobID) async throws(BrokerError) -> [String] {
    try requireOpen()
    guard let record = store.table[id], record.logCount > 0 else { return [] }
    do {
      try await store.kept(id)
      return try await journal.logLines(of: record.sequence)
    } catch {
      throw .unavailable
    }
  }

  package func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage {
    try requireOpen()
    let cursor = filter.cursor.flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
    let below = [cursor, filter.until?.sequence].compactMap { $0 }.min()
    let page = store.table.page(
      of: .init(user: filter.user, below: below, from: filter.since?.sequence),
      limit: min(max(filter.limit, 1), 200)
    ) { record in
      let job = record.job
      return (filter.states.isEmpty || filter.states.contains(job.state))
        && (filter.queue == nil || filter.queue == job.queue)
        && (filter.kind == nil || filter.kind == job.kind)
        && filter.endedBefore.map { moment in job.finishedAt.map { $0 < moment } ?? false } ?? true
    }
    return try await shown(page)
  }

  /// Records as a page of a listing, once they are kept.
  func shown(_ page: (records: [EmbeddedRecord], next: Int64?)) async throws(BrokerError) -> JobPage {
    let jobs = page.records.map { record in
      var job = snapshot(record)
      job.payload = nil
      return job
    }
    if jobs.contains(where: { store.isPending($0.id) }) { try await store.kept() }
    return JobPage(jobs: jobs, next: page.next.map(String.init))
  }

  /// A record as readers see it now.
  func snapshot(_ record: EmbeddedRecord) -> Job {
    var job = record.job
    job.maxAttempts = record.terms.maxAttempts ?? store.table.settings(of: job.queue).defaults.maxAttempts
    job.queuePosition = store.table.rank(of: record).map { $0 + 1 }
    return job
  }

  /// A record as it stands now, once that is kept, with its payload; nil if it is forgotten meanwhile.
  func read(_ record: EmbeddedRecord) async throws(BrokerError) -> Job? {
    var job = snapshot(record)
    try await store.kept(job.id)
    if job.payload == nil { job.payload = try await payload(of: record) }
    return job.payload == nil ? nil : job
  }

  /// What was asked for with a job; nil if it is forgotten meanwhile.
  func payload(of record: EmbeddedRecord) async throws(BrokerError) -> JobPayload? {
    if let payload = record.job.payload { return payload }
    do {
      return try await journal.payload(of: record.sequence)
    } catch {
      throw .unavailable
    }
  }
}
