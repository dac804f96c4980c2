import EventLoop

// A step of a job, and what follows from it for others: one place for all verbs.
extension EmbeddedBroker {
  /// Makes a step, to be journaled, and does all that follows from it. Answers with the record as it
  /// was put, which may be forgotten already.
  @discardableResult
  func apply(_ record: EmbeddedRecord, _ event: JobEvent, at now: Timestamp) -> EmbeddedRecord {
    var record = record
    let old = store.table[record.job.id]
    let hasEnded = record.job.state.isTerminal && old?.job.state.isTerminal != true
    if hasEnded { record.ending = nextEnding(at: now) }
    store.change(record, event)
    count(from: old, to: record, at: now)
    let endedGroup = record.job.group == nil ? nil : followStep(of: record, from: old, at: now)
    if record.job.state == .queued, old?.job.state != .queued || old?.job.queue != record.job.queue {
      wake(for: record.job.queue)
    }
    if let old { giveRoom(left: old, by: record, at: now) }
    // Those that wait for room go before what follows the group; a drain waits for both.
    if let endedGroup { step(endedGroup, closes: false, at: now) }
    if let old { settleMode(of: old.job.queue, at: now) }
    if record.job.state == .scheduled || record.job.state == .retrying { armDueTimer() }
    if hasEnded { conclude(record, at: now) }
    return record
  }

  /// What a place left by a job means for others: its user's window and turns, its queue's limit. `record`:
  /// the job as it now is, nil when it is gone.
  func giveRoom(left old: EmbeddedRecord, by record: EmbeddedRecord?, at now: Timestamp) {
    let queue = old.job.queue
    let holdsPlace = record.map { $0.holdsPlace && $0.job.queue == queue } ?? false
    if old.holdsPlace, !holdsPlace {
      admitParked(of: old.job.user, in: queue, limit: Self.stepLimit, at: now)
    }
    if old.job.state == .running, record?.job.state != .running { wake(for: queue) }
    let isGone = record.map { $0.job.state.isTerminal || $0.job.queue != queue } ?? true
    if isGone { returnTurn(of: old, at: now) }
  }

  /// Gives back the turn of a job that goes without having had it.
  func returnTurn(of record: EmbeddedRecord, at now: Timestamp) {
    let job = record.job
    guard store.table.settings(of: job.queue).isFair, !job.state.isTerminal, job.state != .running,
      job.startedAt == nil
    else { return }
    store.changeQueue(job.queue, at: now) { $0.returnTurn(of: job.user) }
  }

  /// What the end of a job means for those that depend on it, and for what is kept.
  private func conclude(_ record: EmbeddedRecord, at now: Timestamp) {
    tellChildren(limit: Self.stepLimit, at: now)
    if record.isRemoved { forget(record.job.id, at: now) }
    forgetEnded(record.job.state, of: record.job.queue, limit: Self.stepLimit, at: now)
  }

  /// Wakes a worker for a queue, if it would be given something.
  func wake(for queue: QueueName) {
    if waiters.isWaiting, store.table.offers(queue) { waiters.wake(for: queue) }
  }

  /// Wakes as many workers for a queue as would be given something.
  func wakeAll(for queue: QueueName) {
    for _ in 0..<min(store.table.places(in: queue), waiters.count) { waiters.wake(for: queue) }
  }

  // MARK: Windows

  /// Whether the user of a job that would be queued has no room.
  func isWindowFull(for record: EmbeddedRecord) -> Bool {
    store.table.room(of: record.job.user, in: record.job.queue) == 0
  }

  /// Queues parked jobs of a user while there is room, at most `limit`; answers how many.
  @discardableResult
  func admitParked(
    of user: String, in queue: QueueName, limit: Int, at now: Timestamp
  ) -> Int {
    var admitted = 0
    while let id = store.table.firstParked(of: user, in: queue), var record = store.table[id],
      !isWindowFull(for: record)
    {
      guard admitted < limit else {
        queuesWithRoom.insert(queue)
        break
      }
      let event = record.admit(false, at: now)
      apply(record, event, at: now)
      admitted += 1
    }
    return admitted
  }

  /// Queues parked jobs of a queue while there is room, at most `limit`; the rest is remembered.
  func admitParked(in queue: QueueName, limit: Int, at now: Timestamp) {
    queuesWithRoom.remove(queue)
    var left = limit
    for user in store.table.lines[queue]?.parkedUsers ?? [] {
      left -= admitParked(of: user, in: queue, limit: left, at: now)
      if queuesWithRoom.contains(queue) { return }
    }
  }

  // MARK: Children

  /// Lets jobs go on whose parents have ended, or not, at most `limit` in one go.
  func tellChildren(limit: Int, at now: Timestamp) {
    // A child that ends has children of its own: they are told by whoever began.
    guard !isTellingChildren else { return }
    isTellingChildren = true
    defer { isTellingChildren = false }
    var left = limit
    while left > 0, let parent = store.table.endedParent {
      left -= 1
      tellChild(of: parent, at: now)
    }
  }

