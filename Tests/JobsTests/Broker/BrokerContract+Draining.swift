import EventLoop
import Jobs
import Testing

extension BrokerContract {
  private static let drains: [QueueMode] = [.draining, .drainingBacklog]

  @Test("takes no jobs while it drains, and repeats its answers", arguments: Backend.allCases, drains)
  func drainRefuses(_ backend: Backend, _ mode: QueueMode) async throws {
    try await backend.withBroker { broker in
      let request = JobRequest.example(key: "k")
      let job = try await broker.accept(request)
      _ = try #require(try await broker.next())
      try await broker.accept()
      #expect(try await broker.setMode(of: .mail, to: mode).mode == mode)
      let refused = JobRequest.example(key: "l")
      await #expect(throws: BrokerError.queueDraining) { try await broker.enqueue(refused) }
      #expect(try await broker.job(refused.id) == nil)
      #expect(try await broker.enqueue(request).match == .id)
      #expect(try await broker.enqueue(.example(key: "k")).job.id == job.id)
      _ = try await broker.setMode(of: .mail, to: .active)
      #expect(try await !broker.enqueue(refused).isReplay, "the refusal left nothing behind")
    }
  }

  @Test("gives nothing out while what runs is let run, then is paused", arguments: Backend.allCases)
  func drainRunning(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { try await broker.accept() }
      let taken = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      _ = try await broker.setMode(of: .mail, to: .draining)
      #expect(try await broker.next() == nil)
      try await broker.end(taken[0].lease)
      #expect(try await broker.find().mode == .draining)
      try await broker.end(taken[1].lease)
      let status = try await broker.find()
      #expect(status.mode == .paused)
      #expect(status.waiting == 1, "what waits, waits on")
      #expect(try await broker.next() == nil)
      #expect(try await broker.accept().state == .queued)
    }
  }

  @Test("works off what waits, then is paused", arguments: Backend.allCases)
  func drainBacklog(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { try await broker.accept() }
      _ = try await broker.setMode(of: .mail, to: .drainingBacklog)
      for _ in 0..<2 { try await broker.work() }
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.find().mode == .drainingBacklog, "one still runs")
      try await broker.end(lease)
      #expect(try await broker.find().mode == .paused)
      #expect(try await broker.accept().state == .queued)
      #expect(try await broker.next() == nil)
    }
  }

  @Test("is paused at once where there is nothing to drain", arguments: Backend.allCases)
  func drainEmpty(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 1 }
      for mode in Self.drains {
        #expect(try await broker.setMode(of: .mail, to: mode).mode == .paused)
        _ = try await broker.setMode(of: .mail, to: .active)
      }
      try await broker.accept()
      #expect(try await broker.setMode(of: .mail, to: .draining).mode == .paused)
      #expect(try await broker.setMode(of: .mail, to: .drainingBacklog).mode == .drainingBacklog)
    }
  }

  @Test("counts scheduled, blocked and retrying jobs as backlog", arguments: Backend.allCases)
  func drainWaits(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept(.example(queue: .video))
      let retrying = try await broker.accept()
      try await broker.work(.fail(.example, retry: .after(.seconds(3600))))
      let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      try await broker.accept(.child(of: [parent.id]))
      #expect(try await broker.setMode(of: .mail, to: .drainingBacklog).mode == .drainingBacklog)
      _ = try await broker.promote(retrying.id)
      _ = try await broker.promote(scheduled.id)
      for _ in 0..<2 { try await broker.work() }
      #expect(try await broker.find().mode == .drainingBacklog)
      try await broker.work(in: .video)
      #expect(try await broker.find().mode == .drainingBacklog)
      try await broker.work()
      #expect(try await broker.find().mode == .paused)
    }
  }

  @Test(
    "notices the end of a drain whatever takes the last job away", arguments: Backend.allCases,
    ["released", "retrying", "lost", "cancelled", "removed", "cleared", "moved", "expired"])
  func drainEnds(_ backend: Backend, _ way: String) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.startWithin = .milliseconds(200) })
      switch way {
      case "released", "retrying", "lost":
        let lease = try #require(
          try await broker.next(for: way == "lost" ? .milliseconds(1) : .seconds(30))
        ).lease
        #expect(try await broker.setMode(of: .mail, to: .draining).mode == .draining)
        switch way {
        case "released": try await broker.end(lease, .release)
        case "retrying": try await broker.end(lease, .fail(.example, retry: .after(.seconds(60))))
        default:
          try await time.pass(.milliseconds(3))
          #expect(try await broker.maintain().requeued == [job.id])
        }
      default:
        _ = try await broker.setMode(of: .mail, to: .drainingBacklog)
        switch way {
        case "cancelled": _ = try await broker.cancel(job.id, reason: nil)
        case "removed": #expect(try await broker.remove(job.id))
        case "cleared": #expect(try await broker.clear(.mail, [.queued], limit: 10) == 1)
        case "moved": _ = try await broker.redrive(job.id, to: .video)
        default:
          try await time.pass(.milliseconds(210))
          #expect(try await broker.maintain().expired == [job.id])
        }
      }
      #expect(try await broker.find().mode == .paused)
    }
  }

  @Test("goes on when a drain is called off", arguments: Backend.allCases, drains)
  func drainCalledOff(_ backend: Backend, _ mode: QueueMode) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<2 { try await broker.accept() }
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.setMode(of: .mail, to: mode)
      #expect(try await broker.setMode(of: .mail, to: .active).mode == .active)
      try await broker.end(lease)
      #expect(try await broker.find().mode == .active)
      #expect(try await broker.next() != nil)
    }
  }

  @Test("lets a changed setting leave the mode alone", arguments: Backend.allCases)
  func drainAndSet(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      _ = try #require(try await broker.next())
      _ = try await broker.setMode(of: .mail, to: .draining)
      #expect(try await broker.change { $0.concurrency = 3 }.mode == .draining)
    }
  }
}
