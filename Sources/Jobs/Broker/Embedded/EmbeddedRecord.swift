/// One job as an embedded broker keeps it, and the whole rule of what may happen to it.
///
/// Each verb is one step: it changes the record, numbers the step and returns its event. Nothing
/// here knows of time but what it is told, of queues, or of the journal.
struct EmbeddedRecord: Sendable {
  /// Its facts; `payload` is nil once it has ended and lies only in the journal. `queuePosition`
  /// and `isStalled` are found when it is read.
  var job: Job
  /// The order of acceptance, which a job keeps for life: what comes back comes back to its place.
  let sequence: Int64
  /// The fencing number in force, or the last that was. A lease that did not end the job leaves a
  /// greater one behind, so that a token equal to an ended job's is the one that ended it.
  var token: UInt64
  var worker: WorkerID?
  /// Until when the lease stands; only while running, and not journaled.
  var deadline: Timestamp?
  /// When the next attempt may begin; only while retrying.
  var due: Timestamp?
  /// What the job fails with when it stops, since somebody cancelled it.
  var cancellation: JobFailure?
  let idempotencyKey: String?
  let fingerprint: String
  /// How many lines were ever logged.
  var logCount: Int
  /// Offsets up to this may have been used, as far as the journal knows: progress is not journaled.
  var reservedOffset: UInt64

  /// How many offsets a running job may use before the journal has to be told again.
  static let offsetBlock: UInt64 = 1024

  /// A record as the journal has it.
  init(
    job: Job, sequence: Int64, token: UInt64, due: Timestamp?, cancellation: JobFailure?,
    idempotencyKey: String?, fingerprint: String, logCount: Int
  ) {
    self.job = job
    self.sequence = sequence
    self.token = token
    self.due = due
    self.cancellation = cancellation
    self.idempotencyKey = idempotencyKey
    self.fingerprint = fingerprint
    self.logCount = logCount
    reservedOffset = job.position.offset
  }

  /// The record of a job that is accepted now, with its first event.
  static func accepted(
    _ request: JobRequest, sequence: Int64, at now: Timestamp
  ) -> (EmbeddedRecord, JobEvent) {
    let job = Job(
      id: request.id, queue: request.queue, kind: request.kind, user: request.user, state: .queued,
      priority: request.priority, maxAttempts: request.maxAttempts ?? 3, createdAt: now, updatedAt: now,
      timeout: request.timeout,
      position: StreamPosition(offset: 1, epoch: StreamPosition.newEpoch()),
      payload: request.payload)
    let record = EmbeddedRecord(
      job: job, sequence: sequence, token: 0, due: nil, cancellation: nil,
      idempotencyKey: request.idempotencyKey, fingerprint: request.fingerprint, logCount: 0)
    return (record, record.event(.state))
  }

  /// Whether the lease is the one in force.
  func isHeld(by lease: Lease) -> Bool { job.state == .running && token == lease.token }

  /// What the holder of the lease is told.
  var standing: LeaseStanding { job.isCancelling ? .cancelRequested : .held }

