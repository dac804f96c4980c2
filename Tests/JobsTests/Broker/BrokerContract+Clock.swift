import EventLoop
import Jobs
import Testing

/// A clock that is set, on the machine whose time is the broker's.
extension BrokerContract {
  @Test("pardons leases once when the clock jumps forward, and gives out what is due", arguments: Backend.jumping)
  func clockJumpsForward(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let rules = LossRules(amnesty: .seconds(30))
      let running = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let later = try await broker.accept(.example { $0.start = .after(.seconds(7200)) })
      _ = try await broker.maintain(limit: 100, rules)
      try await time.pass(.seconds(7201))
      let report = try await broker.maintain(limit: 100, rules)
      #expect(report.pardoned == 1 && report.requeued.isEmpty)
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
      #expect(try await broker.takeAll() == [later.id])
      #expect(try await broker.end(lease) == .completed)
      #expect(try await broker.find(running.id).lostDeliveries == 0)
    }
  }

  @Test("goes on in order when the clock jumps back", arguments: Backend.jumping)
  func clockJumpsBack(_ backend: Backend) async throws {
    try await backend.withUncheckedBroker { broker, time in
      let first = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let second = try await broker.accept()
      let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(600)) })
      _ = try await broker.maintain()
      try await time.pass(.seconds(-3600))
      let third = try await broker.accept()
      #expect(third.createdAt >= second.createdAt && third.updatedAt >= third.createdAt)
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
      #expect(try await broker.maintain() == MaintenanceReport())
      let taken = try #require(try await broker.next()).lease
      #expect(taken.job == second.id)
      try await broker.end(taken, .release)
      let again = try #require(try await broker.next()).lease
      #expect(again.job == second.id && again.token > taken.token)
      #expect(try await broker.end(taken) == nil)
      #expect(try await broker.takeAll() == [third.id])
      #expect(try await broker.end(lease) == .completed)
      let listed = try await broker.allJobs(matching: JobFilter()).map(\.id)
      #expect(listed == [third, scheduled, second, first].map(\.id))
      #expect(try await broker.find(scheduled.id).state == .scheduled)
      #expect(try await broker.find(first.id).position.offset == 3)
      try await consistent(broker, try await broker.allJobs(matching: JobFilter()))
    }
  }
}
