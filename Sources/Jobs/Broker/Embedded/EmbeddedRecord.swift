/// One job as an embedded broker keeps it, and the whole rule of what may happen to it.
///
/// Each verb is one step: it changes the record, numbers the step and returns its event. Nothing
/// here knows of time but what it is told, of queues but what they ask for, or of the journal.
struct EmbeddedRecord: Sendable {
  /// Its facts; `payload` is nil once it has ended and lies only in the journal. `queuePosition` and
  /// `maxAttempts` are found when it is read.
  var job: Job
  /// The order of acceptance, which a job keeps for life: what comes back comes back to its place.
  let sequence: Int64
  let terms: JobTerms
  /// Its place among those of its priority, and in its queue.
  var base: Int64
  var score: QueueScore
  /// The fencing number in force, or the last that was. A lease that did not end the job leaves a
  /// greater one behind, so that a token equal to an ended job's is the one that ended it.
  var token: UInt64 = 0
  /// Until when the lease stands; only while running, and not journaled.
  var deadline: Timestamp?
  /// When the attempt that runs began; not journaled.
  var attemptStartedAt: Timestamp?
  /// Whether that was the first start of all; not journaled.
  var isFirstStart = false
  /// From when its wait for the first start counts: accepted, due, or run again.
  var waitsFrom: Timestamp
  /// The parents that have not ended.
  var parents: [JobID] = []
  /// What the job ends with when it stops, since somebody cancelled it or its time was over.
  var cancellation: JobFailure?
  /// It is forgotten when it ends.
  var isRemoved = false
  /// Its number in the order in which jobs ended, which tells when that was; only of ended ones.
  var ending: Int64 = 0
  /// How many lines were ever logged.
  var logCount = 0
  /// Offsets up to this may have been used, as far as the journal knows: progress is not journaled.
  var reservedOffset: UInt64 = 0

  /// How many offsets a running job may use before the journal has to be told again.
  static let offsetBlock: UInt64 = 1024

  init(
    job: Job, sequence: Int64, terms: JobTerms, base: Int64, score: QueueScore,
    waitsFrom: Timestamp
  ) {
    self.job = job
    self.sequence = sequence
    self.terms = terms
    self.base = base
    self.score = score
    self.waitsFrom = waitsFrom
    reservedOffset = job.position.offset
  }

  /// Whether the lease is the one in force.
  func isHeld(by lease: Lease) -> Bool { job.state == .running && token == lease.token }

  /// What the holder of the lease is told.
  var standing: LeaseStanding { job.isCancelling ? .cancelRequested : .held }

  /// How often it may be tried in a queue.
  func maxAttempts(in settings: QueueSettings) -> Int {
    terms.maxAttempts ?? settings.defaults.maxAttempts
  }

  /// Whether a settlement means that nothing was run: the job waits on as if it had not been taken.
  func isUndone(by settlement: Settlement) -> Bool {
    guard case .snooze = settlement else { return false }
    return cancellation == nil
  }

  // MARK: Under a lease

  mutating func lease(
    to worker: WorkerID, for duration: Duration, _ settings: QueueSettings, at now: Timestamp
  ) -> (LeasedJob, JobEvent) {
    guard let payload = job.payload else {
      preconditionFailure("a waiting job has no payload")
    }
    token = max(token + 1, Self.clockToken(at: now))
    job.attempt += 1
    job.progress = Progress()
    job.failure = nil
    isFirstStart = job.startedAt == nil
    job.startedAt = job.startedAt ?? now
    let event = step(.lease, at: now)
    let deadline = now + duration
    job.worker = worker
    self.deadline = deadline
    attemptStartedAt = now
    let lease = Lease(
      job: job.id, queue: job.queue, worker: worker, token: token, deadline: deadline)
    let leased = LeasedJob(
      lease: lease, kind: job.kind, user: job.user, attempt: job.attempt,
      maxAttempts: maxAttempts(in: settings), timeout: job.timeout ?? settings.defaults.timeout,
      payload: payload)
    return (leased, event)
  }

  /// Sets when the lease ends; an event if its job was shown as stalled.
  mutating func extend(to deadline: Timestamp, at now: Timestamp) -> JobEvent? {
    self.deadline = deadline
    guard job.isStalled else { return nil }
    job.isStalled = false
    return step(.touch, at: now, reason: "recovered")
  }

  /// Its worker has not renewed the lease in time.
  mutating func stall(at now: Timestamp) -> JobEvent {
    job.isStalled = true
    return step(.touch, at: now, reason: "stalled")
  }

  mutating func report(_ progress: Progress, at now: Timestamp) -> JobEvent {
    // In tenths, as every broker keeps it, so that all answer alike.
    let reached = [progress.permille, job.progress.permille].compactMap { $0 }.max()
    job.progress = progress
    job.progress.percent = reached.map { Double($0) / 10 }
    job.updatedAt = now
    job.position.offset += 1
    return event(.progress)
  }

