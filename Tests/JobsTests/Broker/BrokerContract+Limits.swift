import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("shows until when a job has to start and to end", arguments: Backend.allCases)
  func shownLimits(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let plain = try await broker.accept()
      #expect(plain.startBy == nil && plain.endBy == nil && plain.timeout == nil)
      let limited = try await broker.accept(
        .example {
          $0.startWithin = .seconds(60)
          $0.totalTimeout = .seconds(600)
        })
      #expect(limited.startBy == limited.createdAt + .seconds(60))
      #expect(limited.endBy == limited.createdAt + .seconds(600))
      let scheduled = try await broker.accept(
        .example {
          $0.start = .after(.seconds(3600))
          $0.startWithin = .seconds(60)
          $0.totalTimeout = .seconds(600)
        })
      let due = try #require(scheduled.dueAt)
      #expect(scheduled.startBy == due + .seconds(60), "from when it is due")
      #expect(scheduled.endBy == due + .seconds(600))
    }
  }

  @Test("gives out no job that passed a limit, whether or not maintenance has looked", arguments: Backend.allCases)
  func lateAtLease(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.userWindow = 3 }
      let late = try await broker.accept(.example { $0.startWithin = .milliseconds(50) })
      let tooLong = try await broker.accept(.example { $0.totalTimeout = .milliseconds(50) })
      let inTime = try await broker.accept(.example { $0.startWithin = .seconds(600) })
      let parked = try await broker.accept()
      try await time.pass(.milliseconds(60))
      #expect(try await broker.takeAll() == [inTime.id, parked.id], "and room for who was parked")
      #expect(try await broker.find(late.id).failure?.code == "not_started_in_time")
      #expect(try await broker.find(tooLong.id).failure?.code == "total_timeout")
      #expect(try await broker.find(late.id).startedAt == nil)
      #expect(try await broker.maintain().expired.isEmpty)
      #expect(try await broker.find().totals.failed == 2)
    }
  }

  @Test("finds the job behind many that are late", arguments: Backend.allCases)
  func lateInCrowd(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<70 { try await broker.accept(.example { $0.startWithin = .milliseconds(20) }) }
      let job = try await broker.accept()
      try await time.pass(.milliseconds(30))
      var taken: [JobID] = []
      for _ in 0..<2 where taken.isEmpty { taken = try await broker.takeAll() }
      #expect(taken == [job.id])
    }
  }

  @Test("fills what a request leaves open from the queue", arguments: Backend.allCases)
  func defaults(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change {
        $0.defaults.maxAttempts = 7
        $0.defaults.timeout = .seconds(90)
        $0.defaults.startWithin = .seconds(100)
        $0.defaults.totalTimeout = .seconds(1000)
      }
      let open = try await broker.accept(.example { $0.maxAttempts = nil })
      #expect(open.maxAttempts == 7)
      #expect(open.startBy == open.createdAt + .seconds(100))
      #expect(open.endBy == open.createdAt + .seconds(1000))
      let own = try await broker.accept(
        .example(maxAttempts: 2) {
          $0.timeout = .seconds(9)
          $0.startWithin = .seconds(10)
          $0.totalTimeout = .seconds(11)
        })
      #expect(own.maxAttempts == 2)
      #expect(own.startBy == own.createdAt + .seconds(10))
      #expect(own.endBy == own.createdAt + .seconds(11))
      let taken = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      #expect(taken.map(\.timeout) == [.seconds(90), .seconds(9)])
      #expect(taken.map(\.maxAttempts) == [7, 2])

      try await broker.change { $0.defaults.maxAttempts = 1 }
      #expect(try await broker.find(open.id).maxAttempts == 1, "as the queue says now")
      #expect(try await broker.end(taken[0].lease, .fail(.example, retry: .after(.zero))) == .failed)
      #expect(try await broker.end(taken[1].lease, .fail(.example, retry: .after(.zero))) == .retrying)
    }
  }

  @Test("tries again after the job's delay, else the queue's, else the one given", arguments: Backend.allCases)
  func retryDelay(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      @Sendable func fixed(_ seconds: Int) -> RetryPolicy {
        RetryPolicy(growth: .fixed, base: .seconds(seconds), cap: .seconds(6000), jitter: 0)
      }
      func delay(_ request: JobRequest, _ retry: Settlement.Retry) async throws -> Duration {
        try await broker.accept(request)
        let id = try await broker.work(.fail(.example, retry: retry))
        let job = try await broker.find(id)
        #expect(job.state == .retrying)
        return try #require(job.dueAt) - job.updatedAt
      }
      let own = JobRequest.example { $0.retry = fixed(100) }
      #expect(try await delay(own, .byPolicy(fixed(300))) == .seconds(100))
      #expect(try await delay(.example(), .byPolicy(fixed(300))) == .seconds(300))
      try await broker.change { $0.defaults.retry = fixed(200) }
      #expect(try await delay(.example(), .byPolicy(fixed(300))) == .seconds(200))
      let other = JobRequest.example { $0.retry = fixed(100) }
      #expect(try await delay(other, .byPolicy(fixed(300))) == .seconds(100))
      let third = JobRequest.example { $0.retry = fixed(100) }
      #expect(try await delay(third, .after(.seconds(50))) == .seconds(50), "the worker knows better")
    }
  }

  @Test("doubles the delay of a growing policy with each attempt, up to its cap", arguments: Backend.allCases)
  func growingDelay(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let policy = RetryPolicy(base: .seconds(100), cap: .seconds(350), jitter: 0)
      let job = try await broker.accept(.example(maxAttempts: 9) { $0.retry = policy })
      for expected in [100, 200, 350, 350] {
        try await broker.work(.fail(.example, retry: .byPolicy(.standard)))
        let retrying = try await broker.find(job.id)
        let due = try #require(retrying.dueAt)
        #expect(due - retrying.updatedAt == .seconds(expected))
        _ = try await broker.promote(job.id)
      }
    }
  }

  @Test("draws the part of a delay that is jitter", arguments: Backend.allCases)
  func jitteredDelay(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let policy = RetryPolicy(growth: .fixed, base: .seconds(1000), cap: .seconds(1000), jitter: 0.5)
      var delays: Set<Duration> = []
      for _ in 0..<8 {
        try await broker.accept()
        let id = try await broker.work(.fail(.example, retry: .byPolicy(policy)))
        let job = try await broker.find(id)
        let delay = try #require(job.dueAt) - job.updatedAt
        #expect(delay >= .seconds(500) && delay <= .seconds(1000))
        delays.insert(delay)
      }
      #expect(delays.count > 1)
    }
  }

  @Test("fails what was not started in time, wherever it waits", arguments: Backend.allCases)
  func startLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      func limited(_ change: (inout JobRequest) -> Void = { _ in }) -> JobRequest {
        .example {
          $0.startWithin = .milliseconds(300)
          change(&$0)
        }
      }
      try await broker.change(.video) { $0.userWindow = 1 }
      let parent = try await broker.accept(.example(queue: .default))
      try await broker.accept(.example(queue: .video))
      let queued = try await broker.accept(limited())
      let child = try await broker.accept(limited { $0.dependencies.parents = [parent.id] })
      let parked = try await broker.accept(limited { $0.queue = .video })
      let scheduled = try await broker.accept(limited { $0.start = .after(.seconds(3600)) })
      let unlimited = try await broker.accept()
      #expect(parked.state == .blocked && child.state == .blocked)
      #expect(try await broker.maintain().expired.isEmpty)
      try await time.pass(.milliseconds(310))

      let report = try await broker.maintain()
      #expect(Set(report.expired) == [queued.id, child.id, parked.id])
      for id in [queued.id, child.id, parked.id] {
        let job = try await broker.find(id)
        #expect(job.state == .failed)
        #expect(job.failure?.code == "not_started_in_time")
        #expect(job.startedAt == nil)
      }
      #expect(try await broker.find(scheduled.id).state == .scheduled, "its time has not begun")
      #expect(try await broker.takeAll() == [unlimited.id])
      #expect(try await broker.maintain().expired.isEmpty, "once")
    }
  }

  @Test("holds a start limit for the first start only", arguments: Backend.allCases)
  func startedOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let released = try await broker.accept(.example { $0.startWithin = .milliseconds(300) })
      let failed = try await broker.accept(.example { $0.startWithin = .milliseconds(300) })
      let taken = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      try await broker.end(taken[0].lease, .release)
      try await broker.end(taken[1].lease, .fail(.example, retry: .after(.seconds(3600))))
      try await time.pass(.milliseconds(310))
      #expect(try await broker.maintain().expired.isEmpty)
      #expect(try await broker.find(released.id).state == .queued)
      #expect(try await broker.find(failed.id).state == .retrying)
    }
  }

  @Test("gives a job that runs again its time to start anew", arguments: Backend.allCases)
  func startLimitAnew(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.startWithin = .milliseconds(300) })
      try await time.pass(.milliseconds(310))
      #expect(try await broker.maintain().expired == [job.id])
      let again = try await broker.retry(job.id)
      #expect(again.state == .queued)
      #expect(try #require(again.startBy) > again.createdAt + .milliseconds(310))
      #expect(try await broker.next()?.lease.job == job.id)
      #expect(try await broker.maintain().expired.isEmpty)
    }
  }

  @Test("fails what takes too long in all, wherever it waits", arguments: Backend.allCases)
  func totalLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let limit = Duration.milliseconds(300)
      let retrying = try await broker.accept(.example { $0.totalTimeout = limit })
      let released = try await broker.accept(.example { $0.totalTimeout = limit })
      let taken = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      try await broker.end(taken[0].lease, .fail(.example, retry: .after(.seconds(3600))))
      try await broker.end(taken[1].lease, .release)
      let queued = try await broker.accept(.example { $0.totalTimeout = limit })
      let scheduled = try await broker.accept(
        .example {
          $0.totalTimeout = limit
          $0.start = .after(.seconds(3600))
        })
      try await time.pass(limit + .milliseconds(10))
      let expected: Set = [retrying.id, released.id, queued.id]
      #expect(Set(try await broker.maintain().expired) == expected)
      for id in expected {
        let job = try await broker.find(id)
        #expect(job.state == .failed)
        #expect(job.failure?.code == "total_timeout")
      }
      #expect(try await broker.find(scheduled.id).state == .scheduled)
      #expect(try await broker.next() == nil)
    }
  }

  @Test(
    "stops a running job that takes too long in all", arguments: Backend.allCases,
    [
      Settlement.fail(.example, retry: .after(.zero)), .release, .cancel(.example),
    ])
  func totalLimitRunning(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.totalTimeout = .milliseconds(200) })
      let directives = DirectiveLog()
      let subscription = try await broker.directives(for: .a) { directives.record($0) }
      let lease = try #require(try await broker.next()).lease
      try await time.pass(.milliseconds(210))
      #expect(try await broker.maintain().expired == [job.id])
      #expect(try await directives.first() == .cancel(job.id, forced: false))
      let told = try await broker.find(job.id)
      #expect(told.state == .running && told.isCancelling)
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.cancelRequested])
      #expect(try await broker.maintain().expired.isEmpty, "it is told once")
      #expect(try await broker.end(lease, settlement) == .failed)
      let ended = try await broker.find(job.id)
      #expect(ended.failure?.code == "total_timeout")
      #expect(!ended.isCancelling)
      #expect(try await broker.settle(lease, settlement) == .settled(.failed))
      await subscription.cancel()
    }
  }

  @Test("lets a job that completes too late be completed", arguments: Backend.allCases)
  func totalLimitCompleted(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.totalTimeout = .milliseconds(50) })
      let lease = try #require(try await broker.next()).lease
      try await time.pass(.milliseconds(60))
      _ = try await broker.maintain()
      #expect(try await broker.end(lease) == .completed)
      #expect(try await broker.find(job.id).failure == nil)
    }
  }

  @Test("fails a job past its total limit whose worker was lost", arguments: Backend.allCases)
  func totalLimitLost(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.totalTimeout = .milliseconds(50) })
      _ = try #require(try await broker.next(for: .milliseconds(100)))
      try await time.pass(.milliseconds(60))
      _ = try await broker.maintain()
      try await time.pass(.milliseconds(60))
      _ = try await broker.maintain()
      let ended = try await broker.find(job.id)
      #expect(ended.state == .failed)
      #expect(ended.failure?.code == "total_timeout")
    }
  }
}
