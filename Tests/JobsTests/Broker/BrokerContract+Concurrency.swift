import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("lets no more jobs of a queue run than its limit, over all workers", arguments: Backend.allCases)
  func concurrency(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 3 }
      for _ in 0..<6 { try await broker.accept() }
      let first = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      let second = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .b)
      #expect(first.count == 2 && second.count == 1)
      #expect(try await broker.next(by: .b) == nil)
      try await broker.end(first[0].lease)
      #expect(try await broker.takeAll().count == 1)
      try await broker.end(second[0].lease, .fail(.example, retry: .after(.seconds(60))))
      #expect(try await broker.takeAll().count == 1, "who waits for a retry does not run")
    }
  }

  @Test("keeps the limit among many who take at once", arguments: Backend.allCases)
  func concurrencyRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 5 }
      for _ in 0..<30 { try await broker.accept() }
      let taken = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<20 {
          group.addTask {
            try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).count
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(taken == 5)
    }
  }

  @Test("takes from the other queues when one is at its limit", arguments: Backend.allCases)
  func concurrencyAmongQueues(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 1 }
      for queue in [QueueName.mail, .mail, .video, .video] {
        try await broker.accept(.example(queue: queue))
      }
      let taken = try await broker.lease(from: [.mail, .video], limit: 3, for: .seconds(30), by: .a)
      #expect(taken.map(\.lease.queue) == [.mail, .video, .video])
    }
  }

  @Test("gives the place of a job that ends to the next in the same step", arguments: Backend.allCases)
  func concurrencyInExchange(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 1 }
      for _ in 0..<4 { try await broker.accept() }
      let request = LeaseRequest(queues: [.mail], limit: 5, duration: .seconds(30), worker: .a)
      var held = try await broker.exchange([], for: request).jobs
      for _ in 0..<3 {
        #expect(held.count == 1)
        let exchange = try await broker.exchange([LeaseSettlement(held[0].lease, .complete(nil))], for: request)
        #expect(exchange.outcomes == [.settled(.completed)])
        #expect(exchange.jobs.first?.lease.job != held[0].lease.job)
        held = exchange.jobs
      }
    }
  }

  @Test("lets jobs go at once when a limit is raised or taken away", arguments: Backend.allCases)
  func concurrencyRaised(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 1 }
      for _ in 0..<5 { try await broker.accept() }
      #expect(try await broker.takeAll().count == 1)
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      try await broker.change { $0.concurrency = 3 }
      await wait
      #expect(try await broker.takeAll().count == 2)
      try await broker.change { $0.concurrency = nil }
      #expect(try await broker.takeAll().count == 2)
    }
  }

  @Test("waits for running jobs to end when a limit is lowered", arguments: Backend.allCases)
  func concurrencyLowered(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<6 { try await broker.accept() }
      let taken = try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a)
      try await broker.change { $0.concurrency = 1 }
      #expect(try await broker.find().running == 3, "nothing is stopped")
      #expect(try await broker.extend(taken.map(\.lease), for: .seconds(30)) == [.held, .held, .held])
      for number in 0..<2 {
        try await broker.end(taken[number].lease)
        #expect(try await broker.next() == nil)
      }
      try await broker.end(taken[2].lease)
      #expect(try await broker.takeAll().count == 1)
    }
  }

  @Test("holds a queue whose limit is nothing", arguments: Backend.allCases)
  func concurrencyOfNone(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 0 }
      try await broker.accept()
      #expect(try await broker.next() == nil)
      try await broker.change { $0.concurrency = 1 }
      #expect(try await broker.next() != nil)
    }
  }

  @Test(
    "wakes who waits when a place in a full queue is free", arguments: Backend.allCases,
    [Settlement.complete(nil), .fail(.example, retry: .never), .release])
  func wakeByEnd(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 1 }
      for _ in 0..<2 { try await broker.accept() }
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.next(by: .b) == nil)
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      try await broker.end(lease, settlement)
      await wait
      #expect(try await broker.next(by: .b) != nil)
    }
  }
}
