import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  /// The states in which a job waits, or has ended.
  static let still: [JobState] = [
    .scheduled, .blocked, .queued, .retrying, .completed, .failed, .cancelled,
  ]

  /// A job of the queue «mail» in this state; «blocked» is for a parent, which is in «default».
  func job(in state: JobState, on broker: any Broker) async throws -> Job {
    let request =
      switch state {
      case .scheduled: JobRequest.example { $0.start = .after(.seconds(3600)) }
      case .blocked: JobRequest.child(of: [try await broker.accept(.example(queue: .default)).id])
      default: JobRequest.example()
      }
    let job = try await broker.accept(request)
    let settlement: Settlement? =
      switch state {
      case .retrying: .fail(.example, retry: .after(.seconds(3600)))
      case .completed: .complete(JSONText(unchecked: Array("[1]".utf8)))
      case .failed: .fail(.example, retry: .never)
      case .cancelled: .cancel(.example)
      default: nil
      }
    if let settlement {
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 50), under: lease)
      try await broker.end(lease, settlement)
    } else if state == .running {
      _ = try #require(try await broker.next())
    }
    let made = try await broker.find(job.id)
    try #require(made.state == state)
    return made
  }

  @Test("does nothing to a job that is not on record", arguments: Backend.allCases)
  func unknownJob(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = JobID()
      await #expect(throws: BrokerError.jobNotFound) { try await broker.cancel(id, reason: nil) }
      await #expect(throws: BrokerError.jobNotFound) { try await broker.retry(id) }
      await #expect(throws: BrokerError.jobNotFound) { try await broker.redrive(id, to: .mail) }
      await #expect(throws: BrokerError.jobNotFound) { try await broker.promote(id) }
      await #expect(throws: BrokerError.jobNotFound) { try await broker.reprioritise(id, to: .high) }
      await #expect(throws: BrokerError.jobNotFound) { try await broker.remove(id) }
    }
  }

  @Test(
    "cancels at once whatever waits", arguments: Backend.allCases,
    [JobState.scheduled, .blocked, .queued, .retrying])
  func cancelWaiting(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      let cancelled = try await broker.cancel(job.id, reason: "not needed", forced: true)
      #expect(cancelled.state == .cancelled)
      #expect(cancelled.failure == JobFailure(code: "cancelled", message: "not needed"))
      #expect(cancelled.position.offset == job.position.offset + 1, "one event")
      #expect(try await broker.find(job.id) == cancelled)
      #expect(try await broker.find().waiting == 0)
    }
  }

  @Test("cancels a parked job without touching its user's others", arguments: Backend.allCases)
  func cancelParked(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let holder = try await broker.accept()
      let parked = [try await broker.accept(), try await broker.accept()]
      #expect(try await broker.cancel(parked[0].id, reason: nil).state == .cancelled)
      #expect(try await broker.find(parked[1].id).state == .blocked)
      #expect(try await broker.cancel(holder.id, reason: nil).state == .cancelled)
      #expect(try await broker.find(parked[1].id).state == .queued)
    }
  }

  @Test("has a worker kill at once when forced, even if it was asked before", arguments: Backend.allCases)
  func forcedCancel(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let directives = DirectiveLog()
      let subscription = try await broker.directives(for: .a) { directives.record($0) }
      let lease = try #require(try await broker.next()).lease
      let asked = try await broker.cancel(job.id, reason: "first", forced: false)
      #expect(try await directives.first() == .cancel(job.id, forced: false))
      let forced = try await broker.cancel(job.id, reason: "second", forced: true)
      #expect(try await directives.first() == .cancel(job.id, forced: true))
      #expect(asked.position == forced.position, "it was told before")
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.cancelRequested])
      #expect(try await broker.end(lease, .release) == .cancelled)
      #expect(try await broker.find(job.id).failure?.message == "first")
      await subscription.cancel()
    }
  }

  @Test(
    "ends a cancelled job with the reason that was given", arguments: Backend.allCases,
    [
      Settlement.fail(.example, retry: .after(.zero)), .fail(.example, retry: .never), .release,
      .cancel(.example),
    ])
  func cancelReason(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.cancel(job.id, reason: "the client hung up")
      #expect(try await broker.end(lease, settlement) == .cancelled)
      #expect(
        try await broker.find(job.id).failure
          == JobFailure(code: "cancelled", message: "the client hung up"))
    }
  }

  @Test(
    "runs an ended job again as a new generation", arguments: Backend.allCases,
    [JobState.completed, .failed, .cancelled])
  func retryEnded(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .user("alice")) { log.record($0) }
      let ended = try await job(in: state, on: broker)
      let other = try await broker.accept()
      let again = try await broker.retry(ended.id)
      #expect(again.state == .queued)
      #expect(again.queuePosition == 1, "in the order of its first acceptance")
      #expect(again.attempt == 0 && again.lostDeliveries == 0)
      #expect(again.maxAttempts == ended.maxAttempts)
      #expect(again.result == nil && again.failure == nil)
      #expect(again.progress == Progress())
      #expect(again.startedAt == nil && again.finishedAt == nil)
      #expect(again.createdAt == ended.createdAt)
      #expect(again.position.offset == ended.position.offset + 1, "offsets go on")
      #expect(again.position.epoch == ended.position.epoch)
      #expect(again.payload == ended.payload)
      #expect(try await broker.takeAll() == [ended.id, other.id])
      let events = try await log.events { $0.contains { $0.reason == "retried" } }
      let told = try #require(events.first { $0.reason == "retried" })
      #expect(told.id == ended.id && told.state == .queued && told.attempt == 0)
      #expect(told.position == again.position)
      await subscription.cancel()
    }
  }

  @Test("runs an ended job again later, with a delay", arguments: Backend.allCases)
  func retryLater(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let ended = try await job(in: .failed, on: broker)
      let again = try await broker.retry(ended.id, delay: .milliseconds(200))
      #expect(again.state == .scheduled)
      #expect(try #require(again.dueAt) == again.updatedAt + .milliseconds(200))
      try await time.pass(.milliseconds(210))
      let leased = try #require(try await broker.next())
      #expect(leased.lease.job == ended.id && leased.attempt == 1)
      #expect(try await broker.end(leased.lease) == .completed)
    }
  }

  @Test("tries a job that waits for its next attempt now", arguments: Backend.allCases)
  func retryRetrying(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let retrying = try await job(in: .retrying, on: broker)
      let again = try await broker.retry(retrying.id)
      #expect(again.state == .queued)
      #expect(again.attempt == 1, "the same generation")
      #expect(try await broker.next()?.attempt == 2)
    }
  }

  @Test(
    "runs nothing again that has not ended", arguments: Backend.allCases,
    [JobState.scheduled, .blocked, .queued, .running])
  func retryUnfinished(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      await #expect(throws: BrokerError.wrongState(state)) { try await broker.retry(job.id) }
      #expect(try await broker.find(job.id) == job, "nothing was changed")
    }
  }

  @Test("refuses tokens of an earlier generation, whatever comes of the new one", arguments: Backend.allCases)
  func staleGeneration(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let old = try #require(try await broker.next()).lease
      try await broker.end(old)
      _ = try await broker.retry(job.id)
      #expect(try await broker.settle(old, .complete(nil)) == .leaseLost)
      let second = try #require(try await broker.next()).lease
      #expect(second.token > old.token)
      #expect(try await broker.settle(old, .complete(nil)) == .leaseLost)
      try await broker.end(second, .fail(.example, retry: .never))
      #expect(try await broker.settle(old, .complete(nil)) == .leaseLost)
      #expect(try await broker.settle(second, .complete(nil)) == .settled(.failed))
      _ = try await broker.retry(job.id)
      _ = try await broker.cancel(job.id, reason: nil)
      #expect(try await broker.settle(second, .complete(nil)) == .leaseLost, "it did not end this one")
      #expect(try await broker.find(job.id).state == .cancelled)
    }
  }

  @Test("tells each end of several generations once", arguments: Backend.allCases)
  func generations(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let job = try await broker.accept(.example(maxAttempts: 1))
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      for _ in 0..<3 {
        try await broker.work(.fail(.example, retry: .after(.zero)))
        _ = try await broker.cancel(job.id, reason: "too late")
        _ = try await broker.retry(job.id)
      }
      try await broker.work()
      let events = try await log.events { $0.contains { $0.state == .completed } }
      #expect(events.filter(\.state.isTerminal).map(\.state) == [.failed, .failed, .failed, .completed])
      #expect(try await broker.find().totals.failed == 3)
      #expect(try await broker.find().counts[.failed] ?? 0 == 0)
      await subscription.cancel()
    }
  }

  @Test(
    "moves a waiting job to another queue as it stands", arguments: Backend.allCases,
    [JobState.scheduled, .blocked, .queued, .retrying])
  func redriveWaiting(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .user("alice")) { log.record($0) }
      let job = try await job(in: state, on: broker)
      let moved = try await broker.redrive(job.id, to: .video)
      #expect(moved.queue == .video)
      #expect(moved.state == state)
      #expect(moved.dueAt == job.dueAt && moved.attempt == job.attempt)
      #expect(moved.pendingParents == job.pendingParents)
      #expect(moved.position.offset == job.position.offset + 1)
      #expect(try await broker.find(job.id) == moved)
      #expect(try await broker.find(.video).waiting == 1)
      #expect(try await broker.find(.mail).waiting == 0)
      let events = try await log.events { $0.contains { $0.reason == "moved" } }
      #expect(events.last?.position == moved.position)
      await subscription.cancel()
    }
  }

  @Test(
    "runs an ended job again in another queue", arguments: Backend.allCases,
    [JobState.completed, .failed, .cancelled])
  func redriveEnded(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let ended = try await job(in: state, on: broker)
      let moved = try await broker.redrive(ended.id, to: .video)
      #expect(moved.queue == .video && moved.state == .queued)
      #expect(moved.attempt == 0 && moved.failure == nil && moved.result == nil)
      #expect(try await broker.find(.mail).counts[state] ?? 0 == 0)
      #expect(try await broker.next() == nil)
      #expect(try await broker.next(from: .video)?.lease.job == ended.id)
    }
  }

  @Test("moves a job to the place that its acceptance gives it", arguments: Backend.allCases)
  func redrivePlace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change(.default) { $0.order = .lifo }
      let before = try await broker.accept(.example(queue: .video))
      let older = try await broker.accept(.example(queue: .default))
      let job = try await broker.accept()
      let after = try await broker.accept(.example(queue: .video))
      let newer = try await broker.accept(.example(queue: .default))
      #expect(try await broker.redrive(job.id, to: .video).queuePosition == 2)
      #expect(try await broker.redrive(job.id, to: .default).queuePosition == 2)
      #expect(try await broker.takeAll(from: .default) == [newer.id, job.id, older.id])
      #expect(try await broker.takeAll(from: .video) == [before.id, after.id])
    }
  }

  @Test("moves no job that runs", arguments: Backend.allCases)
  func redriveRunning(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: .running, on: broker)
      await #expect(throws: BrokerError.wrongState(.running)) {
        try await broker.redrive(job.id, to: .video)
      }
      #expect(try await broker.find(job.id) == job)
      #expect(try await broker.queue(.video) == nil)
    }
  }

  @Test("moves no job into a queue that refuses it", arguments: Backend.allCases, [JobState.queued, .failed])
  func redriveRefused(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      try await broker.change(.video) { $0.maxWaiting = 1 }
      try await broker.accept(.example(queue: .video))
      await #expect(throws: BrokerError.queueFull(limit: 1)) {
        try await broker.redrive(job.id, to: .video)
      }
      try await broker.change(.video) { $0.maxWaiting = nil }
      _ = try await broker.setMode(of: .video, to: .drainingBacklog)
      await #expect(throws: BrokerError.queueDraining) { try await broker.redrive(job.id, to: .video) }
      #expect(try await broker.find(job.id) == job)
      #expect(try await broker.find(.video).waiting == 1)
    }
  }

  @Test("parks a moved job whose user has no room there", arguments: Backend.allCases)
  func redriveIntoWindow(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for queue in [QueueName.mail, .video] { try await broker.change(queue) { $0.userWindow = 1 } }
      try await broker.accept(.example(queue: .video))
      let holder = try await broker.accept()
      let parked = try await broker.accept()
      #expect(try await broker.redrive(holder.id, to: .video).state == .blocked)
      #expect(try await broker.find(parked.id).state == .queued)
      #expect(try await broker.redrive(parked.id, to: .default).state == .queued)
      try await broker.work(in: .video)
      #expect(try await broker.find(holder.id).state == .queued)
    }
  }

  @Test("queues a job now that waits for its time", arguments: Backend.allCases, [JobState.scheduled, .retrying])
  func promote(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .user("alice")) { log.record($0) }
      let job = try await job(in: state, on: broker)
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      let promoted = try await broker.promote(job.id)
      await wait
      #expect(promoted.state == .queued && promoted.queuePosition == 1)
      #expect(promoted.position.offset == job.position.offset + 1)
      let events = try await log.events { $0.last?.state == .queued && $0.count > 1 }
      #expect(events.last?.reason == "promoted")
      #expect(try await broker.next()?.attempt == job.attempt + 1)
      await subscription.cancel()
    }
  }

  @Test(
    "promotes nothing that does not wait for its time", arguments: Backend.allCases,
    [JobState.blocked, .queued, .running, .completed, .failed, .cancelled])
  func promoteOthers(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      await #expect(throws: BrokerError.wrongState(state)) { try await broker.promote(job.id) }
      #expect(try await broker.find(job.id) == job)
    }
  }

  @Test("parks a promoted job whose user has no room", arguments: Backend.allCases)
  func promoteIntoWindow(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let scheduled = try await job(in: .scheduled, on: broker)
      let holder = try await broker.accept()
      #expect(try await broker.promote(scheduled.id).state == .blocked)
      await #expect(throws: BrokerError.wrongState(.blocked)) { try await broker.promote(scheduled.id) }
      try await broker.work()
      #expect(try await broker.find(holder.id).state == .completed)
      #expect(try await broker.find(scheduled.id).state == .queued)
    }
  }

  @Test("gives a queued job the place of its new priority", arguments: Backend.allCases)
  func reprioritise(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      var ids: [JobID] = []
      for level in [5, 5, 5, 8] { ids.append(try await broker.accept(.example(priority: Priority(level)!)).id) }
      let subscription = try await broker.subscribe(to: .job(ids[2])) { log.record($0) }
      let raised = try await broker.reprioritise(ids[2], to: Priority(8)!)
      #expect(raised.priority.level == 8)
      #expect(raised.queuePosition == 1, "it was accepted before the other of that level")
      #expect(try await broker.find().levels[8] == 2)
      let lowered = try await broker.reprioritise(ids[0], to: Priority(1)!)
      #expect(lowered.queuePosition == 4)
      let event = try #require(try await log.events(atLeast: 1).first)
      #expect(event.reason == "reprioritised" && event.class == .state && event.state == .queued)
      #expect(event.position == raised.position)
      #expect(try await broker.takeAll() == [ids[2], ids[3], ids[1], ids[0]])
      await subscription.cancel()
    }
  }

  @Test(
    "keeps a new priority until a waiting or running job is queued", arguments: Backend.allCases,
    [JobState.scheduled, .blocked, .retrying, .running])
  func reprioritiseUnfinished(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job: Job
      var lease: Lease?
      if state == .running {
        try await broker.accept()
        let leased = try #require(try await broker.next())
        lease = leased.lease
        job = try await broker.find(leased.lease.job)
      } else {
        job = try await self.job(in: state, on: broker)
      }
      let urgent = try await broker.accept(.example(priority: Priority(7)!))
      let changed = try await broker.reprioritise(job.id, to: .high)
      #expect(changed.state == state && changed.priority == .high)
      switch state {
      case .blocked: try await broker.work(in: .default)
      case .running: try await broker.end(try #require(lease), .release)
      default: _ = try await broker.promote(job.id)
      }
      #expect(try await broker.find().levels[10] == 1)
      #expect(try await broker.takeAll() == [job.id, urgent.id])
    }
  }

  @Test(
    "leaves the priority of an ended job", arguments: Backend.allCases,
    [JobState.completed, .failed, .cancelled])
  func reprioritiseEnded(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      await #expect(throws: BrokerError.wrongState(state)) {
        try await broker.reprioritise(job.id, to: .high)
      }
      #expect(try await broker.find(job.id) == job)
    }
  }

  @Test("reprioritises in LIFO order and where the queue ages", arguments: Backend.allCases)
  func reprioritiseInOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.order = .lifo }
      try await broker.change(.video) { $0.ageing = .seconds(3600) }
      for queue in [QueueName.mail, .video] {
        var ids: [JobID] = []
        for level in [5, 6, 6] {
          ids.append(try await broker.accept(.example(queue: queue, priority: Priority(level)!)).id)
        }
        _ = try await broker.reprioritise(ids[0], to: Priority(6)!)
        #expect(try await broker.takeAll(from: queue) == (queue == .mail ? ids.reversed() : ids))
      }
    }
  }
}
