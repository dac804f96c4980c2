import Jobs
import Testing

/// What queues remember beside their jobs, in archives.
extension BrokerContract {
  @Test("carries what queues did since ever, and counts nothing twice", arguments: Backend.allCases, Backend.allCases)
  func archivedTotals(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { try await broker.accept() }
      let forgotten = try await broker.work()
      #expect(try await broker.remove(forgotten))
      try await broker.work(.fail(.example, retry: .never))
      try await broker.work(.fail(.example, retry: .after(.seconds(600))))
      let queue = try await broker.find()
      #expect(queue.totals.accepted == 3 && queue.totals.retried == 1)
      let entries = try await broker.wholeArchive(limit: 2)
      #expect(entries.last?.ledger?.totals == queue.totals)
      try await target.withUncheckedBroker { other, _ in
        let report = try await other.restore(entries)
        #expect(report.restored == entries.count)
        let restored = try await other.find()
        #expect(restored.totals == queue.totals && restored.lastFailure == queue.lastFailure)
        #expect(restored.lastFinishedAt == queue.lastFinishedAt && restored.lastFailedAt == queue.lastFailedAt)
        #expect(try await other.restore(entries).known == entries.count)
        try await other.accept()
        try await other.work()
        _ = try await other.restore(entries)
        #expect(try await other.find().totals.accepted == 4, "it has done more since")
        #expect(try await other.find().totals.completed == 2)
      }
    }
  }

  @Test("carries the order that a job asked for itself", arguments: Backend.allCases, Backend.allCases)
  func archivedOwnOrder(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let plain = try await broker.accept().id
      let newest = try await broker.accept(.example { $0.order = .lifo }).id
      let entries = try await broker.wholeArchive(limit: 10)
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        let there = try await other.accept(.example(queue: .video)).id
        for id in [plain, newest] { _ = try await other.redrive(id, to: .video) }
        let taken = try await other.lease(from: [.video], limit: 5, for: .seconds(30), by: .a)
        #expect(taken.map(\.lease.job) == [newest, plain, there])
        #expect(try await other.wholeArchive(limit: 10).compactMap(\.snapshot?.order) == [.lifo])
      }
    }
  }

  @Test("goes on with the turns of a fair queue", arguments: Backend.allCases, Backend.allCases)
  func archivedTurns(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      for _ in 0..<10 { try await broker.accept(.example(user: "alice")) }
      for _ in 0..<4 { try await broker.work() }
      let entries = try await broker.wholeArchive(limit: 10)
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        for _ in 0..<3 { try await other.accept(.example(user: "bob")) }
        let taken = try await other.lease(from: [.mail], limit: 9, for: .seconds(30), by: .a)
        #expect(taken.count == 9 && taken[0].user == "bob")
        #expect(Set(taken[1...2].map(\.user)) == ["alice", "bob"], "idle time earns nothing")
        #expect(Set(taken[3...4].map(\.user)) == ["alice", "bob"])
        #expect(taken[5...].allSatisfy { $0.user == "alice" })
        let ledger = try #require(try await other.wholeArchive(limit: 10).last?.ledger)
        #expect(ledger.virtualTime > 0)
      }
    }
  }
}
