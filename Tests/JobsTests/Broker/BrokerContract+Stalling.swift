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

  @Test("takes a lease that has run out as lost, not as stalled", arguments: Backend.allCases)
  func lostAtOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<3 { try await broker.accept() }
      _ = try await broker.lease(from: [.mail], limit: 3, for: .milliseconds(20), by: .a)
      try await time.pass(.milliseconds(30))
      let report = try await broker.maintain(limit: 2, warning: .seconds(10))
      #expect(report.requeued.count == 2 && report.stalled.isEmpty)
      #expect(try await broker.maintain(warning: .seconds(10)).requeued.count == 1)
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
      #expect(try await broker.report(Progress(percent: 7), under: lease) == .held)
      #expect(try await broker.find(job.id).progress.percent == 7)
      #expect(try await broker.end(lease, .release) == .queued)
      #expect(try await broker.find(job.id).isStalled == false)
    }
  }
}
