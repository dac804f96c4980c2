import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  /// Long enough that no test is ever pardoned by accident.
  private static let hour = Duration.seconds(3600)

  @Test("returns the job of a lost worker to the front, with a new token", arguments: Backend.allCases)
  func reap(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example(maxAttempts: 1))
      try await broker.accept()
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      let empty = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: Self.hour))
      #expect(empty == MaintenanceReport())
      let lost = try #require(try await broker.next(for: .milliseconds(100))).lease
      _ = try await broker.report(Progress(percent: 30), under: lost)
      try await time.pass(.milliseconds(150))

      let report = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: Self.hour))
      #expect(report.requeued == [job.id])
      #expect(report.failed.isEmpty && report.cancelled.isEmpty && report.pardoned == 0)
      let requeued = try #require(try await broker.job(job.id))
      #expect(requeued.state == .queued)
      #expect(requeued.lostDeliveries == 1)
      #expect(requeued.attempt == 0, "a loss uses no attempt")
      #expect(requeued.queuePosition == 1)
      #expect(try await broker.extend([lost], for: .seconds(30)) == [.lost])
      #expect(try await broker.settle(lost, .complete(nil)) == .leaseLost)

      let next = try #require(try await broker.next(by: .b))
      #expect(next.lease.job == job.id)
      #expect(next.lease.token > lost.token)
      #expect(next.attempt == 1)
      #expect(try await broker.job(job.id)?.progress == Progress())
      #expect(try await broker.end(next.lease) == .completed)
      let events = try await log.eventsUntilEnd()
      #expect(events.contains { $0.state == .queued && $0.reason == "lost" })
      await subscription.cancel()
    }
  }

  @Test("takes back no more than asked for", arguments: Backend.allCases)
  func reapLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: Self.hour))
      for _ in 0..<5 { try await broker.accept() }
      _ = try await broker.lease(from: [.mail], limit: 5, for: .milliseconds(50), by: .a)
      try await time.pass(.milliseconds(60))
      var taken: [Int] = []
      for _ in 0..<4 {
        let report = try await broker.maintain(limit: 2, LossRules(maxLost: 3, amnesty: Self.hour))
        taken.append(report.requeued.count)
      }
      #expect(taken == [2, 2, 1, 0])
    }
  }

  @Test("gives up a job that its workers do not survive", arguments: Backend.allCases)
  func poison(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.maintain(limit: 10, LossRules(maxLost: 2, amnesty: Self.hour))
      let job = try await broker.accept(.example(maxAttempts: 5))
      for loss in 1...2 {
        let lease = try #require(try await broker.next(for: .milliseconds(50))).lease
        try await time.pass(.milliseconds(60))
        let report = try await broker.maintain(limit: 10, LossRules(maxLost: 2, amnesty: Self.hour))
        #expect(report.requeued == (loss == 1 ? [job.id] : []))
        #expect(report.failed == (loss == 2 ? [job.id] : []))
        #expect(try await broker.settle(lease, .complete(nil)) == .leaseLost)
      }
      let ended = try #require(try await broker.job(job.id))
      #expect(ended.state == .failed)
      #expect(ended.failure?.code == "lost")
      #expect(ended.lostDeliveries == 2)
    }
  }

  @Test("cancels a lost job that was being cancelled", arguments: Backend.allCases)
  func reapCancelling(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: Self.hour))
      let job = try await broker.accept()
      let lease = try #require(try await broker.next(for: .milliseconds(50))).lease
      _ = try await broker.cancel(job.id, reason: nil)
      try await time.pass(.milliseconds(60))
      let report = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: Self.hour))
      #expect(report.cancelled == [job.id])
      #expect(report.requeued.isEmpty)
      #expect(try await broker.job(job.id)?.state == .cancelled)
      #expect(try await broker.settle(lease, .cancel(.example)) == .leaseLost)
    }
  }

  @Test("pardons once when nobody could have renewed", arguments: Backend.allCases)
  func amnesty(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let amnesty = Duration.milliseconds(1000)
      _ = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: amnesty))
      let job = try await broker.accept()
      let lease = try #require(try await broker.next(for: .milliseconds(50))).lease
      try await time.pass(.milliseconds(1100))
      let pardon = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: amnesty))
      #expect(pardon.pardoned == 1)
      #expect(pardon.requeued.isEmpty)
      #expect(try await broker.job(job.id)?.state == .running)
      #expect(try await broker.job(job.id)?.isStalled == false)
      #expect(try await broker.extend([lease], for: .milliseconds(50)) == [.held])

      var taken: [JobID] = []
      for _ in 0..<10 where taken.isEmpty {
        try await time.pass(.milliseconds(200))
        taken = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: amnesty)).requeued
      }
      #expect(taken == [job.id], "the next time it is lost")
    }
  }
}
