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
