import EventLoop

extension EmbeddedBroker: JobQueue {
  package func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    try requireOpen()
    guard request.payload.bytes.count <= JobRequest.payloadLimit else {
      throw .payloadTooLarge(limit: JobRequest.payloadLimit)
    }
    let now = clock()
    if let earlier = try earlier(request, at: now) {
      guard let job = try await read(earlier) else { throw .unavailable }
      return Acceptance(job: job, match: .id)
    }
    let (record, event) = EmbeddedRecord.accepted(
      request, sequence: nextSequence(at: now), at: now)
    queue(record, event)
    let job = snapshot(record, at: now)
    try await store.kept(request.id)
    return Acceptance(job: job)
  }

  /// The job that this request, or its repeat, was accepted as.
  private func earlier(
    _ request: JobRequest, at now: Timestamp
  ) throws(BrokerError) -> EmbeddedRecord? {
    if let record = store.table[request.id] { return record }
    guard let key = request.idempotencyKey,
      let record = store.table.job(ofKey: key, user: request.user, at: now)
    else { return nil }
    guard record.fingerprint == request.fingerprint else { throw .idempotencyKeyReused }
    return record
  }

  package func lease(
    from queues: [QueueName], limit: Int, for duration: Duration, by worker: WorkerID
  ) async throws(BrokerError) -> [LeasedJob] {
    try requireOpen()
    promoteDue()
    let now = clock()
    var leased: [LeasedJob] = []
    for queue in queues {
      while leased.count < limit, let id = store.table.next(in: queue),
        var record = store.table[id]
      {
        let (job, event) = record.lease(to: worker, for: duration, at: now)
        store.change(record, event)
        leased.append(job)
      }
    }
    if !leased.isEmpty { try await store.kept() }
    return leased
  }

  package func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {
    guard isOpen else { return }
    promoteDue()
    if queues.contains(where: store.table.isWaiting(in:)) { return }
    await waiters.wait(for: queues, upTo: timeout)
  }

  package func extend(
    _ leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> [LeaseStanding] {
    try requireOpen()
    let deadline = clock() + duration
    return leases.map { lease in
      guard var record = held(lease) else { return .lost }
      record.deadline = deadline
      store.changeUnjournaled(record)
      return record.standing
    }
  }

  package func report(
    _ progress: Progress, under lease: Lease
  ) async throws(BrokerError) -> LeaseStanding {
    try requireOpen()
    guard progress.byteCount <= Progress.byteLimit else {
      throw .reportTooLarge(limit: Progress.byteLimit)
    }
    guard var record = held(lease) else { return .lost }
    let event = record.report(progress, at: clock())
    if event.position.offset <= record.reservedOffset {
      store.changeUnjournaled(record, event)
    } else {
      record.reservedOffset = event.position.offset + EmbeddedRecord.offsetBlock
      store.change(record, event)
      try await store.kept(lease.job)
    }
    return record.standing
  }

  package func log(
    _ lines: [String], under lease: Lease
  ) async throws(BrokerError) -> LeaseStanding {
    try requireOpen()
    guard let record = held(lease) else { return .lost }
    if !lines.isEmpty {
      store.append(lines.map { $0.cut(toBytes: 1 << 10) }, to: record)
      try await store.kept(lease.job)
    }
    return record.standing
  }

  package func settle(
    _ lease: Lease, _ settlement: Settlement
  ) async throws(BrokerError) -> SettlementOutcome {
    try requireOpen()
    if case .complete(let result?) = settlement, result.bytes.count > Settlement.resultLimit {
      throw .reportTooLarge(limit: Settlement.resultLimit)
    }
    guard var record = store.table[lease.job], record.token == lease.token else {
      return .leaseLost
    }
    if record.job.state.isTerminal {
      // This very token ended it: an answer that was lost on its way is given again.
      try await store.kept(lease.job)
      return .settled(record.job.state)
    }
    guard record.isHeld(by: lease) else { return .leaseLost }
    let event = record.settle(settlement, at: clock(), random: .random(in: 0...1))
    if record.job.state == .queued { queue(record, event) } else { store.change(record, event) }
    if record.job.state == .retrying { armRetryTimer() }
    try await store.kept(lease.job)
    return .settled(record.job.state)
  }

  package func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job {
    try requireOpen()
    guard var record = store.table[id] else { throw .jobNotFound }
    if let event = record.cancel(reason: reason, at: clock()) { store.change(record, event) }
    if record.job.isCancelling, let worker = record.worker {
      store.tell(.directive(.cancel(id, forced: forced), worker), of: id)
    }
    guard let job = try await read(record) else { throw .jobNotFound }
    return job
  }

  package func job(_ id: JobID) async throws(BrokerError) -> Job? {
    try requireOpen()
    guard let record = store.table[id] else { return nil }
    return try await read(record)
  }

  package func logLines(of id: JobID) async throws(BrokerError) -> [String] {
    try requireOpen()
    guard store.table[id] != nil else { return [] }
    do {
      try await store.kept(id)
      return try await journal.logLines(of: id)
    } catch {
      throw .unavailable
    }
  }

  package func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage {
    try requireOpen()
    let below = filter.cursor.flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
    let page = store.table.page(
      of: filter.user, states: filter.states, below: below,
      limit: min(max(filter.limit, 1), 200))
    let now = clock()
    let jobs = page.records.map { record in
      var job = snapshot(record, at: now)
      job.payload = nil
      return job
    }
    if jobs.contains(where: { store.isPending($0.id) }) { try await store.kept() }
    return JobPage(jobs: jobs, next: page.next.map(String.init))
  }

  package func reap(
    limit: Int, maxLost: Int, amnesty: Duration
  ) async throws(BrokerError) -> MaintenanceReport {
    try requireOpen()
    let now = clock()
    let silence = now - lastReap
    lastReap = now
    promoteDue()
    trim()
    var report = MaintenanceReport()
    if silence > amnesty {
      report.pardoned = pardon(until: now + amnesty, at: now)
      return report
    }
    for id in store.table.overdue(at: now, limit: max(limit, 0)) {
      guard var record = store.table[id] else { continue }
      let event = record.lose(maxLost: maxLost, at: now)
      switch record.job.state {
      case .queued:
        report.requeued.append(id)
        queue(record, event)
        continue
      case .cancelled: report.cancelled.append(id)
      default: report.failed.append(id)
      }
      store.change(record, event)
    }
    if report != MaintenanceReport() { try await store.kept() }
    return report
  }

  private func pardon(until deadline: Timestamp, at now: Timestamp) -> Int {
    let overdue = store.table.overdue(at: now, limit: .max)
    for id in overdue {
      guard var record = store.table[id] else { continue }
      record.deadline = deadline
      store.changeUnjournaled(record)
    }
    return overdue.count
  }

  /// After a failure of the journal this is found out by writing to it.
  package func isAvailable() async -> Bool {
    guard isOpen else { return false }
    return await store.isWritable()
  }

  // MARK: Reading

  private func held(_ lease: Lease) -> EmbeddedRecord? {
    guard let record = store.table[lease.job], record.isHeld(by: lease) else { return nil }
    return record
  }

  /// A record as readers see it now.
  private func snapshot(_ record: EmbeddedRecord, at now: Timestamp) -> Job {
    var job = record.job
    job.queuePosition = store.table.rank(of: record).map { $0 + 1 }
    job.isStalled = record.deadline.map { $0 <= now } ?? false
    return job
  }

  /// A record as it stands now, once that is kept, with its payload; nil if it is forgotten meanwhile.
  private func read(_ record: EmbeddedRecord) async throws(BrokerError) -> Job? {
    var job = snapshot(record, at: clock())
    try await store.kept(job.id)
    if job.payload != nil { return job }
    do {
      job.payload = try await journal.payload(of: job.id)
    } catch {
      throw .unavailable
    }
    return job.payload == nil ? nil : job
  }
}
