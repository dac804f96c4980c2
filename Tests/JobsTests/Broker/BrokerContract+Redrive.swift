import EventLoop
import Jobs
import Support
import Testing

// A job goes to another queue because somebody asks for it.
extension BrokerContract {
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

  @Test("tells whose unique key it has before it tells that the queue refuses", arguments: Backend.allCases)
  func redriveUnique(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change(.video) { $0.maxWaiting = 1 }
      let holder = try await broker.accept(.example(queue: .video) { $0.uniqueKey = "u" })
      let waiting = try await broker.accept(.example { $0.uniqueKey = "u" })
      for mode in [QueueMode.active, .drainingBacklog] {
        _ = try await broker.setMode(of: .video, to: mode)
        await #expect(throws: BrokerError.uniqueKeyTaken(holder.id)) {
          try await broker.redrive(waiting.id, to: .video)
        }
      }
      _ = try await broker.cancel(waiting.id, reason: nil)
      await #expect(throws: BrokerError.uniqueKeyTaken(holder.id)) {
        try await broker.redrive(waiting.id, to: .video)
      }
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
}
