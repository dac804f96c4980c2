import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("ends leases and takes jobs in one step", arguments: Backend.allCases)
  func exchange(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var ids: [JobID] = []
      for _ in 0..<6 { ids.append(try await broker.accept().id) }
      let held = try await broker.lease(from: [.mail], limit: 4, for: .seconds(30), by: .a).map(\.lease)
      let request = LeaseRequest(queues: [.mail], limit: 2, duration: .seconds(30), worker: .b)
      let exchange = try await broker.exchange(
        [
          LeaseSettlement(held[2], .fail(.example, retry: .never)),
          LeaseSettlement(held[0], .complete(nil)),
          LeaseSettlement(held[1], .release),
          LeaseSettlement(held[3], .fail(.example, retry: .after(.seconds(3600)))),
        ], for: request)
      #expect(
        exchange.outcomes == [
          .settled(.failed), .settled(.completed), .settled(.queued), .settled(.retrying),
        ], "in the order given")
      #expect(exchange.jobs.map(\.lease.job) == [ids[1], ids[4]], "what was released comes first")
      #expect(exchange.jobs.allSatisfy { $0.lease.worker == .b })
    }
  }

  @Test("does nothing when nothing is asked", arguments: Backend.allCases)
  func emptyExchange(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      #expect(try await broker.exchange([], for: nil) == Exchange())
      #expect(try await broker.find().running == 0)
    }
  }

  @Test("accepts one of two settlements of a lease in one exchange", arguments: Backend.allCases)
  func settledTwiceAtOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<2 { try await broker.accept() }
      let held = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).map(\.lease)
      let exchange = try await broker.exchange(
        [
          LeaseSettlement(held[0], .complete(nil)),
          LeaseSettlement(held[0], .fail(.example, retry: .never)),
          LeaseSettlement(held[1], .release),
          LeaseSettlement(held[1], .complete(nil)),
        ], for: nil)
      #expect(
        exchange.outcomes == [
          .settled(.completed), .settled(.completed), .settled(.queued), .leaseLost,
        ])
      #expect(try await broker.find().totals.completed == 1)
    }
  }

  @Test("settles what it holds beside what was lost", arguments: Backend.allCases)
  func mixedExchange(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<2 { try await broker.accept() }
      let held = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).map(\.lease)
      try await broker.end(held[0], .release)
      let unknown = Lease(
        job: JobID(), queue: .mail, worker: .a, token: 1, deadline: time.now() + .seconds(30))
      let exchange = try await broker.exchange(
        [held[0], unknown, held[1]].map { LeaseSettlement($0, .complete(nil)) },
        for: LeaseRequest(queues: [.mail], limit: 5, duration: .seconds(30), worker: .a))
      #expect(exchange.outcomes == [.leaseLost, .leaseLost, .settled(.completed)])
      #expect(exchange.jobs.map(\.lease.job) == [held[0].job])
    }
  }

  @Test("settles nothing when one of the results is over the limit", arguments: Backend.allCases)
  func resultLimitInExchange(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { try await broker.accept() }
      let held = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).map(\.lease)
      let tooLarge = JSONText(
        unchecked: Array("\"\(String(repeating: "x", count: Settlement.resultLimit))\"".utf8))
      await #expect(throws: BrokerError.reportTooLarge(limit: Settlement.resultLimit)) {
        try await broker.exchange(
          [LeaseSettlement(held[0], .complete(nil)), LeaseSettlement(held[1], .complete(tooLarge))],
          for: LeaseRequest(queues: [.mail], limit: 5, duration: .seconds(30), worker: .a))
      }
      let status = try await broker.find()
      #expect(status.running == 2 && status.counts[.queued] == 1)
      #expect(try await broker.extend(held, for: .seconds(30)) == [.held, .held])
    }
  }

  @Test("lets one of racing exchanges settle a lease, and each take its own", arguments: Backend.allCases)
  func exchangeRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<30 { try await broker.accept() }
      let held = try await broker.lease(from: [.mail], limit: 5, for: .seconds(30), by: .a).map(\.lease)
      let exchanges = try await withThrowingTaskGroup(of: Exchange.self) { group in
        for number in 0..<10 {
          group.addTask {
            let settlement: Settlement = number.isMultiple(of: 2) ? .complete(nil) : .fail(.example, retry: .never)
            return try await broker.exchange(
              held.map { LeaseSettlement($0, settlement) },
              for: LeaseRequest(queues: [.mail], limit: 2, duration: .seconds(30), worker: number < 5 ? .a : .b))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      for place in held.indices {
        #expect(Set(exchanges.map(\.outcomes[place])).count == 1, "all hear of the one that counted")
      }
      let taken = exchanges.flatMap(\.jobs).map(\.lease.job)
      #expect(taken.count == 20 && Set(taken).count == 20)
      let totals = try await broker.find().totals
      #expect(totals.completed + totals.failed == 5)
    }
  }

  @Test("takes and ends a hundred jobs at a time", arguments: Backend.allCases)
  func largeExchange(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<150 { try await broker.accept() }
      let request = LeaseRequest(queues: [.mail], limit: 100, duration: .seconds(30), worker: .a)
      let first = try await broker.exchange([], for: request).jobs
      #expect(first.count == 100)
      let second = try await broker.exchange(
        first.map { LeaseSettlement($0.lease, .complete(nil)) }, for: request)
      #expect(second.outcomes == Array(repeating: .settled(.completed), count: 100))
      #expect(second.jobs.count == 50)
    }
  }
}
