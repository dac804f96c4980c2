import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("keeps a job until its time, then gives it in its turn", arguments: Backend.allCases)
  func scheduled(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let before = time.now()
      let request = JobRequest.example { $0.start = .after(.milliseconds(300)) }
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(request.id)) { log.record($0) }
      let job = try await broker.accept(request)
      let later = try await broker.accept()
      #expect(job.state == .scheduled)
      #expect(job.queuePosition == nil)
      let due = try #require(job.dueAt)
      #expect(due == job.createdAt + .milliseconds(300))
      #expect(due >= before + .milliseconds(300))
      #expect(later.queuePosition == 1)
      #expect(try await broker.find().counts[.scheduled] == 1)
      #expect(try await broker.find().levels[5] == 1, "who waits for a time is in no line")
      #expect(try await broker.maintain().promoted == 0)

      try await time.pass(.milliseconds(310))
      #expect(try await broker.maintain().promoted == 1)
      #expect(try await broker.find(job.id).state == .queued)
      #expect(try await broker.takeAll() == [job.id, later.id], "it came first")
      let events = try await log.events(atLeast: 3)
      #expect(events.map(\.state) == [.scheduled, .queued, .running])
      #expect(events.map(\.reason) == [nil, "due", nil])
      await subscription.cancel()
    }
  }

  @Test("starts at a moment, and at once where it has passed", arguments: Backend.allCases)
  func startAt(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let moment = time.now() + .seconds(3600)
      let ahead = try await broker.accept(.example { $0.start = .at(moment) })
      #expect(ahead.state == .scheduled)
      #expect(ahead.dueAt == moment)
      let past = time.now() + .seconds(-5)
      let job = try await broker.accept(.example { $0.start = .at(past) })
      #expect(job.state == .queued)
      let now = try await broker.accept(.example { $0.start = .after(.zero) })
      #expect(now.state == .queued)
      #expect(try await broker.takeAll() == [job.id, now.id])
    }
  }

  @Test("queues what is due before it gives jobs out", arguments: Backend.allCases)
  func dueAtLease(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example(priority: .high) { $0.start = .after(.milliseconds(50)) })
      let common = try await broker.accept()
      try await time.pass(.milliseconds(60))
      #expect(try await broker.takeAll() == [job.id, common.id])
    }
  }

  @Test("queues no more jobs that are due than it was asked to", arguments: Backend.allCases)
  func dueLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<5 { try await broker.accept(.example { $0.start = .after(.milliseconds(20)) }) }
      _ = try await broker.setMode(of: .mail, to: .paused)
      try await time.pass(.milliseconds(30))
      var promoted = 0
      for _ in 0..<6 {
        let report = try await broker.maintain(limit: 2)
        #expect(report.promoted <= 2)
        promoted += report.promoted
      }
      #expect(promoted <= 5)
      #expect(try await broker.find().counts[.queued] == 5)
    }
  }

  @Test("ends a wait when a job's time comes", arguments: Backend.allCases)
  func wakeByTime(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.start = .after(.milliseconds(150)) })
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      try await time.pass(.milliseconds(150))
      await wait
      #expect(try await broker.next()?.lease.job == job.id)
    }
  }

  @Test("remembers over hours and days when a job is due", arguments: Backend.jumping)
  func dueInDays(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let far = try await broker.accept(.example { $0.start = .after(.seconds(7 * 86_400)) })
      let near = try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      #expect(try await broker.next() == nil)
      try await time.pass(.seconds(3600))
      #expect(try await broker.takeAll() == [near.id])
      try await time.pass(.seconds(7 * 86_400 - 3660))
      #expect(try await broker.next() == nil)
      try await time.pass(.seconds(60))
      #expect(try await broker.takeAll() == [far.id])
    }
  }
}
