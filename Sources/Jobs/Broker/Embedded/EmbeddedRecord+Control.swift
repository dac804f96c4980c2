// What is done to a job from outside of a run.
extension EmbeddedRecord {
  /// A number, and a place that follows from it.
  struct Place {
    var sequence: Int64
    var base: Int64
    var score: QueueScore
  }

  /// The record of a job that is accepted now, with its first event.
  ///
  /// `parents` have not ended; `isParked`: its user has no room.
  static func accepted(
    _ request: JobRequest, at place: Place, _ settings: QueueSettings, parents: [JobID],
    isParked: Bool, at now: Timestamp
  ) -> (EmbeddedRecord, JobEvent) {
    let createdAt = Timestamp(ofSequence: place.sequence)
    let due: Timestamp? =
      switch request.start {
      case .now: nil
      case .after(let delay): delay.milliseconds > 0 ? createdAt + delay : nil
      case .at(let moment): moment > now ? moment : nil
      }
    let state: JobState =
      !parents.isEmpty ? .blocked : due != nil ? .scheduled : isParked ? .blocked : .queued
    let job = Job(
      id: request.id, queue: request.queue, kind: request.kind, user: request.user, state: state,
      priority: request.priority, createdAt: createdAt, updatedAt: max(now, createdAt), timeout: request.timeout,
      dueAt: due, pendingParents: parents.count, group: request.group,
      position: StreamPosition(offset: 1, epoch: StreamPosition.newEpoch()),
      payload: request.payload)
    var record = EmbeddedRecord(
      job: job, sequence: place.sequence, terms: JobTerms(request, settings),
      base: place.base, score: place.score, waitsFrom: due ?? createdAt)
    record.parents = parents
    record.setLimits()
    return (record, record.event(.state))
  }

  /// Until when it has to have started and ended, from when its wait counts.
  private mutating func setLimits() {
    job.startBy = terms.startWithin.map { waitsFrom + $0 }
    job.endBy = terms.totalTimeout.map { waitsFrom + $0 }
  }

  /// Nothing keeps it waiting but, perhaps, its user's window.
  mutating func admit(_ isParked: Bool, at now: Timestamp, reason: String? = nil) -> JobEvent {
    requeue(isParked ? .park : .ready, at: now, reason: reason)
  }

  /// A parent has ended, as it should.
  mutating func release(from parent: JobID) {
    parents.removeAll { $0 == parent }
    job.pendingParents = parents.count
  }

  /// Its parents have ended, and its time has not come.
  mutating func wait(at now: Timestamp) -> JobEvent { step(.wait, at: now) }

  /// A parent did not complete: the job does not either.
  mutating func followFailure(of parent: JobID, at now: Timestamp) -> JobEvent {
    job.failure = JobFailure(
      code: "parent_failed", message: "Job \(parent), which it depends on, did not complete.")
    return step(terms.whenParentFails == .fail ? .expire : .cancel, at: now)
  }

  /// Cancels, or asks the worker to stop; nil when there is nothing more to do.
  mutating func cancel(reason: String?, at now: Timestamp) -> JobEvent? {
    guard !job.state.isTerminal, !job.isCancelling else { return nil }
    let failure = JobFailure.cancelled(reason).cut
    if job.state == .running { return ask(failure, at: now) }
    job.failure = failure
    return step(.cancel, at: now)
  }

  private mutating func ask(_ failure: JobFailure, at now: Timestamp) -> JobEvent {
    job.isCancelling = true
    cancellation = failure
    return step(.cancel, at: now, reason: "cancelling")
  }

  /// When it passes the first of its limits; nil when there is none, or nothing more to do about it.
  var limit: Timestamp? {
    switch job.state {
    case .running: return job.isCancelling ? nil : job.endBy
    case .scheduled, .blocked, .queued, .retrying:
      guard job.startedAt == nil, let startBy = job.startBy else { return job.endBy }
      return job.endBy.map { min($0, startBy) } ?? startBy
    case .completed, .failed, .cancelled: return nil
    }
  }

  /// Fails for having passed a limit, or is asked to stop.
  mutating func expire(at now: Timestamp) -> JobEvent {
    if job.state == .running { return ask(.totalTimeout, at: now) }
    let startedLate = job.startedAt == nil && job.startBy.map { $0 <= now } == true
    job.failure = startedLate ? .notStartedInTime : .totalTimeout
    return step(.expire, at: now)
  }

  /// Runs again, as a new generation, from now or `due`.
  mutating func retry(
    payload: JobPayload, due: Timestamp?, isParked: Bool, at now: Timestamp, reason: String
  ) -> JobEvent {
    job.payload = payload
    job.attempt = 0
    job.lostDeliveries = 0
    job.result = nil
    job.failure = nil
    job.startedAt = nil
    job.finishedAt = nil
    job.pendingParents = 0
    parents = []
    ending = 0
    // The token that ended it ended the generation before.
    token += 1
    job.progress = Progress()
    waitsFrom = due ?? now
    setLimits()
    guard let due else { return step(isParked ? .retryParked : .retry, at: now, reason: reason) }
    job.dueAt = due
    return step(.retryLater, at: now, reason: reason)
  }

  /// Moves to another queue, where its user has room or not.
  mutating func move(
    to queue: QueueName, base: Int64, score: QueueScore, isParked: Bool, at now: Timestamp
  ) -> JobEvent {
    place(in: queue, base: base, score: score)
    if job.state == .queued, isParked { return step(.park, at: now, reason: "moved") }
    if job.state == .blocked, parents.isEmpty, !isParked {
      return step(.ready, at: now, reason: "moved")
    }
    return step(.touch, at: now, reason: "moved")
  }

  /// Takes a place in a queue, without a word: a step follows.
  mutating func place(in queue: QueueName, base: Int64, score: QueueScore) {
    job.queue = queue
    self.base = base
    self.score = score
  }

  mutating func reprioritise(_ priority: Priority, at now: Timestamp) -> JobEvent {
    score = score.moved(from: job.priority, to: priority, base: base)
    job.priority = priority
    return step(.touch, at: now, reason: "reprioritised")
  }
}
