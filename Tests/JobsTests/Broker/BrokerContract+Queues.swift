import EventLoop
import Jobs
import Testing

extension BrokerContract {
  /// Settings that differ from the defaults in every part.
  static var everySetting: QueueSettings {
    var settings = QueueSettings()
    settings.type = "RENDER"
    settings.description = "Résumés, \"quoted\" — 4 at once\n: and | more"
    settings.concurrency = 4
    settings.userWindow = 3
    settings.maxWaiting = 1000
    settings.order = .lifo
    settings.ageing = .milliseconds(1500)
    settings.isFair = true
    settings.defaults.maxAttempts = 9
    settings.defaults.retry = RetryPolicy(
      growth: .fixed, base: .milliseconds(1500), cap: .seconds(60), jitter: 0.25)
    settings.defaults.timeout = .seconds(61)
    settings.defaults.startWithin = .seconds(62)
    settings.defaults.totalTimeout = .seconds(63)
    settings.completed = RetentionRule(age: .seconds(64), count: 10)
    settings.failed = RetentionRule(age: .seconds(65), count: 50)
    settings.cancelled = RetentionRule(age: .seconds(66), count: 0)
    return settings
  }

  @Test("knows a queue as soon as it is named", arguments: Backend.allCases)
  func namedQueue(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      #expect(try await broker.queues().isEmpty)
      #expect(try await broker.queue(.mail) == nil)
      let job = try await broker.accept(.example(queue: .video))
      try await broker.accept(.example(queue: .mail))
      let queues = try await broker.queues()
      #expect(queues.map(\.name) == [.mail, .video], "by name")
      let video = try await broker.find(.video)
      #expect(video.settings == QueueSettings())
      #expect(video.version == 0)
      #expect(video.mode == .active)
      #expect(video.counts[.queued] == 1)
      #expect(video.totals.accepted == 1)
      #expect(video.oldestQueued == job.createdAt)
      #expect(video.lastFinishedAt == nil && video.lastFailedAt == nil && video.lastFailure == nil)
      #expect(try await broker.queue(.default) == nil)
    }
  }

  @Test("keeps every setting of a queue", arguments: Backend.allCases)
  func everySetting(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let set = try await broker.set(.mail, to: Self.everySetting, ifVersion: 0)
      #expect(set.settings == Self.everySetting)
      #expect(set.mode == .active)
      #expect(set.counts.values.allSatisfy { $0 == 0 })
      #expect(try await broker.find() == set)
      #expect(try await broker.queues() == [set])
      let cleared = try await broker.set(.mail, to: QueueSettings(), ifVersion: set.version)
      #expect(cleared.settings == QueueSettings(), "and forgets those that are taken away")
      #expect(cleared.createdAt == set.createdAt)
      #expect(cleared.updatedAt >= set.updatedAt)
    }
  }

  @Test("knows since when a queue is in its mode, whatever else is set", arguments: Backend.allCases)
  func modeSince(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let made = try await broker.set(.mail, to: QueueSettings(), ifVersion: 0)
      #expect(made.modeSince == made.createdAt)
      try await time.pass(.milliseconds(5))
      let paused = try await broker.setMode(of: .mail, to: .paused)
      #expect(paused.modeSince > made.createdAt && paused.modeSince == paused.updatedAt)
      try await time.pass(.milliseconds(5))
      let changed = try await broker.change { $0.concurrency = 2 }
      #expect(changed.updatedAt > paused.updatedAt && changed.modeSince == paused.modeSince)
      #expect(try await broker.setMode(of: .mail, to: .paused).modeSince == paused.modeSince, "again")
      #expect(try await broker.find() == changed)
      let resumed = try await broker.setMode(of: .mail, to: .active)
      #expect(resumed.modeSince > paused.modeSince)
      try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let draining = try await broker.setMode(of: .mail, to: .draining)
      try await time.pass(.milliseconds(5))
      try await broker.end(lease)
      let drained = try await broker.find()
      #expect(drained.mode == .paused && drained.modeSince > draining.modeSince)
    }
  }

  @Test("changes a queue only from what stands", arguments: Backend.allCases)
  func versions(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var settings = QueueSettings()
      await #expect(throws: BrokerError.changedMeanwhile) {
        try await broker.set(.mail, to: QueueSettings(), ifVersion: 1)
      }
      #expect(try await broker.queue(.mail) == nil)
      let first = try await broker.set(.mail, to: settings, ifVersion: 0)
      #expect(first.version > 0)
      settings.concurrency = 5
      let second = try await broker.set(.mail, to: settings, ifVersion: first.version)
      #expect(second.version > first.version)
      for stale in [0, first.version, second.version + 1] {
        await #expect(throws: BrokerError.changedMeanwhile) {
          try await broker.set(.mail, to: QueueSettings(), ifVersion: stale)
        }
      }
      #expect(try await broker.find() == second, "nothing was changed")
      settings.concurrency = 6
      let third = try await broker.set(.mail, to: settings, ifVersion: nil)
      #expect(third.version > second.version)
      #expect(third.settings.concurrency == 6)
    }
  }

  @Test("lets one of two changes win that were made of the same", arguments: Backend.allCases)
  func changeRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let version = try await broker.change { $0.concurrency = 1 }.version
      let won = await withTaskGroup(of: Bool.self) { group in
        for number in 2...9 {
          group.addTask {
            var settings = QueueSettings()
            settings.concurrency = number
            do throws(BrokerError) {
              _ = try await broker.set(.mail, to: settings, ifVersion: version)
              return true
            } catch {
              #expect(error == .changedMeanwhile)
              return false
            }
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(won == 1)
    }
  }

  @Test("sets a queue that was only named", arguments: Backend.allCases)
  func setNamed(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      var settings = QueueSettings()
      settings.type = "MAIL"
      let set = try await broker.set(.mail, to: settings, ifVersion: 0)
      #expect(set.version > 0)
      #expect(set.counts[.queued] == 1)
      #expect(set.levels[5] == 1)
      #expect(set.totals.accepted == 1)
    }
  }

  @Test("counts what is in a queue and what it did", arguments: Backend.allCases)
  func counts(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for level in [1, 1, 5, 10] { try await broker.accept(.example(priority: Priority(level)!)) }
      try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      let doomed = try await broker.accept(.example(priority: .high, maxAttempts: 1))
      _ = try await broker.cancel(doomed.id, reason: nil)
      try await broker.work()
      var status = try await broker.find()
      #expect(status.levels == [1: 2, 2: 0, 3: 0, 4: 0, 5: 1, 6: 0, 7: 0, 8: 0, 9: 0, 10: 0])
      #expect(status.waiting == 4 && status.running == 0)
      #expect(status.counts[.completed] == 1 && status.counts[.cancelled] == 1)
      try await broker.work(.fail(.example, retry: .after(.seconds(3600))))
      try await broker.work(.fail(.example, retry: .never))
      _ = try await broker.next()
      status = try await broker.find()
      #expect(status.running == 1)
      #expect(status.counts[.retrying] == 1 && status.counts[.failed] == 1)
      #expect(
        status.totals
          == {
            var totals = QueueTotals()
            totals.accepted = 6
            totals.completed = 1
            totals.failed = 1
            totals.cancelled = 1
            totals.retried = 1
            return totals
          }())
      #expect(status.lastFinishedAt != nil)
      #expect(status.lastFailedAt != nil)
      #expect(status.lastFailure?.contains(JobFailure.example.message) == true)
    }
  }

  @Test("takes no more jobs than may wait", arguments: Backend.allCases)
  func maxWaiting(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.maxWaiting = 4 }
      let parent = try await broker.accept(.example(queue: .video))
      let first = try await broker.accept(.example(key: "k"))
      try await broker.accept(.child(of: [parent.id]))
      try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      try await broker.accept(.example(maxAttempts: 2) { $0.priority = .high })
      try await broker.work(.fail(.example, retry: .after(.seconds(3600))))
      let refused = JobRequest.example(key: "l")
      await #expect(throws: BrokerError.queueFull(limit: 4)) { try await broker.enqueue(refused) }
      #expect(try await broker.job(refused.id) == nil)
      #expect(try await broker.find().totals.accepted == 4)
      #expect(try await broker.enqueue(.example(key: "k")).job.id == first.id, "a repeat is no job more")

      let lease = try #require(try await broker.next()).lease
      #expect(try await !broker.enqueue(refused).isReplay, "who runs does not wait")
      await #expect(throws: BrokerError.queueFull(limit: 4)) { try await broker.enqueue(.example()) }
      #expect(try await broker.end(lease, .release) == .queued, "who comes back is not refused")
      #expect(try await broker.find().waiting == 5)
    }
  }

  @Test("accepts no more than a bound of many at once", arguments: Backend.allCases)
  func maxWaitingRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.maxWaiting = 5 }
      let accepted = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<20 {
          group.addTask { (try? await broker.enqueue(.example())) != nil }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(accepted == 5)
    }
  }

  @Test("takes jobs while it is paused, and gives none out", arguments: Backend.allCases)
  func paused(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept()
      #expect(try await broker.setMode(of: .mail, to: .paused).mode == .paused)
      let second = try await broker.accept()
      #expect(second.state == .queued && second.queuePosition == 2)
      #expect(try await broker.takeAll().isEmpty)
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      #expect(try await broker.setMode(of: .mail, to: .active).mode == .active)
      await wait
      #expect(try await broker.takeAll() == [first.id, second.id])
    }
  }

  @Test("lets what runs go on while its queue is paused", arguments: Backend.allCases)
  func pausedWhileRunning(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept(.example(maxAttempts: 2))
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.setMode(of: .mail, to: .paused)
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
      #expect(try await broker.end(lease, .fail(.example, retry: .after(.zero))) == .retrying)
      #expect(try await broker.next() == nil)
      #expect(try await broker.find().mode == .paused)
    }
  }

  @Test("goes past a queue that gives nothing to the next one", arguments: Backend.allCases)
  func pausedAmongOthers(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept(.example(queue: .mail))
      let other = try await broker.accept(.example(queue: .video))
      _ = try await broker.setMode(of: .mail, to: .paused)
      let taken = try await broker.lease(from: [.mail, .video], limit: 5, for: .seconds(30), by: .a)
      #expect(taken.map(\.lease.job) == [other.id])
    }
  }

  @Test("knows nothing of the mode or end of a queue that nobody named", arguments: Backend.allCases)
  func unknownQueue(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for mode in QueueMode.allCases {
        await #expect(throws: BrokerError.queueNotFound) {
          _ = try await broker.setMode(of: .mail, to: mode)
        }
      }
      await #expect(throws: BrokerError.queueNotFound) { try await broker.delete(.mail) }
      let queues = try await broker.queues()
      #expect(queues.isEmpty)
    }
  }

  @Test("deletes a queue once nothing in it waits or runs", arguments: Backend.allCases)
  func deletion(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.concurrency = 9 }
      let done = try await broker.accept()
      try await broker.work()
      let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      await #expect(throws: BrokerError.queueNotEmpty(jobs: 2)) { try await broker.delete(.mail) }
      try await broker.end(lease)
      await #expect(throws: BrokerError.queueNotEmpty(jobs: 1)) { try await broker.delete(.mail) }
      _ = try await broker.cancel(scheduled.id, reason: nil)
      try await broker.delete(.mail)
      #expect(try await broker.queue(.mail) == nil)
      #expect(try await broker.queues().isEmpty)
      #expect(try await broker.find(done.id).state == .completed, "ended jobs stay for their time")
      await #expect(throws: BrokerError.queueNotFound) { try await broker.delete(.mail) }

      try await broker.accept()
      let anew = try await broker.find()
      #expect(anew.version == 0)
      #expect(anew.settings == QueueSettings())
      #expect(anew.totals.accepted == 1 && anew.totals.completed == 0)
    }
  }
}