  /// `random` (0…1) draws the delay of a retry.
  mutating func settle(
    _ settlement: Settlement, _ settings: QueueSettings, at now: Timestamp, random: Double
  ) -> JobEvent {
    switch settlement {
    case .complete(let result):
      job.result = result
      job.failure = nil
      job.progress.percent = 100
      return step(.complete, at: now)
    case .cancel(let failure):
      // Its own word only where nobody said why.
      return stop(cancellation == nil || cancellation == .cancelled(nil) ? failure.cut : nil, at: now)
    case .fail, .release, .snooze:
      if cancellation != nil { return stop(nil, at: now) }
    }
    guard case .fail(let failure, let retry) = settlement else {
      job.attempt -= 1
      token += 1
      guard case .snooze(let pause) = settlement else {
        return requeue(.release, at: now, reason: "released")
      }
      // It was not started, if this was the first time: what limits its start goes on.
      if isFirstStart { job.startedAt = nil }
      job.progress = Progress()
      job.dueAt = now + max(pause, .zero)
      return step(.snooze, at: now, reason: "snoozed")
    }
    job.failure = failure.cut
    let delay: Duration? =
      switch retry {
      case .byPolicy(let policy):
        (terms.retry ?? settings.defaults.retry ?? policy)
          .delay(afterAttempt: job.attempt, random: random)
      case .after(let delay): max(delay, .zero)
      case .never: nil
      }
    guard let delay, job.attempt < maxAttempts(in: settings) else {
      return step(.failFinally, at: now)
    }
    token += 1
    job.dueAt = now + delay
    return step(.failRetryably, at: now)
  }

  /// The end of a run that stopped: for the reason that it was asked to, else by its own word.
  private mutating func stop(_ failure: JobFailure?, at now: Timestamp, reason: String? = nil) -> JobEvent {
    job.failure = failure ?? cancellation
    return step(
      cancellation?.isTotalTimeout == true ? .failFinally : .confirmCancel, at: now, reason: reason)
  }

  /// Takes the job from a worker that is gone; with `maxLost` losses it has failed, if given.
  mutating func lose(maxLost: Int?, at now: Timestamp) -> JobEvent {
    job.lostDeliveries += 1
    // Greater whatever comes of it: the lost worker did not end the job.
    token += 1
    if cancellation != nil { return stop(nil, at: now, reason: "lost") }
    if let maxLost, job.lostDeliveries >= maxLost {
      job.failure = JobFailure(
        code: "lost", message: "Its worker was lost \(job.lostDeliveries) times.")
      return step(.loseFinally, at: now, reason: "lost")
    }
    // Not the job's fault: the attempt does not count.
    job.attempt -= 1
    return requeue(.lose, at: now, reason: "lost")
  }

  mutating func requeue(
    _ transition: JobTransition, at now: Timestamp, reason: String?
  ) -> JobEvent {
    job.dueAt = nil
    job.progress = Progress()
    return step(transition, at: now, reason: reason)
  }

  // MARK: Steps

  mutating func step(
    _ transition: JobTransition, at now: Timestamp, reason: String? = nil
  ) -> JobEvent {
    guard let state = transition.target(from: job.state) else {
      preconditionFailure("\(transition) cannot happen to a job that is \(job.state)")
    }
    let wasRunning = job.state == .running
    job.state = state
    // As in Redis: a clock that was set back changes nothing before its acceptance.
    job.updatedAt = max(now, job.createdAt)
    job.position.offset += 1
    if state == .running {
      if !wasRunning || job.position.offset > reservedOffset {
        reservedOffset = job.position.offset + Self.offsetBlock
      }
    } else {
      reservedOffset = job.position.offset
      job.worker = nil
      job.isStalled = false
      deadline = nil
      attemptStartedAt = nil
      isFirstStart = false
    }
    if state.isTerminal {
      job.finishedAt = now
      job.isCancelling = false
      job.dueAt = nil
      job.pendingParents = 0
      parents = []
      cancellation = nil
    }
    return event(.state, reason: reason)
  }

  func event(_ class: JobEvent.Class, reason: String? = nil) -> JobEvent {
    JobEvent(
      class: `class`, id: job.id, user: job.user, position: job.position, at: job.updatedAt,
      state: job.state, attempt: job.attempt, progress: job.progress, isStalled: job.isStalled,
      isCancelling: job.isCancelling, result: job.result, failure: job.failure,
      startedAt: job.startedAt, finishedAt: job.finishedAt, reason: reason)
  }

  /// Microseconds since 2025: a token from the clock is never one that a lost history gave out.
  private static func clockToken(at now: Timestamp) -> UInt64 { UInt64(max(0, now.sequence)) }
}

extension Timestamp {
  /// The number of a job accepted at the beginning of this millisecond: microseconds since 2025.
  var sequence: Int64 { (milliseconds - 1_735_689_600_000) * 1000 }

  /// The moment that a job's number tells.
  init(ofSequence sequence: Int64) {
    // Rounded down, before 2025 as well.
    let whole = sequence >= 0 ? sequence / 1000 : -((-sequence + 999) / 1000)
    self.init(milliseconds: whole + 1_735_689_600_000)
  }
}

extension JobFailure {
  var isTotalTimeout: Bool { code == Self.totalTimeout.code }

  /// The failure with a message of at most 4 KiB.
  var cut: JobFailure { JobFailure(code: code, message: message.cut(toBytes: 4 << 10)) }
}
