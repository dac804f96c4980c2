import EventLoop
import Jobs
import Testing

extension BrokerContract {
  private func report(_ id: WorkerID, _ mode: WorkerMode = .running, slots: Int = 4) -> WorkerReport {
    WorkerReport(
      id: id, host: "höst-1", process: 4711, version: "1.2.3", queues: [.mail, .video],
      kinds: [.example, JobKind("ffmpeg")!], slots: slots, memory: 123_456_789,
      startedAt: Timestamp(milliseconds: 1_750_000_000_123), mode: mode)
  }

  @Test("lists every worker that was heard of, with what it said and holds", arguments: Backend.allCases)
  func workers(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      #expect(try await broker.workers().isEmpty)
      let before = time.now()
      _ = try await broker.beat(report(.b), renewing: [], for: .seconds(30))
      for _ in 0..<2 { try await broker.accept() }
      let leases = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).map(\.lease)
      let answer = try await broker.beat(report(.a), renewing: leases, for: .seconds(30))
      #expect(answer.standings == [.held, .held] && answer.wanted == .running)
      #expect(try #require(answer.at) >= before)
      let listed = try await broker.workers()
      #expect(listed.map(\.report) == [report(.a), report(.b)], "by id, and whole")
      #expect(Set(listed[0].jobs) == Set(leases.map(\.job)))
      #expect(listed[1].jobs.isEmpty)
      #expect(listed.allSatisfy { !$0.isLost && $0.wanted == .running && $0.seenAt >= before })
      try await broker.end(leases[0])
      #expect(try await broker.workers()[0].jobs == [leases[1].job])
      _ = try await broker.beat(report(.a, .quiet, slots: 9), renewing: [], for: .seconds(30))
      #expect(try await broker.workers()[0].report == report(.a, .quiet, slots: 9), "as it said last")
    }
  }

  @Test("renews the leases that come with a heartbeat", arguments: Backend.allCases)
  func beat(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<3 { try await broker.accept() }
      _ = try await broker.maintain()
      let leases = try await broker.lease(from: [.mail], limit: 3, for: .milliseconds(300), by: .a).map(\.lease)
      _ = try await broker.cancel(leases[1].job, reason: nil)
      try await broker.end(leases[2])
      let answer = try await broker.beat(report(.a), renewing: leases, for: .seconds(30))
      #expect(answer.standings == [.held, .cancelRequested, .lost])
      try await time.pass(.milliseconds(310))
      #expect(try await broker.maintain() == MaintenanceReport())
    }
  }

  @Test("shows a stalled job as running again after a heartbeat", arguments: Backend.allCases)
  func beatRecovers(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next(for: .seconds(5))).lease
      #expect(try await broker.maintain(warning: .seconds(10)).stalled == [job.id])
      _ = try await broker.beat(report(.a), renewing: [lease], for: .seconds(30))
      #expect(try await broker.find(job.id).isStalled == false)
    }
  }

  @Test("gives back what a worker was given and never heard of", arguments: Backend.allCases)
  func unheard(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      func take() async throws -> Lease {
        try #require(try await broker.next(for: .seconds(600), by: .a)).lease
      }
      func beat(_ leases: [Lease], heard: Timestamp?) async throws -> HeartbeatAnswer {
        try await broker.beat(report(.a), renewing: leases, heard: heard, for: .seconds(600))
      }
      let jobs = [try await broker.accept(), try await broker.accept(), try await broker.accept()]
      let held = try await take()
      let first = try await beat([held], heard: nil)
      try await time.pass(.milliseconds(5))
      // The answers that gave these were lost on their way.
      let lost = try await take()
      _ = try await take()
      _ = try await broker.cancel(jobs[2].id, reason: "changed my mind")
      try await time.pass(.milliseconds(5))
      let second = try await beat([held], heard: first.at)
      #expect(second.standings == [.held])
      #expect(
        try await broker.find(jobs[1].id).state == .running,
        "it was given since the last heartbeat: its answer may be on its way yet")
      try await time.pass(.milliseconds(5))
      #expect(try await beat([held], heard: nil).standings == [.held])
      #expect(try await broker.find(jobs[1].id).state == .running, "who heard nothing may not name all")
      let third = try await beat([held], heard: second.at)
      #expect(third.standings == [.held])
      #expect(try await broker.find(jobs[0].id).state == .running)
      let back = try await broker.find(jobs[1].id)
      #expect(back.state == .queued && back.queuePosition == 1)
      #expect(back.attempt == 0 && back.lostDeliveries == 0)
      #expect(try await broker.find(jobs[2].id).state == .cancelled)
      #expect(try await broker.workers()[0].jobs == [jobs[0].id])
      let again = try #require(try await broker.next(by: .b)).lease
      #expect(again.job == lost.job && again.token > lost.token)
      #expect(try await broker.settle(lost, .complete(nil)) == .leaseLost)
      #expect(try await beat([held, again], heard: third.at).standings == [.held, .held])
      try await broker.end(again)
      try await broker.end(held)
    }
  }

  @Test("lists a worker that ended in order no more", arguments: Backend.allCases)
  func dismiss(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for worker in [WorkerID.a, .b] {
        _ = try await broker.beat(report(worker), renewing: [], for: .seconds(30))
      }
      try await broker.direct(.a, to: .stopping)
      try await broker.dismiss(.a)
      #expect(try await broker.workers().map(\.report.id) == [.b])
      try await broker.dismiss(.a)
      await #expect(throws: BrokerError.workerNotFound) { try await broker.direct(.a, to: .quiet) }
      let anew = try await broker.beat(report(.a), renewing: [], for: .seconds(30))
      #expect(anew.wanted == .running, "a new one is wanted to work")
    }
  }

  @Test("counts a worker as lost that was silent for a lease", arguments: Backend.allCases)
  func lostWorker(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.beat(report(.a), renewing: [], for: .milliseconds(200))
      _ = try await broker.beat(report(.b), renewing: [], for: .seconds(30))
      try await time.pass(.milliseconds(210))
      #expect(try await broker.workers().map(\.isLost) == [true, false])
      _ = try await broker.beat(report(.a), renewing: [], for: .seconds(30))
      #expect(try await broker.workers().map(\.isLost) == [false, false])
    }
  }

  @Test("lists a lost worker for an hour", arguments: Backend.jumping)
  func lostWorkerForgotten(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.beat(report(.a), renewing: [], for: .seconds(30))
      try await time.pass(.seconds(3500))
      _ = try await broker.maintain()
      #expect(try await broker.workers().map(\.isLost) == [true])
      try await time.pass(.seconds(200))
      _ = try await broker.maintain()
      #expect(try await broker.workers().isEmpty)
    }
  }

  @Test("tells a worker what to be, at once and until it is", arguments: Backend.allCases)
  func direct(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      await #expect(throws: BrokerError.workerNotFound) { try await broker.direct(.a, to: .quiet) }
      _ = try await broker.beat(report(.a), renewing: [], for: .seconds(30))
      let directives = DirectiveLog()
      let foreign = DirectiveLog()
      let subscriptions = [
        try await broker.directives(for: .a) { directives.record($0) },
        try await broker.directives(for: .b) { foreign.record($0) },
      ]
      try await broker.direct(.a, to: .quiet)
      #expect(try await directives.first() == .become(.quiet))
      #expect(try await broker.workers()[0].wanted == .quiet)
      #expect(try await broker.workers()[0].report.mode == .running)
      for mode in [WorkerMode.running, .running, .quiet] {
        let answer = try await broker.beat(report(.a, mode), renewing: [], for: .seconds(30))
        #expect(answer.wanted == .quiet)
      }
      try await broker.direct(.a, to: .running)
      #expect(try await directives.first() == .become(.running))
      let answer = try await broker.beat(report(.a, .quiet), renewing: [], for: .seconds(30))
      #expect(answer.wanted == .running)
      #expect(await foreign.directives.isEmpty)
      for subscription in subscriptions { await subscription.cancel() }
    }
  }
}