  private func tellChild(of parent: JobID, at now: Timestamp) {
    guard let id = store.table.firstChild(of: parent), var record = store.table[id],
      let ended = store.table[parent]
    else { return }
    if ended.job.state != .completed, record.terms.whenParentFails != .run {
      let event = record.followFailure(of: parent, at: now)
      apply(record, event, at: now)
      return
    }
    record.release(from: parent)
    if !record.parents.isEmpty {
      store.change(record, nil)
    } else if let due = record.job.dueAt, due > now {
      let event = record.wait(at: now)
      apply(record, event, at: now)
    } else {
      let event = record.admit(isWindowFull(for: record), at: now)
      apply(record, event, at: now)
    }
  }

  // MARK: Forgetting

  /// Forgets an ended job; those that still wait for it are told first.
  func forget(_ id: JobID, at now: Timestamp) {
    let wasTelling = isTellingChildren
    isTellingChildren = true
    while store.table.hasChildren(id) { tellChild(of: id, at: now) }
    isTellingChildren = wasTelling
    if let record = store.table[id], var group = store.table.groups.counting(record) {
      group.keepCount(of: record)
      store.change(group, group.id)
    }
    store.remove(id)
  }

  /// Forgets jobs that were kept long enough, or are too many; answers how many.
  @discardableResult
  func forgetEnded(limit: Int, at now: Timestamp) -> Int {
    var left = limit
    for name in Array(store.table.lines.keys) {
      for state in [JobState.completed, .failed, .cancelled] where left > 0 {
        left -= forgetEnded(state, of: name, limit: left, at: now)
      }
    }
    return limit - left
  }

  /// The same of a queue's jobs that ended in this state, by its rule of now.
  @discardableResult
  private func forgetEnded(_ state: JobState, of name: QueueName, limit: Int, at now: Timestamp) -> Int {
    let rule = store.table.settings(of: name).retention(of: state)
    let gone = store.table.ended(state, of: name, beyond: rule, limit: limit, at: now)
    for id in gone { forget(id, at: now) }
    return gone.count
  }

  // MARK: Queues

  /// Makes a queue paused that was drained and has become empty.
  func settleMode(of name: QueueName, at now: Timestamp) {
    guard let queue = store.table.queues[name], !queue.mode.accepts else { return }
    let mode = queue.mode(
      waiting: store.table.waiting(in: name), running: store.table.running(in: name))
    if mode != queue.mode {
      store.changeQueue(name, at: now) { $0.become(mode, at: now) }
    }
  }

  /// Counts how long an attempt ran that ends now, whatever its end.
  func countRun(of record: EmbeddedRecord, at now: Timestamp) {
    // Of one that was cut off by the end of the process nobody knows.
    guard let startedAt = record.attemptStartedAt else { return }
    store.count(in: record.job.queue) { $0.count(at: now) { $0.run.count(now - startedAt) } }
  }

  /// Takes back the wait that was counted when this attempt began, since it is not a start after all.
  func uncountWait(of record: EmbeddedRecord, at now: Timestamp) {
    guard record.isFirstStart, let startedAt = record.job.startedAt,
      startedAt.minute > now.minute - QueueBook.span
    else { return }
    let bucket = DurationHistogram.bucket(of: startedAt - record.waitsFrom)
    store.count(in: record.job.queue) {
      $0.count(at: startedAt) { $0.wait.count(bucket: bucket, times: -1) }
    }
  }

  /// Counts a step in what its queue did.
  private func count(from old: EmbeddedRecord?, to new: EmbeddedRecord, at now: Timestamp) {
    let state = new.job.state
    let isFirstStart = state == .running && old?.job.startedAt == nil
    guard old == nil || isFirstStart || (old?.job.state != state && (state.isTerminal || state == .retrying))
    else { return }
    store.count(in: new.job.queue) { tally in
      if old == nil {
        tally.totals.accepted += 1
        tally.count(at: now) { $0.accepted += 1 }
        return
      }
      if isFirstStart { tally.count(at: now) { $0.wait.count(now - new.waitsFrom) } }
      switch state {
      case .completed:
        tally.totals.completed += 1
        tally.count(at: now) { $0.completed += 1 }
      case .failed:
        tally.totals.failed += 1
        tally.count(at: now) { $0.failed += 1 }
        tally.failure = (now, new.job.failure?.message ?? "")
      case .cancelled:
        tally.totals.cancelled += 1
        tally.count(at: now) { $0.cancelled += 1 }
      case .retrying:
        tally.totals.retried += 1
        tally.count(at: now) { $0.retried += 1 }
      case .scheduled, .blocked, .queued, .running: break
      }
      if state.isTerminal { tally.lastFinishedAt = now }
    }
  }
}

extension EmbeddedRecord {
  /// Whether it takes a place in its user's window.
  fileprivate var holdsPlace: Bool { job.state == .queued || job.state == .running }
}