  mutating func lease(
    to worker: WorkerID, for duration: Duration, at now: Timestamp
  ) -> (LeasedJob, JobEvent) {
    guard let payload = job.payload else {
      preconditionFailure("a waiting job has no payload")
    }
    token = max(token + 1, Self.clockToken(at: now))
    job.attempt += 1
    job.progress = Progress()
    job.failure = nil
    job.startedAt = job.startedAt ?? now
    let event = step(.lease, at: now)
    let deadline = now + duration
    self.worker = worker
    self.deadline = deadline
    let lease = Lease(
      job: job.id, queue: job.queue, worker: worker, token: token, deadline: deadline)
    let leased = LeasedJob(
      lease: lease, kind: job.kind, user: job.user, attempt: job.attempt,
      maxAttempts: job.maxAttempts, timeout: job.timeout, payload: payload)
    return (leased, event)
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
  mutating func settle(_ settlement: Settlement, at now: Timestamp, random: Double) -> JobEvent {
    switch settlement {
    case .complete(let result):
      job.result = result
      job.failure = nil
      job.progress.percent = 100
      return step(.complete, at: now)
    case .cancel(let failure):
      job.failure = failure.cut
      return step(.confirmCancel, at: now)
    case .fail, .release:
      if let cancellation {
        job.failure = cancellation
        return step(.confirmCancel, at: now)
      }
    }
    guard case .fail(let failure, let retry) = settlement else {
      job.attempt -= 1
      token += 1
      return requeue(.release, at: now, reason: "released")
    }
    job.failure = failure.cut
    let delay: Duration? =
      switch retry {
      case .byPolicy(let policy): policy.delay(afterAttempt: job.attempt, random: random)
      case .after(let delay): max(delay, .zero)
      case .never: nil
      }
    guard let delay, job.attempt < job.maxAttempts else { return step(.failFinally, at: now) }
    token += 1
    due = now + delay
    return step(.failRetryably, at: now)
  }

  /// Cancels, or asks the worker to stop; nil when there is nothing more to do.
  mutating func cancel(reason: String?, at now: Timestamp) -> JobEvent? {
    guard !job.state.isTerminal, !job.isCancelling else { return nil }
    let failure = JobFailure(code: "cancelled", message: reason ?? "The job was cancelled.").cut
    if job.state == .running {
      job.isCancelling = true
      cancellation = failure
      return step(.cancel, at: now, reason: "cancelling")
    }
    job.failure = failure
    return step(.cancel, at: now)
  }

  /// Takes the job from a worker that is gone; with `maxLost` losses it has failed, if given.
  mutating func lose(maxLost: Int?, at now: Timestamp) -> JobEvent {
    job.lostDeliveries += 1
    // Greater whatever comes of it: the lost worker did not end the job.
    token += 1
    if let cancellation {
      job.failure = cancellation
      return step(.confirmCancel, at: now, reason: "lost")
    }
    if let maxLost, job.lostDeliveries >= maxLost {
      job.failure = JobFailure(
        code: "lost", message: "Its worker was lost \(job.lostDeliveries) times.")
      return step(.loseFinally, at: now, reason: "lost")
    }
    // Not the job's fault: the attempt does not count.
    job.attempt -= 1
    return requeue(.lose, at: now, reason: "lost")
  }

  /// Its next attempt may begin.
  mutating func promote(at now: Timestamp) -> JobEvent { requeue(.ready, at: now, reason: "due") }

  private mutating func requeue(
    _ transition: JobTransition, at now: Timestamp, reason: String
  ) -> JobEvent {
    due = nil
    job.progress = Progress()
    return step(transition, at: now, reason: reason)
  }

  private mutating func step(
    _ transition: JobTransition, at now: Timestamp, reason: String? = nil
  ) -> JobEvent {
    guard let state = transition.target(from: job.state) else {
      preconditionFailure("\(transition) cannot happen to a job that is \(job.state)")
    }
    job.state = state
    job.updatedAt = now
    job.position.offset += 1
    if state == .running {
      reservedOffset = job.position.offset + Self.offsetBlock
    } else {
      reservedOffset = job.position.offset
      worker = nil
      deadline = nil
    }
    if state.isTerminal {
      job.finishedAt = now
      job.isCancelling = false
      due = nil
    }
    return event(.state, reason: reason)
  }

  private func event(_ class: JobEvent.Class, reason: String? = nil) -> JobEvent {
    JobEvent(
      class: `class`, id: job.id, user: job.user, position: job.position, at: job.updatedAt,
      state: job.state, attempt: job.attempt, progress: job.progress,
      isCancelling: job.isCancelling, result: job.result, failure: job.failure, reason: reason)
  }

  /// Microseconds since 2025: a token from the clock is never one that a lost history gave out.
  private static func clockToken(at now: Timestamp) -> UInt64 {
    UInt64(max(0, now.milliseconds - 1_735_689_600_000)) * 1000
  }
}

extension JobFailure {
  /// The failure with a message of at most 4 KiB.
  fileprivate var cut: JobFailure { JobFailure(code: code, message: message.cut(toBytes: 4 << 10)) }
}
