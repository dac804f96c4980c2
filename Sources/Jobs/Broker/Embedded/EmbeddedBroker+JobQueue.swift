import EventLoop

extension EmbeddedBroker: JobQueue {
  package func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    try requireOpen()
    guard request.payload.bytes.count <= JobRequest.payloadLimit else {
      throw .payloadTooLarge(limit: JobRequest.payloadLimit)
    }
    let now = clock()
    if let (earlier, match) = try earlier(request, at: now) {
      guard let job = try await read(earlier) else { throw .unavailable }
      return Acceptance(job: job, match: match)
    }
    let record = try accept(request, at: now)
    let job = snapshot(record)
    try await store.kept(request.id)
    return Acceptance(job: job)
  }

  /// The job that answers this request already.
  func earlier(
    _ request: JobRequest, at now: Timestamp
  ) throws(BrokerError) -> (EmbeddedRecord, Acceptance.Match)? {
    if let record = store.table[request.id] { return (record, .id) }
    if let key = request.idempotencyKey,
      let record = store.table.job(ofKey: key, user: request.user, at: now)
    {
      guard record.terms.fingerprint == request.fingerprint else { throw .idempotencyKeyReused }
      return (record, .idempotencyKey)
    }
    if let key = request.uniqueKey,
      let record = store.table.job(ofUniqueKey: key, user: request.user, queue: request.queue)
    {
      return (record, .uniqueKey)
    }
    if let key = request.contentKey,
      let record = store.table.job(ofContentKey: key, user: request.user, kind: request.kind)
    {
      return (record, .contentKey)
    }
    return nil
  }

  /// Accepts a request that nothing answers yet, or refuses it.
  ///
  /// `isBounded`: not whatever the bound and mode of its queue.
  func accept(
    _ request: JobRequest, isBounded: Bool = true, at now: Timestamp
  ) throws(BrokerError) -> EmbeddedRecord {
    let settings =
      isBounded ? try admission(to: request.queue) : store.table.settings(of: request.queue)
    var pending: [JobID] = []
    var failed: JobID?
    for parent in request.dependencies.parents where !pending.contains(parent) {
      guard let record = store.table[parent] else { throw .parentNotFound(parent) }
      if !record.job.state.isTerminal {
        pending.append(parent)
      } else if record.job.state != .completed, request.dependencies.whenOneFails != .run {
        failed = failed ?? parent
      }
    }
    try requireGroup(of: request)
    if let failed { pending = [failed] }
    makeQueue(request.queue, at: now)
    let place = place(
      nextSequence(at: now), order: request.order, priority: request.priority, user: request.user,
      in: request.queue, at: now)
    let (record, event) = EmbeddedRecord.accepted(
      request, at: place, settings, parents: pending,
      isParked: store.table.room(of: request.user, in: request.queue) == 0, at: now)
    var accepted = apply(record, event, at: now)
    if let failed {
      let event = accepted.followFailure(of: failed, at: now)
      accepted = apply(accepted, event, at: now)
    }
    return accepted
  }

  /// Makes a queue that nobody named before.
  func makeQueue(_ name: QueueName, at now: Timestamp) {
    if store.table.queues[name] == nil { store.changeQueue(name, at: now) { _ in } }
  }

  /// The settings of a queue that lets another job in, or why it does not.
  func admission(to name: QueueName) throws(BrokerError) -> QueueSettings {
    guard let queue = store.table.queues[name] else { return QueueSettings() }
    guard queue.mode.accepts else { throw .queueDraining }
    if let limit = queue.settings.maxWaiting, store.table.waiting(in: name) >= limit {
      throw .queueFull(limit: limit)
    }
    return queue.settings
  }

  /// The place that a job of this number gets in a queue, by the queue's rule of now.
  func place(
    _ sequence: Int64, order: QueueOrder?, priority: Priority, user: String, in name: QueueName,
    at now: Timestamp
  ) -> EmbeddedRecord.Place {
    // Named is made.
    if store.table.queues[name] == nil { store.changeQueue(name, at: now) { _ in } }
    let settings = store.table.settings(of: name)
    var base: Int64 = 0
    if settings.isFair {
      store.changeQueue(name, at: now) { base = $0.base(of: sequence, order: order, user: user) }
    } else {
      base = QueueScore.base(of: sequence, order: order ?? settings.order)
    }
    return EmbeddedRecord.Place(
      sequence: sequence, base: base,
      score: QueueScore(base: base, priority: priority, ageing: settings.ageing))
  }

  package func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange {
    try requireOpen()
    for case .complete(let result?) in settlements.map(\.settlement)
    where result.bytes.count > Settlement.resultLimit {
      throw .reportTooLarge(limit: Settlement.resultLimit)
    }
    let now = clock()
    var exchange = Exchange()
    for one in settlements {
      exchange.outcomes.append(settle(one.lease, one.settlement, at: now))
    }
    if let request { exchange.jobs = take(request, at: now) }
    if !exchange.jobs.isEmpty || exchange.outcomes.contains(where: { $0 != .leaseLost }) {
      try await store.kept()
    }
    return exchange
  }

  /// Ends a lease, if it is still in force.
  func settle(
    _ lease: Lease, _ settlement: Settlement, at now: Timestamp
  ) -> SettlementOutcome {
    guard var record = store.table[lease.job], record.token == lease.token else {
      return .leaseLost
    }
    // This very token ended it: an answer that was lost on its way is given again.
    if record.job.state.isTerminal { return .settled(record.job.state) }
    guard record.isHeld(by: lease) else { return .leaseLost }
    if record.isUndone(by: settlement) {
      uncountWait(of: record, at: now)
    } else {
      countRun(of: record, at: now)
    }
    let event = record.settle(
      settlement, store.table.settings(of: record.job.queue), at: now,
      random: .random(in: 0...1))
    apply(record, event, at: now)
    return .settled(record.job.state)
  }

  private func take(_ request: LeaseRequest, at now: Timestamp) -> [LeasedJob] {
    promoteDue(at: now)
    var leased: [LeasedJob] = []
    var late = 0
    for queue in request.queues {
      let settings = store.table.settings(of: queue)
      while leased.count < request.limit, late < Self.stepLimit,
        store.table.offers(queue), let id = store.table.next(in: queue), var record = store.table[id]
      {
        if let limit = record.limit, limit <= now {
          let event = record.expire(at: now)
          apply(record, event, at: now)
          late += 1
          continue
        }
        let (job, event) = record.lease(to: request.worker, for: request.duration, settings, at: now)
        if settings.isFair { store.changeQueue(queue, at: now) { $0.wasTaken(record.base) } }
        apply(record, event, at: now)
        leased.append(job)
      }
    }
    return leased
  }

  package func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {
    guard isOpen else { return }
    promoteDue(at: clock())
    if queues.contains(where: store.table.offers) { return }
    await waiters.wait(for: queues, upTo: timeout)
  }

  package func passOnWork(in queues: [QueueName]) async {
    guard isOpen else { return }
    for queue in queues where store.table.offers(queue) { waiters.wake(for: queue) }
  }

  package func extend(
    _ leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> [LeaseStanding] {
    try requireOpen()
    return renew(leases, for: duration, at: clock())
  }

  /// Renews leases that are still in force.
  func renew(_ leases: [Lease], for duration: Duration, at now: Timestamp) -> [LeaseStanding] {
    leases.map { lease in
      guard var record = held(lease) else { return .lost }
      let reserved = record.reservedOffset
      let event = record.extend(to: now + duration, at: now)
      if record.reservedOffset == reserved {
        store.changeUnjournaled(record, event)
      } else {
        store.change(record, event)
      }
      return record.standing
    }
  }

  package func report(
    _ progress: Progress, under lease: Lease
  ) async throws(BrokerError) -> ReportAnswer {
    try requireOpen()
    guard progress.byteCount <= Progress.byteLimit else {
      throw .reportTooLarge(limit: Progress.byteLimit)
    }
    guard var record = held(lease) else { return ReportAnswer(.lost) }
    let event = record.report(progress, at: clock())
    let group = record.job.group
    let permille = group.map(store.table.groups.permille)
    let isReserved = event.position.offset <= record.reservedOffset
    if isReserved {
      store.changeUnjournaled(record, event)
    } else {
      record.reservedOffset = event.position.offset + EmbeddedRecord.offsetBlock
      store.change(record, event)
    }
    if let group, !followProgress(of: record, in: group, from: permille) { try await store.kept(group) }
    if !isReserved { try await store.kept(lease.job) }
    return ReportAnswer(
      record.standing, listeners: fanout.watcherCount(of: lease.job, user: record.job.user))
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

  private func held(_ lease: Lease) -> EmbeddedRecord? {
    guard let record = store.table[lease.job], record.isHeld(by: lease) else { return nil }
    return record
  }

  package func isAvailable() async -> Bool {
    guard isOpen else { return false }
    return await store.isWritable()
  }
}
