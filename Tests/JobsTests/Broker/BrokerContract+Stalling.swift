import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("shows a lease that was not renewed in time as stalled, once, then as recovered", arguments: Backend.allCases)
  func stalled(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      let lease = try #require(try await broker.next(for: .seconds(5))).lease
      #expect(try await broker.maintain(warning: .seconds(1)).stalled.isEmpty)
      #expect(try await broker.maintain(warning: .seconds(10)).stalled == [job.id])
      #expect(try await broker.maintain(warning: .seconds(10)).stalled.isEmpty, "once")
      let stalled = try await broker.find(job.id)
      #expect(stalled.isStalled && stalled.state == .running)
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
      #expect(try await broker.find(job.id).isStalled == false)
      let offset = try await broker.find(job.id).position.offset
      #expect(try await broker.extend([lease], for: .seconds(5)) == [.held])
      #expect(try await broker.find(job.id).position.offset == offset, "a mere renewal tells nothing")
      #expect(try await broker.maintain(warning: .seconds(10)).stalled == [job.id])
      #expect(try await broker.end(lease) == .completed)
      let events = try await log.eventsUntilEnd()
      #expect(events.map(\.reason) == [nil, "stalled", "recovered", "stalled", nil])
      #expect(events.map(\.isStalled) == [false, true, false, true, false])
      #expect(events.dropLast().allSatisfy { $0.state == .running && $0.class == .state })
      await subscription.cancel()
    }
  }

  @Test("shows a stalled job that is lost as queued", arguments: Backend.allCases)
  func stalledThenLost(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept()
      _ = try #require(try await broker.next(for: .milliseconds(200)))
      #expect(try await broker.maintain(warning: .seconds(10)).stalled == [job.id])
      try await time.pass(.milliseconds(210))
      let report = try await broker.maintain(warning: .seconds(10))
      #expect(report.requeued == [job.id] && report.stalled.isEmpty)
      let requeued = try await broker.find(job.id)
      #expect(requeued.state == .queued && !requeued.isStalled)
      #expect(try await broker.find().totals.lost == 1)
      _ = try #require(try await broker.next(for: .seconds(30)))
      #expect(try await broker.find(job.id).isStalled == false)
    }
  }

  @Test("shows a job as stalled before it takes it, also where nobody looked in time", arguments: Backend.allCases)
  func lostAtOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.maintain()
      let watched = try await broker.accept()
      let cancelled = try await broker.accept()
      for _ in 0..<2 { try await broker.accept() }
      let logs = await [DeliveryLog(), DeliveryLog()]
      let subscriptions = [
        try await broker.subscribe(to: .job(watched.id)) { logs[0].record($0) },
        try await broker.subscribe(to: .job(cancelled.id)) { logs[1].record($0) },
      ]
      var lost: [Lease] = []
      for time in [50, 60, 70] { lost.append(try #require(try await broker.next(for: .milliseconds(time))).lease) }
      _ = try await broker.report(Progress(percent: 30), under: lost[0])
      _ = try await broker.cancel(cancelled.id, reason: nil)
      _ = try #require(try await broker.next(for: .seconds(5)))
      try await time.pass(.milliseconds(80))
      let report = try await broker.maintain(limit: 2, warning: .seconds(10))
      #expect(report.requeued == [watched.id] && report.cancelled == [cancelled.id])
      #expect(report.stalled == [watched.id, cancelled.id], "the one that is about to run out waits")
      let rest = try await broker.maintain(warning: .seconds(10))
      #expect(rest.requeued.count == 1 && rest.stalled.count == 2)

      let next = try #require(try await broker.next())
      #expect(next.lease.job == watched.id)
      try await broker.end(next.lease)
      let events = try await logs[0].eventsUntilEnd().filter { $0.class == .state }
      #expect(events.map(\.reason) == [nil, "stalled", "lost", nil, nil])
      #expect(events.map(\.state) == [.running, .running, .queued, .running, .completed])
      #expect(events.map(\.isStalled) == [false, true, false, false, false])
      #expect(events[1].progress.percent == 30)
      let ends = try await logs[1].eventsUntilEnd()
      #expect(ends.suffix(2).map(\.state) == [.running, .cancelled])
      #expect(ends.suffix(2).map(\.isStalled) == [true, false])
      for subscription in subscriptions { await subscription.cancel() }
    }
  }

  @Test("shows no more jobs as stalled than it was asked to", arguments: Backend.allCases)
  func stalledLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<5 { try await broker.accept() }
      _ = try await broker.takeAll(for: .seconds(5))
      var stalled: [Int] = []
      for _ in 0..<4 { stalled.append(try await broker.maintain(limit: 2, warning: .seconds(10)).stalled.count) }
      #expect(stalled == [2, 2, 1, 0])
    }
  }

  @Test("keeps a stalled job its worker's", arguments: Backend.allCases)
  func stalledWorks(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next(for: .seconds(5))).lease
      _ = try await broker.maintain(warning: .seconds(10))
      #expect(try await broker.next() == nil)
      #expect(try await broker.report(Progress(percent: 7), under: lease).standing == .held)
      #expect(try await broker.find(job.id).progress.percent == 7)
      #expect(try await broker.end(lease, .release) == .queued)
      #expect(try await broker.find(job.id).isStalled == false)
    }
  }
}
