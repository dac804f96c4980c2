import EventLoop

extension EmbeddedBroker: JobControl {
  package func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job {
    try requireOpen()
    guard let record = store.table[id] else { throw .jobNotFound }
    let now = clock()
    guard let job = try await read(cancel(record, reason: reason, forced: forced, at: now)) else {
      throw .jobNotFound
    }
    return job
  }

  /// Cancels a job or has its worker stop it.
  private func cancel(
    _ record: EmbeddedRecord, reason: String?, forced: Bool, at now: Timestamp
  ) -> EmbeddedRecord {
    var record = record
    let wasAsked = record.job.isCancelling
    if let event = record.cancel(reason: reason, at: now) { record = apply(record, event, at: now) }
    if record.job.isCancelling, let worker = record.job.worker, forced || !wasAsked {
      store.tell(.directive(.cancel(record.job.id, forced: forced), worker), of: record.job.id)
    }
    return record
  }

  package func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job {
    try requireOpen()
    guard var record = store.table[id] else { throw .jobNotFound }
    let now = clock()
    if record.job.state == .retrying {
      let event = record.admit(isWindowFull(for: record), at: now, reason: "retried")
      return try await answer(apply(record, event, at: now))
    }
    return try await rerun(record, after: delay, reason: "retried")
  }

  /// Runs an ended job again: in its old place, or where `queue` gives it one.
  private func rerun(
    _ ended: EmbeddedRecord, movingTo target: QueueName? = nil, after delay: Duration, reason: String
  ) async throws(BrokerError) -> Job {
    guard ended.job.state.isTerminal else { throw .wrongState(ended.job.state) }
    let payload = try await payload(of: ended)
    // The journal was asked meanwhile: the job may have gone on, or away.
    guard let payload, var record = store.table[ended.job.id], record.sequence == ended.sequence
    else { throw .jobNotFound }
    guard record.job.state.isTerminal else { throw .wrongState(record.job.state) }
    let queue = target ?? record.job.queue
    try requireUnique(record, in: queue)
    let now = clock()
    if queue != record.job.queue { _ = try admission(to: queue) }
    // It may have been deleted since.
    makeQueue(queue, at: now)
    if target != nil {
      let place = place(of: record, in: queue, at: now)
      record.place(in: queue, base: place.base, score: place.score)
    } else if store.table.settings(of: queue).isFair {
      // In its old place, and a turn all the same.
      store.changeQueue(queue, at: now) { $0.takeTurn(of: record.job.user) }
    }
    let event = record.retry(
      payload: payload, due: delay > .zero ? now + delay : nil, isParked: isWindowFull(for: record), at: now,
      reason: reason)
    return try await answer(apply(record, event, at: now))
  }

  package func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job {
    try requireOpen()
    guard var record = store.table[id] else { throw .jobNotFound }
    guard record.job.state != .running else { throw .wrongState(.running) }
    if record.job.state.isTerminal {
      return try await rerun(record, movingTo: queue, after: .zero, reason: "moved")
    }
    try requireUnique(record, in: queue)
    if queue != record.job.queue { _ = try admission(to: queue) }
    let now = clock()
    makeQueue(queue, at: now)
    if queue == record.job.queue { returnTurn(of: record, at: now) }
    let place = place(of: record, in: queue, at: now)
    // In its own queue it has a place already.
    let isParked =
      queue == record.job.queue && record.job.state == .queued
      ? false : store.table.room(of: record.job.user, in: queue) == 0
    let event = record.move(
      to: queue, base: place.base, score: place.score, isParked: isParked, at: now)
    return try await answer(apply(record, event, at: now))
  }

  private func requireUnique(_ record: EmbeddedRecord, in queue: QueueName) throws(BrokerError) {
    guard let key = record.terms.uniqueKey,
      let holder = store.table.job(ofUniqueKey: key, user: record.job.user, queue: queue),
      holder.job.id != record.job.id
    else { return }
    throw .uniqueKeyTaken(holder.job.id)
  }

  private func place(
    of record: EmbeddedRecord, in queue: QueueName, at now: Timestamp
  ) -> EmbeddedRecord.Place {
    place(
      record.sequence, order: record.terms.order, priority: record.job.priority,
      user: record.job.user, in: queue, at: now)
  }

  package func promote(_ id: JobID) async throws(BrokerError) -> Job {
    try requireOpen()
    guard var record = store.table[id] else { throw .jobNotFound }
    guard record.job.state == .scheduled || record.job.state == .retrying else {
      throw .wrongState(record.job.state)
    }
    let now = clock()
    let event = record.admit(isWindowFull(for: record), at: now, reason: "promoted")
    return try await answer(apply(record, event, at: now))
  }

  package func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job {
    try requireOpen()
    guard var record = store.table[id] else { throw .jobNotFound }
    guard !record.job.state.isTerminal else { throw .wrongState(record.job.state) }
    guard priority != record.job.priority else { return try await answer(record) }
    let now = clock()
    let event = record.reprioritise(priority, at: now)
    return try await answer(apply(record, event, at: now))
  }

  package func remove(_ id: JobID) async throws(BrokerError) -> Bool {
    try requireOpen()
    guard let record = store.table[id] else { throw .jobNotFound }
    let isGone = remove(record, at: clock())
    try await store.kept(id)
    return isGone
  }

  /// Forgets a job that does not run, at once; has one that runs stopped, to be forgotten then.
  func remove(_ record: EmbeddedRecord, at now: Timestamp) -> Bool {
    var record = record
    record.isRemoved = true
    guard record.job.state != .running else {
      // Journaled with the flag even where the worker was asked before.
      store.change(record, nil)
      _ = cancel(record, reason: nil, forced: true, at: now)
      return false
    }
    if record.job.state.isTerminal {
      forget(record.job.id, at: now)
    } else {
      _ = cancel(record, reason: nil, forced: false, at: now)
    }
    return true
  }

  /// A record that was just changed, once that is kept.
  private func answer(_ record: EmbeddedRecord) async throws(BrokerError) -> Job {
    let job = snapshot(record)
    try await store.kept(job.id)
    return job
  }
}
