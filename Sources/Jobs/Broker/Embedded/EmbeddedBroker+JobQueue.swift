import DequeModule
import EventLoop

extension EmbeddedBroker: JobQueue {
  package func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    try checkDisk()
    guard request.payload.bytes.count <= JobRequest.payloadLimit else {
      throw .payloadTooLarge(limit: JobRequest.payloadLimit)
    }
    prune()
    let now = clock()
    if let earlier = try earlier(request, at: now) {
      // Perhaps its own commit is still under way: an answer must not run ahead of it.
      try await committed()
      return Acceptance(job: view(earlier), isReplay: true)
    }
    lastSequence = max(lastSequence + 1, now.microsecondsSinceEpoch2025)
    let record = EmbeddedRecord(
      row: EmbeddedRecord.Row(
        id: request.id, queue: request.queue, kind: request.kind, user: request.user,
        state: .queued, priority: request.priority, attempt: 0, maxAttempts: request.maxAttempts,
        lostDeliveries: 0, isCancelling: false, createdAt: now, updatedAt: now,
        timeout: request.timeout, reservedOffset: 0, epoch: StreamPosition.newEpoch(),
        sequence: lastSequence, token: 0),
      payload: request.payload, offset: 0)
    records[request.id] = record
    index(record)
    let event = step(record, .state)
    var changes: [Journal.Change] = [.payload(request.id, request.payload.bytes)]
    if let key = request.idempotencyKey {
      let key = IdempotencyKey(user: request.user, key: key)
      let entry = IdempotencyEntry(
        job: request.id, fingerprint: request.fingerprint, expiresAt: now + .seconds(86400))
      keys[key] = entry
      keyExpiries.append((entry.expiresAt, key))
      changes.append(.idempotencyKey(key, entry))
    }
    place(record)
    let job = view(record)
    write(record, event, with: changes)
    try await committed()
    return Acceptance(job: job, isReplay: false)
  }

  /// The job that this request asked for before, if it did.
  private func earlier(
    _ request: JobRequest, at now: Timestamp
  ) throws(BrokerError) -> EmbeddedRecord? {
    if let key = request.idempotencyKey,
      let entry = keys[IdempotencyKey(user: request.user, key: key)], entry.expiresAt > now,
      let record = records[entry.job]
    {
      guard entry.fingerprint == request.fingerprint else { throw .idempotencyKeyReused }
      return record
    }
    return records[request.id]
  }

  package func lease(
    from names: [QueueName], limit: Int, for duration: Duration, by worker: WorkerID
  ) async throws(BrokerError) -> [LeasedJob] {
    try checkDisk()
    promote()
    let now = clock()
    var leased: [LeasedJob] = []
    for name in names {
      while leased.count < limit, let id = queues[name]?.popFirst() {
        guard let record = records[id], record.row.state == .queued else { continue }
        leased.append(take(record, for: duration, by: worker, at: now))
      }
    }
    if !leased.isEmpty { try await committed() }
    return leased
  }

  private func take(
    _ record: EmbeddedRecord, for duration: Duration, by worker: WorkerID, at now: Timestamp
  ) -> LeasedJob {
    let token = max(record.row.token + 1, UInt64(max(0, now.microsecondsSinceEpoch2025)))
    record.row.state = .running
    record.row.attempt += 1
    record.row.token = token
    record.row.failure = nil
    if record.row.startedAt == nil { record.row.startedAt = now }
    record.clearProgress()
    record.worker = worker
    record.deadline = now + duration
    running.insert(record.row.id)
    write(record, step(record, .state))
    return LeasedJob(
      lease: Lease(
        job: record.row.id, queue: record.row.queue, worker: worker, token: token,
        deadline: now + duration),
      kind: record.row.kind, user: record.row.user, attempt: record.row.attempt,
      maxAttempts: record.row.maxAttempts, timeout: record.row.timeout, payload: record.payload)
  }

  package func waitForWork(in names: [QueueName], upTo timeout: Duration) async {
    promote()
    if names.contains(where: { queues[$0]?.isEmpty == false }) { return }
    await signals.wait(for: names, upTo: timeout)
  }

  package func extend(
    _ leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> [LeaseStanding] {
    let now = clock()
    return leases.map { lease in
      guard let record = records[lease.job], record.isHeld(by: lease) else { return .lost }
      record.deadline = now + duration
      return record.row.isCancelling ? .cancelRequested : .held
    }
  }

  package func report(
    _ progress: Progress, under lease: Lease
  ) async throws(BrokerError) -> LeaseStanding {
    guard progress.byteCount <= Progress.byteLimit else {
      throw .reportTooLarge(limit: Progress.byteLimit)
    }
    guard let record = records[lease.job], record.isHeld(by: lease) else { return .lost }
    if let permille = progress.permille {
      record.row.permille = max(permille, record.row.permille ?? 0)
    }
    record.row.stage = progress.stage ?? record.row.stage
    record.row.message = progress.message ?? record.row.message
    record.row.details = progress.details ?? record.row.details
    if record.offset == record.row.reservedOffset {
      record.row.reservedOffset += Self.offsetBlock
      journal.write([.job(record.row)])
    }
    let event = step(record, .progress)
    // Behind the changes under way, so that events stay in order; at once where there are none.
    journal.write([]) { [events] in events.publish(event) }
    return record.row.isCancelling ? .cancelRequested : .held
  }

  package func log(
    _ lines: [String], under lease: Lease
  ) async throws(BrokerError) -> LeaseStanding {
    try checkDisk()
    guard let record = records[lease.job], record.isHeld(by: lease) else { return .lost }
    var changes: [Journal.Change] = []
    for line in lines.suffix(EmbeddedRecord.logLimit) {
      let number = (record.log.last?.number ?? 0) + 1
      let text = line.cut(toBytes: EmbeddedRecord.logLineLimit)
      record.log.append((number, text))
      changes.append(.logLine(lease.job, number: number, text: text))
    }
    record.log.removeFirst(max(0, record.log.count - EmbeddedRecord.logLimit))
    journal.write(changes)
    try await committed()
    return record.row.isCancelling ? .cancelRequested : .held
  }

  package func settle(
    _ lease: Lease, _ settlement: Settlement
  ) async throws(BrokerError) -> SettlementOutcome {
    try checkDisk()
    if case .complete(let result?) = settlement, result.bytes.count > Settlement.resultLimit {
      throw .reportTooLarge(limit: Settlement.resultLimit)
    }
    guard let record = records[lease.job] else { return .leaseLost }
    guard record.isHeld(by: lease) else {
      guard record.row.token == lease.token, record.row.state.isTerminal else { return .leaseLost }
      try await committed()
      return .settled(record.row.state)
    }
    let now = clock()
    switch settlement {
    case .complete(let result):
      record.row.result = result
      end(record, .completed, at: now)
    case .cancel(let failure):
      record.row.failure = failure.cut
      end(record, .cancelled, at: now)
    case .fail(let failure, _) where record.row.isCancelling:
      record.row.failure = failure.cut
      end(record, .cancelled, at: now)
    case .release where record.row.isCancelling:
      record.row.failure = .cancelled(nil)
      end(record, .cancelled, at: now)
    case .release:
      requeue(record)
      write(record, step(record, .state, reason: "released"))
    case .fail(let failure, let retry):
      record.row.failure = failure.cut
      if let delay = delay(retry, after: record.row.attempt, of: record.row.maxAttempts) {
        record.row.state = .retrying
        record.row.dueAt = now + delay
        vacate(record)
        schedule(record)
        write(record, step(record, .state))
      } else {
        end(record, .failed, at: now)
      }
    }
    let state = record.row.state
    try await committed()
    return .settled(state)
  }

  /// Nil where no attempt follows.
  private func delay(_ retry: Settlement.Retry, after attempt: Int, of limit: Int) -> Duration? {
    guard attempt < limit else { return nil }
    return switch retry {
    case .never: nil
    case .after(let delay): delay
    case .byPolicy(let policy):
      policy.delay(afterAttempt: attempt, random: .random(in: 0...1))
    }
  }

  /// The one terminal step of a job.
  private func end(
    _ record: EmbeddedRecord, _ state: JobState, at now: Timestamp, reason: String? = nil
  ) {
    record.row.state = state
    record.row.finishedAt = now
    record.row.isCancelling = false
    record.row.dueAt = nil
    if state == .completed { record.row.permille = nil }
    vacate(record)
    expire(record)
    write(record, step(record, .state, reason: reason))
  }

  package func cancel(_ id: JobID, reason: String?) async throws(BrokerError) -> Job {
    try checkDisk()
    guard let record = records[id] else { throw .jobNotFound }
    let now = clock()
    switch record.row.state {
    case .completed, .failed, .cancelled: break
    case .running:
      if !record.row.isCancelling {
        record.row.isCancelling = true
        write(record, step(record, .state, reason: "cancelling"))
      }
      if let worker = record.worker {
        journal.write([]) { [events] in events.direct(worker, .cancel(id)) }
      }
    case .queued:
      queues[record.row.queue]?.remove(
        id, priority: record.row.priority, sequence: record.row.sequence)
      fallthrough
    case .scheduled, .blocked, .retrying:
      record.row.failure = .cancelled(reason)
      end(record, .cancelled, at: now)
    }
    let job = view(record)
    try await committed()
    return job
  }

  package func job(_ id: JobID) async throws(BrokerError) -> Job? { records[id].map(view) }

  package func logLines(of id: JobID) async throws(BrokerError) -> [String] {
    records[id]?.log.map(\.text) ?? []
  }

  package func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage {
    let ids = filter.user.map { submissions[$0] ?? [] } ?? allSubmissions
    // The sequence of the last job shown: what is older follows, whatever came or went since.
    let last = filter.cursor.flatMap { Int64($0) } ?? .max
    var page = JobPage(jobs: [])
    var shown: Int64?
    for id in ids.reversed() {
      guard let record = records[id], record.row.sequence < last,
        filter.states.isEmpty || filter.states.contains(record.row.state)
      else { continue }
      if page.jobs.count == filter.limit {
        page.next = shown.map(String.init)
        break
      }
      var job = view(record)
      job.payload = nil
      page.jobs.append(job)
      shown = record.row.sequence
    }
    return page
  }

  package func reap(
    limit: Int, maxLost: Int, amnesty: Duration
  ) async throws(BrokerError) -> ReapReport {
    try checkDisk()
    prune()
    let now = clock()
    defer { lastReap = now }
    var report = ReapReport()
    let overdue = running.compactMap { records[$0] }
      .filter { $0.deadline.map { $0 < now } ?? true }
      .sorted { ($0.deadline ?? now) < ($1.deadline ?? now) }
    if let lastReap, now - lastReap > amnesty {
      for record in overdue { record.deadline = now + amnesty }
      report.pardoned = overdue.count
      return report
    }
    for record in overdue.prefix(limit) {
      record.row.lostDeliveries += 1
      if record.row.isCancelling {
        record.row.failure = .cancelled("its worker was lost")
        end(record, .cancelled, at: now)
        report.cancelled.append(record.row.id)
      } else if record.row.lostDeliveries > maxLost {
        record.row.failure = JobFailure(
          code: "lost", message: "Its worker was lost \(record.row.lostDeliveries) times.")
        end(record, .failed, at: now)
        report.failed.append(record.row.id)
      } else {
        requeue(record)
        write(record, step(record, .state, reason: "lost"))
        report.requeued.append(record.row.id)
      }
    }
    try await committed()
    return report
  }

  package func isAvailable() async -> Bool { !journal.isFailing }

  package func close() async {
    signals.wakeAll()
    await journal.close()
  }
}

extension Timestamp {
  /// For sequences and tokens, which fit into 53 bits this way.
  var microsecondsSinceEpoch2025: Int64 { (milliseconds - 1_735_689_600_000) * 1000 }
}

extension JobFailure {
  static func cancelled(_ reason: String?) -> JobFailure {
    JobFailure(code: "cancelled", message: reason ?? "It was cancelled.").cut
  }

  /// With its message cut to what brokers keep.
  var cut: JobFailure { JobFailure(code: code, message: message.cut(toBytes: 4096)) }
}
