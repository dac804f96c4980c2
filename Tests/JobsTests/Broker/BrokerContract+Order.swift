import EventLoop
import Jobs
import Testing

extension BrokerContract {
  /// Every way in which a queue can be ordered.
  enum Ordering: CaseIterable, Sendable {
    case fifo, lifo, ageing, fair

    func apply(to settings: inout QueueSettings) {
      switch self {
      case .fifo: settings.order = .fifo
      case .lifo: settings.order = .lifo
      case .ageing: settings.ageing = .seconds(60)
      case .fair: settings.isFair = true
      }
    }
  }

  /// Every way in which a job that was taken comes back undone.
  enum Return: CaseIterable, Sendable {
    case release, loss, failure, lapse
  }

  @Test("gives the newest first where the queue says so", arguments: Backend.allCases)
  func lifo(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.order = .lifo }
      var ids: [JobID] = []
      for _ in 0..<5 { ids.append(try await broker.accept().id) }
      let urgent = try await broker.accept(.example(priority: .high))
      #expect(try await broker.find(ids[4]).queuePosition == 2)
      let taken = try await broker.takeAll()
      #expect(taken == [urgent.id] + ids.reversed())
    }
  }

  @Test("lets a job have its own order", arguments: Backend.allCases)
  func ownOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept()
      let second = try await broker.accept()
      let jumper = try await broker.accept(.example { $0.order = .lifo })
      let later = try await broker.accept(.example { $0.order = .lifo })
      #expect(
        try await broker.takeAll() == [later.id, jumper.id, first.id, second.id],
        "the last in goes first, and before all that wait in order")

      try await broker.change(.video) { $0.order = .lifo }
      let patient = try await broker.accept(.example(queue: .video) { $0.order = .fifo })
      let other = try await broker.accept(.example(queue: .video))
      let newest = try await broker.accept(.example(queue: .video))
      #expect(try await broker.takeAll(from: .video) == [newest.id, other.id, patient.id])
    }
  }

  @Test("keeps the places of jobs that came under another order", arguments: Backend.allCases)
  func changedOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let old = [try await broker.accept(), try await broker.accept()]
      try await broker.change { $0.order = .lifo }
      let new = [try await broker.accept(), try await broker.accept()]
      #expect(try await broker.takeAll() == [new[1], new[0], old[0], old[1]].map(\.id))
    }
  }

  @Test("lets no wait outweigh a priority where priorities are strict", arguments: Backend.jumping)
  func strictPriorities(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let old = try await broker.accept(.example(priority: Priority(4)!))
      try await time.pass(.seconds(300 * 86_400))
      let new = try await broker.accept(.example(priority: Priority(5)!))
      let newest = try await broker.accept(.example(priority: Priority(4)!) { $0.order = .lifo })
      #expect(try await broker.takeAll() == [new.id, newest.id, old.id])
    }
  }

  @Test("gives each level a head start where the queue ages", arguments: Backend.allCases)
  func ageing(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.ageing = .milliseconds(20) }
      let low = try await broker.accept(.example(priority: Priority(5)!))
      try await time.pass(.milliseconds(120))
      let late = try await broker.accept(.example(priority: Priority(10)!))
      #expect(try await broker.takeAll() == [low.id, late.id], "it waited five head starts longer")

      try await broker.change { $0.ageing = .seconds(3600) }
      let common = try await broker.accept(.example(priority: Priority(5)!))
      let urgent = try await broker.accept(.example(priority: Priority(6)!))
      #expect(try await broker.takeAll() == [urgent.id, common.id])
    }
  }

  @Test("keeps the places of jobs that came under another ageing, however they return", arguments: Backend.allCases)
  func changedAgeing(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      let old = [try await broker.accept(), try await broker.accept()]
      let ended = try await broker.accept()
      _ = try await broker.cancel(ended.id, reason: nil)
      try await broker.change { $0.ageing = .seconds(60) }
      let aged = [try await broker.accept(.example(priority: .low)), try await broker.accept()].map(\.id)
      #expect(try await broker.promote(scheduled.id).queuePosition == 1)
      let lease = try #require(try await broker.next()).lease
      #expect(lease.job == scheduled.id)
      try await broker.end(lease, .release)
      _ = try await broker.retry(ended.id)
      let strict = [scheduled, old[0], old[1], ended].map(\.id)
      func line() async throws -> [JobID] {
        let queued = try await broker.allJobs(matching: JobFilter(states: [.queued]))
        return queued.sorted { $0.queuePosition ?? 0 < $1.queuePosition ?? 0 }.map(\.id)
      }
      #expect(try await line() == strict + aged.reversed())
      _ = try await broker.reprioritise(old[1].id, to: .low)
      #expect(try await line() == [strict[0], strict[1], strict[3], strict[2]] + aged.reversed())

      try await broker.change { $0.ageing = nil }
      _ = try await broker.reprioritise(aged[0], to: .high)
      let last = try await broker.accept(.example(priority: .low)).id
      #expect(try await line() == [strict[0], strict[1], strict[3], strict[2], last] + aged)
      #expect(try await broker.takeAll().count == 7)
    }
  }

  @Test(
    "takes back what was taken to the front, in any order", arguments: Backend.allCases,
    Ordering.allCases)
  func returns(_ backend: Backend, _ ordering: Ordering) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { ordering.apply(to: &$0) }
      for _ in 0..<3 { try await broker.accept() }
      let expected = try await broker.jobs(matching: JobFilter()).jobs
        .sorted { $0.queuePosition ?? 0 < $1.queuePosition ?? 0 }.map(\.id)
      for way in Return.allCases {
        let lease = try #require(
          try await broker.next(for: way == .loss ? .milliseconds(1) : .seconds(30))
        ).lease
        #expect(lease.job == expected[0])
        switch way {
        case .release: try await broker.end(lease, .release)
        case .failure: try await broker.end(lease, .fail(.example, retry: .after(.zero)))
        case .lapse:
          try await broker.end(lease, .fail(.example, retry: .after(.seconds(3600))))
          _ = try await broker.retry(lease.job)
        case .loss:
          try await time.pass(.milliseconds(3))
          #expect(try await broker.maintain().requeued == [lease.job])
        }
      }
      #expect(try await broker.takeAll() == expected)
    }
  }

  @Test("puts what comes back before it what came later in LIFO order", arguments: Backend.allCases)
  func returnInLIFO(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.order = .lifo }
      let first = try await broker.accept()
      let second = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      #expect(lease.job == second.id)
      let third = try await broker.accept()
      try await broker.end(lease, .release)
      #expect(try await broker.takeAll() == [third.id, second.id, first.id])
    }
  }

  @Test("starts jobs that were equal in all in the order of acceptance", arguments: Backend.allCases)
  func manyAtOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let accepted = try await withThrowingTaskGroup(of: Job.self) { group in
        for _ in 0..<30 { group.addTask { try await broker.accept() } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let listed = try await broker.allJobs(matching: JobFilter()).map(\.id)
      #expect(listed.count == accepted.count)
      #expect(try await broker.takeAll() == listed.reversed())
    }
  }
}
