import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("gives jobs of one priority in the order they came", arguments: Backend.allCases)
  func order(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var accepted: [JobID] = []
      for _ in 0..<10 { accepted.append(try await broker.accept().id) }
      let leased = try await broker.lease(from: [.mail], limit: 10, for: .seconds(30), by: .a)
      #expect(leased.map(\.lease.job) == accepted)
    }
  }

  @Test("gives the most urgent first, all ten levels", arguments: Backend.allCases)
  func priorities(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for level in [5, 1, 10, 3, 7, 2, 9, 4, 8, 6, 10, 1] {
        try await broker.accept(.example(priority: try #require(Priority(level))))
      }
      var levels: [Int] = []
      while let leased = try await broker.next() {
        levels.append(try #require(try await broker.job(leased.lease.job)).priority.level)
      }
      #expect(levels == [10, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1])
    }
  }

  @Test("goes through the queues in the order given, and into no other", arguments: Backend.allCases)
  func queues(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let mail = try await broker.accept(.example(queue: .mail, priority: .high))
      let video = try await broker.accept(.example(queue: .video, priority: .low))
      try await broker.accept(.example(queue: .default))
      let leased = try await broker.lease(
        from: [.video, .mail], limit: 5, for: .seconds(30), by: .a)
      #expect(leased.map(\.lease.job) == [video.id, mail.id])
      #expect(leased.map(\.lease.queue) == [.video, .mail])
    }
  }

  @Test("gives no more than asked for", arguments: Backend.allCases)
  func leaseLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for queue in [QueueName.mail, .video, .mail, .video] {
        try await broker.accept(.example(queue: queue))
      }
      let first = try await broker.lease(from: [.mail, .video], limit: 3, for: .seconds(9), by: .a)
      #expect(first.map(\.lease.queue) == [.mail, .mail, .video])
      let rest = try await broker.lease(from: [.mail, .video], limit: 3, for: .seconds(9), by: .a)
      #expect(rest.count == 1)
      #expect(try await broker.lease(from: [.mail], limit: 0, for: .seconds(9), by: .a).isEmpty)
      #expect(try await broker.lease(from: [], limit: 3, for: .seconds(9), by: .a).isEmpty)
    }
  }

  @Test("hands over all that a worker needs", arguments: Backend.allCases)
  func leasedJob(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let payload = JSONText(unchecked: Array(#"{"input":"clip.mp4"}"#.utf8))
      let request = JobRequest(
        queue: .mail, kind: .example, user: "alice", payload: payload, maxAttempts: 4,
        timeout: .seconds(7))
      try await broker.accept(request)
      let before = time.now()
      let leased = try #require(try await broker.next(for: .seconds(30), by: .b))
      #expect(leased.lease.job == request.id)
      #expect(leased.lease.worker == .b)
      #expect(leased.lease.token > 0)
      #expect(leased.lease.deadline >= before + .seconds(30))
      #expect(leased.lease.deadline <= time.now() + .seconds(31))
      #expect(leased.kind == .example)
      #expect(leased.user == "alice")
      #expect(leased.attempt == 1)
      #expect(leased.maxAttempts == 4)
      #expect(leased.timeout == .seconds(7))
      #expect(leased.payload == .inline(payload))

      let job = try #require(try await broker.job(request.id))
      #expect(job.state == .running)
      #expect(job.attempt == 1)
      #expect(job.startedAt != nil)
      #expect(job.queuePosition == nil)
      #expect(job.position.offset > 1)
    }
  }

  @Test("gives a leased job to no one else", arguments: Backend.allCases)
  func exclusiveLease(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<40 { try await broker.accept() }
      let taken = try await withThrowingTaskGroup(of: [JobID].self) { group in
        for number in 0..<20 {
          group.addTask {
            try await broker.lease(
              from: [.mail], limit: 3, for: .seconds(30), by: number.isMultiple(of: 2) ? .a : .b
            ).map(\.lease.job)
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(taken.count == 40)
      #expect(Set(taken).count == 40)
    }
  }

  @Test("gives each lease of a job a greater token", arguments: Backend.allCases)
  func growingTokens(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      var last: UInt64 = 0
      for _ in 0..<5 {
        let leased = try #require(try await broker.next())
        #expect(leased.lease.token > last)
        last = leased.lease.token
        #expect(try await broker.end(leased.lease, .release) == .queued)
      }
    }
  }

  @Test("refuses whatever comes with an old token", arguments: Backend.allCases)
  func oldToken(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let old = try #require(try await broker.next(by: .a)).lease
      try await broker.end(old, .release)
      let new = try #require(try await broker.next(by: .b)).lease
      let before = try await broker.job(job.id)

      #expect(try await broker.extend([old], for: .seconds(90)) == [.lost])
      #expect(try await broker.report(Progress(percent: 50), under: old).standing == .lost)
      #expect(try await broker.log(["late"], under: old) == .lost)
      for settlement in [
        Settlement.complete(nil), .fail(.example, retry: .never), .release, .cancel(.example),
      ] {
        #expect(try await broker.settle(old, settlement) == .leaseLost)
      }
      #expect(try await broker.job(job.id) == before, "nothing was changed")
      #expect(try await broker.logLines(of: job.id).isEmpty)
      #expect(try await broker.extend([new], for: .seconds(30)) == [.held])
    }
  }

  @Test("renews leases in one step, each answer at its place", arguments: Backend.allCases)
  func extend(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<3 { try await broker.accept() }
      _ = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: .seconds(60)))
      let leases = try await broker.lease(
        from: [.mail], limit: 3, for: .milliseconds(200), by: .a
      ).map(\.lease)
      _ = try await broker.cancel(leases[1].job, reason: nil)
      try await broker.end(leases[2])
      let standings = try await broker.extend(leases.reversed(), for: .seconds(30))
      #expect(standings == [.lost, .cancelRequested, .held])
      #expect(try await broker.extend([], for: .seconds(30)).isEmpty)

      try await time.pass(.milliseconds(300))
      let report = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: .seconds(60)))
      #expect(report == MaintenanceReport(), "what was renewed is not overdue")
    }
  }

  @Test("keeps an overdue lease its worker's until it is reaped", arguments: Backend.allCases)
  func overdueLease(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next(for: .milliseconds(100))).lease
      try await time.pass(.milliseconds(150))
      #expect(try await broker.next() == nil)
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
      #expect(try await broker.job(job.id)?.state == .running)
      #expect(try await broker.end(lease) == .completed)
    }
  }

  @Test("tells the place of each queued job", arguments: Backend.allCases)
  func queuePosition(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept()
      let second = try await broker.accept()
      let urgent = try await broker.accept(.example(priority: .high))
      let elsewhere = try await broker.accept(.example(queue: .video))
      func places() async throws -> [Int?] {
        var places: [Int?] = []
        for job in [first, second, urgent, elsewhere] {
          places.append(try await broker.job(job.id)?.queuePosition)
        }
        return places
      }
      #expect(second.queuePosition == 2)
      #expect(try await places() == [2, 3, 1, 1])
      _ = try await broker.next()
      #expect(try await places() == [1, 2, nil, 1])
      _ = try await broker.cancel(first.id, reason: nil)
      #expect(try await places() == [nil, 1, nil, 1])
    }
  }

  @Test("ends a wait when a job comes", arguments: Backend.allCases)
  func wakeByJob(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      async let wait: Void = broker.waitForWork(in: [.video, .mail], upTo: .seconds(600))
      try await broker.accept()
      await wait
      #expect(try await broker.next() != nil)
    }
  }

  @Test("does not wait for a job that came before", arguments: Backend.allCases)
  func wakeAtOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      await broker.waitForWork(in: [.mail], upTo: .seconds(600))
      #expect(try await broker.next() != nil)
    }
  }

  @Test("ends a wait at its time", arguments: Backend.allCases)
  func waitTimeout(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept(.example(queue: .video))
      await broker.waitForWork(in: [.mail], upTo: .milliseconds(50))
      #expect(try await broker.next() == nil)
    }
  }

  @Test("ends a wait when a retry becomes due", arguments: Backend.allCases)
  func wakeByRetry(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      try await broker.end(lease, .fail(.example, retry: .after(.milliseconds(150))))
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      try await time.pass(.milliseconds(150))
      await wait
      #expect(try await broker.next()?.attempt == 2)
    }
  }

  @Test("wakes enough waiters for several jobs", arguments: Backend.allCases)
  func wakeMany(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let taken = try await withThrowingTaskGroup(of: JobID.self) { group in
        for _ in 0..<5 {
          group.addTask {
            while true {
              if let leased = try await broker.next() { return leased.lease.job }
              await broker.waitForWork(in: [.mail], upTo: .seconds(600))
            }
          }
        }
        for _ in 0..<5 { try await broker.accept() }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(taken.count == 5)
    }
  }
}
