import EventLoop

extension EmbeddedBroker: BrokerArchive, QueueArrival {
  package func archive(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> ArchivePage {
    try requireOpen()
    guard let cursor else { return try await firstArchivePage(next: ArchivePlace().cursor) }
    var place = ArchivePlace(cursor)
    let limit = min(max(limit, 1), 1000)
    // What is not kept yet may still be undone.
    try await store.kept()
    // At one moment: whatever a group counts that is on record comes before it, or came.
    let records = store.table.records(after: place.sequence, limit: limit)
    let groups = archivedGroups(after: place.group, limit: limit - records.count)
    var page = ArchivePage(entries: [])
    // A page holds about a megabyte at most.
    var room = 1 << 20
    for record in records {
      place.sequence = record.sequence
      // As it stands now: it may have moved on, or be gone, since the list was made.
      guard let record = store.table[record.job.id] else { continue }
      let snapshot = try await snapshot(archiving: record)
      guard let snapshot else { continue }
      page.entries.append(.job(snapshot))
      room -= snapshot.job.payload?.bytes.count ?? 0
      if room < 0 { break }
    }
    for (group, callback) in groups where room >= 0 {
      place.group = group.id
      page.entries.append(.group(group, callback: callback))
      room -= callback?.payload.bytes.count ?? 0
    }
    let isLast = room >= 0 && records.count + groups.count < limit
    if isLast { page.entries += try await ledgers() }
    page.next = isLast ? nil : place.cursor
    return page
  }

  /// Groups as they stand, each with what is to be submitted at its end.
  private func archivedGroups(after last: GroupID?, limit: Int) -> [(JobGroup, callback: JobRequest?)] {
    store.table.groups.ids(after: last, limit: limit).compactMap { id in
      store.table.groups.shown(id).map { ($0, store.table.groups[id]?.callbackRequest) }
    }
  }

  /// Nil if it is forgotten meanwhile.
  private func snapshot(archiving record: EmbeddedRecord) async throws(BrokerError) -> JobSnapshot? {
    var job = snapshot(record)
    job.queuePosition = nil
    guard let payload = try await payload(of: record) else { return nil }
    job.payload = payload
    let terms = record.terms
    return JobSnapshot(
      job: job, sequence: record.sequence, base: record.base,
      ageing: record.score.ageing(of: job.priority, base: record.base), token: record.token,
      order: terms.order, maxAttempts: terms.maxAttempts, retry: terms.retry, timeout: job.timeout,
      startWithin: terms.startWithin, totalTimeout: terms.totalTimeout, idempotencyKey: terms.idempotencyKey,
      fingerprint: terms.idempotencyKey == nil ? nil : terms.fingerprint,
      uniqueKey: terms.uniqueKey, contentKey: terms.contentKey,
      dependencies: JobDependencies(
        parents: record.parents, whenOneFails: terms.whenParentFails),
      weight: terms.weight, cancellation: record.cancellation, isRemoved: record.isRemoved,
      log: try await logLines(of: job.id), feed: terms.feed)
  }

  package func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport {
    try requireOpen()
    var report = RestoreReport()
    for entry in entries {
      switch entry {
      case .queue(let name, let settings, let mode): try await restore(name, settings, mode, &report)
      case .job(let snapshot): restore(snapshot, &report)
      case .schedule(let status):
        let name = status.schedule.name
        guard store.table.schedules[name] == nil else {
          report.known += 1
          continue
        }
        store.change(status, name)
        report.restored += 1
      case .group(let group, let callback):
        guard store.table.groups[group.id] == nil else {
          report.known += 1
          continue
        }
        restore(group, callback)
        report.restored += 1
      case .revocation(let revocation):
        if merge(revocation, at: clock()).isNew { report.restored += 1 } else { report.known += 1 }
      case .ledger(let ledger):
        // What was counted until now is in the book once it is kept.
        try await store.kept()
        try await arrived(ledger.queue, isRaised: restore(ledger), &report)
      }
    }
    try await store.kept()
    return report
  }

  private func restore(_ snapshot: JobSnapshot, _ report: inout RestoreReport) {
    let id = snapshot.job.id
    guard store.table[id] == nil else {
      report.known += 1
      return
    }
    let now = clock()
    let job = snapshot.job
    if store.table.queues[job.queue] == nil { arriving[job.queue] = .active }
    makeQueue(job.queue, at: now)
    let settings = store.table.settings(of: job.queue)
    let isOver = job.state.isTerminal || snapshot.end(at: now) != nil
    let holder = isOver ? nil : holder(ofKeysOf: snapshot, at: now)
    var parents = snapshot.dependencies.parents.filter {
      store.table[$0].map { !$0.job.state.isTerminal } ?? false
    }
    let failed = isOver || holder != nil ? nil : failedParent(of: snapshot.dependencies)
    if let failed { parents = [failed] }
    var record = EmbeddedRecord.restored(
      snapshot, sequence: take(snapshot.sequence), settings, parents: parents,
      isParked: store.table.room(of: job.user, in: job.queue) == 0, duplicateOf: holder, at: now)
    report.restored += 1
    if holder != nil { report.duplicates.append(id) }
    if job.state.isTerminal {
      record.ending = (job.finishedAt ?? now).sequence
      store.change(record, nil)
      store.follow(record, from: nil, reason: "restored")
      if var group = store.table.groups.counting(record) {
        if group.returnCount(of: record) {
          store.change(group, group.id)
        } else {
          step(group.id, closes: false, at: now)
        }
      }
      store.count(in: job.queue) {
        $0.totals.accepted += 1
        $0.totals.count(job.state)
      }
    } else {
      record = apply(record, record.event(.state, reason: "restored"), at: now)
      // An acceptance counts as that, and this one was an end as well.
      let state = record.job.state
      store.count(in: job.queue) { $0.totals.count(state) }
      if let failed {
        let event = record.followFailure(of: failed, at: now)
        record = apply(record, event, at: now)
      }
    }
    if !snapshot.log.isEmpty, store.table[id] != nil { store.append(snapshot.log, to: record) }
  }

  /// The parent that decides that its child does not run, since it ended here without completing.
  private func failedParent(of dependencies: JobDependencies) -> JobID? {
    guard dependencies.whenOneFails != .run else { return nil }
    return dependencies.parents.first { parent in
      store.table[parent].map { $0.job.state.isTerminal && $0.job.state != .completed } ?? false
    }
  }

  /// Takes in a group after its jobs: what is on record is counted as it stands here.
  private func restore(_ archived: JobGroup, _ callback: JobRequest?) {
    let id = archived.id
    let now = clock()
    let members = store.table.groups.members(of: id)
    store.change(EmbeddedGroup.restored(archived, callback, members: members, at: now), id)
    let isOver = archived.state == .closed && members.pending == 0
    if isOver || store.table.groups.shown(id) != archived { step(id, closes: false, at: now) }
  }

  /// The job that has a key of this one.
  private func holder(ofKeysOf snapshot: JobSnapshot, at now: Timestamp) -> JobID? {
    let job = snapshot.job
    if let key = snapshot.idempotencyKey,
      let record = store.table.job(ofKey: key, user: job.user, at: now)
    {
      return record.job.id
    }
    return snapshot.uniqueKey.flatMap {
      store.table.job(ofUniqueKey: $0, user: job.user, queue: job.queue)?.job.id
    }
  }

  package func discard(_ ids: [JobID]) async throws(BrokerError) {
    try requireOpen()
    let now = clock()
    for id in ids {
      guard let record = store.table[id], record.job.state != .running else { continue }
      if record.job.state.isTerminal {
        forget(id, at: now)
      } else {
        if var group = store.table.groups.counting(record) {
          group.step(at: now)
          store.change(group, group.id)
        }
        store.remove(id)
        giveRoom(left: record, by: nil, at: now)
        settleMode(of: record.job.queue, at: now)
      }
    }
    try await store.kept()
  }
}

extension QueueTotals {
  /// Counts a job that is taken in after its end, in the state that it ended in.
  fileprivate mutating func count(_ state: JobState) {
    switch state {
    case .completed: completed += 1
    case .failed: failed += 1
    case .cancelled: cancelled += 1
    case .scheduled, .blocked, .queued, .running, .retrying: break
    }
  }
}

extension EmbeddedRecord {
  /// The record of a job that an archive holds: what ran waits again, or has ended where it was to stop; what
  /// waits is one step further.
  fileprivate static func restored(
    _ snapshot: JobSnapshot, sequence: Int64, _ settings: QueueSettings, parents: [JobID],
    isParked: Bool, duplicateOf holder: JobID?, at now: Timestamp
  ) -> EmbeddedRecord {
    var job = snapshot.job
    job.queuePosition = nil
    job.worker = nil
    job.isStalled = false
    job.isCancelling = false
    job.pendingParents = parents.count
    if let end = snapshot.end(at: now) {
      job.state = end.isTotalTimeout ? .failed : .cancelled
      job.failure = end
      job.finishedAt = now
      job.updatedAt = now
      job.pendingParents = 0
      job.position.offset += 1
    } else if !job.state.isTerminal {
      if job.state == .running { job.attempt = max(0, job.attempt - 1) }
      job.progress = Progress()
      job.position.offset += 1
      job.updatedAt = now
      if holder != nil {
        job.state = .cancelled
      } else if !parents.isEmpty {
        job.state = .blocked
      } else if job.dueAt == nil || job.state == .queued || job.state == .running {
        job.state = isParked ? .blocked : .queued
      } else if job.state == .blocked {
        job.state = .scheduled
      }
      if job.state != .scheduled, job.state != .retrying, parents.isEmpty { job.dueAt = nil }
    }
    if let holder {
      job.failure = JobFailure(code: "duplicate", message: "The same was accepted as job \(holder).")
      job.finishedAt = now
      job.pendingParents = 0
    }
    let isKeyless = holder != nil
    let terms = JobTerms(
      order: snapshot.order, maxAttempts: snapshot.maxAttempts, retry: snapshot.retry,
      startWithin: snapshot.startWithin, totalTimeout: snapshot.totalTimeout,
      idempotencyKey: isKeyless ? nil : snapshot.idempotencyKey,
      fingerprint: snapshot.fingerprint ?? "", uniqueKey: isKeyless ? nil : snapshot.uniqueKey,
      contentKey: isKeyless ? nil : snapshot.contentKey,
      whenParentFails: snapshot.dependencies.whenOneFails, weight: snapshot.weight, feed: snapshot.feed)
    let ageing = snapshot.ageing.map { $0 == .zero ? nil : $0 } ?? settings.ageing
    var record = EmbeddedRecord(
      job: job, sequence: sequence, terms: terms, base: snapshot.base,
      score: QueueScore(base: snapshot.base, priority: job.priority, ageing: ageing),
      waitsFrom: job.dueAt ?? job.createdAt)
    // Greater than any it had, so that who held the last lease holds none.
    record.token = snapshot.token + (snapshot.job.state.isTerminal ? 0 : 1)
    record.parents = holder == nil ? parents : []
    record.isRemoved = snapshot.isRemoved && job.state.isTerminal
    return record
  }
}

/// How far an archive was taken: up to which job, and which group.
private struct ArchivePlace {
  var sequence = Int64.min
  var group: GroupID?

  init() {}

  init(_ cursor: String) {
    let parts = cursor.split(separator: " ")
    sequence = parts.first.flatMap { Int64($0) } ?? .min
    group = parts.dropFirst().first.flatMap { GroupID($0) }
  }

  var cursor: String { group.map { "\(sequence) \($0)" } ?? "\(sequence)" }
}
