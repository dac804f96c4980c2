import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("completes a job with its result", arguments: Backend.allCases)
  func complete(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 12, stage: "encoding"), under: lease)
      let result = JSONText(unchecked: Array(#"{"bytes":18446744073709551616}"#.utf8))
      #expect(try await broker.end(lease, .complete(result)) == .completed)
      let ended = try #require(try await broker.job(job.id))
      #expect(ended.state == .completed)
      #expect(ended.progress.percent == 100)
      #expect(ended.result == result)
      #expect(ended.failure == nil)
      #expect(ended.attempt == 1)
      #expect(ended.finishedAt != nil)
      #expect(ended.payload == .emptyObject)
    }
  }

  @Test("accepts one settlement of a lease and repeats its answer", arguments: Backend.allCases)
  func doubleSettlement(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.end(lease) == .completed)
      let before = try await broker.job(job.id)
      #expect(try await broker.settle(lease, .complete(nil)) == .settled(.completed))
      #expect(
        try await broker.settle(lease, .fail(.example, retry: .never)) == .settled(.completed))
      #expect(try await broker.job(job.id) == before, "a repeat changes nothing")
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.lost])
    }
  }

  @Test("accepts one of many simultaneous settlements", arguments: Backend.allCases)
  func settlementRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      let lease = try #require(try await broker.next()).lease
      let outcomes = try await withThrowingTaskGroup(of: SettlementOutcome.self) { group in
        for number in 0..<20 {
          group.addTask {
            try await broker.settle(
              lease,
              number.isMultiple(of: 2) ? .complete(nil) : .fail(.example, retry: .never))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(outcomes).count == 1, "all hear of the one that counted")
      try await log.eventsUntilEnd()
      _ = try await broker.cancel(job.id, reason: nil)
      #expect(await log.events.count { $0.state.isTerminal } == 1)
      await subscription.cancel()
    }
  }

  @Test("a token that did not end the job hears that its lease is lost", arguments: Backend.allCases)
  func endedByAnother(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let failure = Settlement.fail(.example, retry: .after(.seconds(600)))
      #expect(try await broker.end(lease, failure) == .retrying)
      #expect(try await broker.settle(lease, failure) == .leaseLost)
      #expect(try await broker.cancel(job.id, reason: nil).state == .cancelled)
      #expect(try await broker.settle(lease, failure) == .leaseLost)
    }
  }

  @Test("tries a failed job again while attempts are left", arguments: Backend.allCases)
  func retries(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept(.example(maxAttempts: 3))
      for attempt in 1...3 {
        let leased = try #require(try await broker.next())
        #expect(leased.attempt == attempt)
        let state = try await broker.end(leased.lease, .fail(.example, retry: .after(.zero)))
        #expect(state == (attempt < 3 ? .retrying : .failed))
      }
      let ended = try #require(try await broker.job(job.id))
      #expect(ended.state == .failed)
      #expect(ended.failure == .example)
      #expect(ended.attempt == 3)
      #expect(ended.finishedAt != nil)
      #expect(try await broker.next() == nil)
    }
  }

  @Test("waits with the next attempt as long as the worker says", arguments: Backend.allCases)
  func ownDelay(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let failedAt = time.now()
      #expect(
        try await broker.end(lease, .fail(.example, retry: .after(.milliseconds(400)))) == .retrying)
      let retrying = try #require(try await broker.job(job.id))
      #expect(retrying.state == .retrying)
      #expect(retrying.failure == .example)
      #expect(retrying.queuePosition == nil)
      let early = try await broker.next()
      if time.now() < failedAt + .milliseconds(300) { #expect(early == nil) }
      try await time.pass(.milliseconds(400))
      // On a busy machine the early look may have come late, and have got it.
      let second = if let early { early } else { try await broker.next() }
      #expect(second?.attempt == 2)
    }
  }

  @Test(
    "keeps a job from everybody for the time that a worker asks for, the attempt uncounted", arguments: Backend.allCases
  )
  func snooze(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example(maxAttempts: 1))
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 12), under: lease)
      let snoozedAt = time.now()
      #expect(try await broker.end(lease, .snooze(for: .milliseconds(400))) == .scheduled)
      let snoozed = try await broker.find(job.id)
      #expect(snoozed.state == .scheduled && snoozed.attempt == 0 && snoozed.worker == nil)
      #expect(snoozed.progress == Progress() && snoozed.failure == nil)
      #expect(try #require(snoozed.dueAt) >= snoozedAt + .milliseconds(400))
      #expect(try await broker.settle(lease, .complete(nil)) == .leaseLost)
      let early = try await broker.next()
      if time.now() < snoozedAt + .milliseconds(300) { #expect(early == nil) }
      try await time.pass(.milliseconds(410))
      let next = try await (early, broker.next())
      let second = try #require(next.0 ?? next.1)
      #expect(second.attempt == 1 && second.lease.token > lease.token)
      // One that was cancelled meanwhile has ended.
      _ = try await broker.cancel(job.id, reason: "enough")
      #expect(try await broker.end(second.lease, .snooze(for: .seconds(1))) == .cancelled)
      let events = try await log.eventsUntilEnd()
      #expect(events.contains { $0.state == .scheduled && $0.reason == "snoozed" && $0.attempt == 0 })
      #expect(events.last?.failure?.message.contains("enough") == true)
      await subscription.cancel()
    }
  }

  @Test("takes back the first start of a job that is snoozed", arguments: Backend.jumping)
  func undoneStart(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.startWithin = .seconds(100) })
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      func statistics() async throws -> QueueStatistics { try await broker.statistics(of: .mail, minutes: 60) }
      try await time.pass(.seconds(5))
      let accepted = try await statistics()
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.find(job.id).startedAt != nil)
      #expect(try await statistics().wait.count == 1)
      #expect(try await broker.end(lease, .snooze(for: .seconds(10))) == .scheduled)
      let snoozed = try await broker.find(job.id)
      #expect(snoozed.startedAt == nil && snoozed.startBy == job.startBy)
      #expect(try await statistics() == accepted)
      try await time.pass(.seconds(60))
      let again = try #require(try await broker.next(for: .seconds(60))).lease
      let waited = try #require(try await statistics().wait.percentile(1))
      #expect(waited > .seconds(58) && waited < .seconds(75), "from its acceptance")
      try await broker.end(again, .snooze(for: .seconds(10)))
      try await time.pass(.seconds(40))
      #expect(try await broker.maintain().expired == [job.id])
      let late = try await broker.find(job.id)
      #expect(late.failure?.code == "not_started_in_time" && late.startedAt == nil)
      let last = try await statistics()
      #expect(last.wait.count == 0 && last.run.count == 0 && last.failed == 1)
      let told = try await log.eventsUntilEnd().filter { $0.reason == "snoozed" }
      #expect(told.count == 2 && told.allSatisfy { $0.startedAt == nil })
      await subscription.cancel()
    }
  }

  @Test("leaves the first start of a job that is snoozed later as it was", arguments: Backend.jumping)
  func snoozedLater(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept(.example { $0.startWithin = .seconds(100) })
      try await broker.work(.fail(.example, retry: .after(.zero)))
      let started = try #require(try await broker.find(job.id).startedAt)
      try await broker.work(.snooze(for: .seconds(1)))
      #expect(try await broker.find(job.id).startedAt == started)
      try await time.pass(.seconds(200))
      #expect(try await broker.maintain().expired.isEmpty)
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.cancel(job.id, reason: nil)
      #expect(try await broker.end(lease, .snooze(for: .seconds(1))) == .cancelled)
      #expect(try await broker.find(job.id).startedAt == started)
      let statistics = try await broker.statistics(of: .mail, minutes: 60)
      #expect(statistics.wait.count == 1)
      #expect(statistics.run.count == 2, "one that was to stop, and did, was a run")
    }
  }

  @Test("waits with the next attempt as the policy says", arguments: Backend.allCases)
  func policyDelay(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.accept()
      let short = RetryPolicy(base: .milliseconds(100), cap: .milliseconds(100), jitter: 0)
      let first = try #require(try await broker.next()).lease
      #expect(try await broker.end(first, .fail(.example, retry: .byPolicy(short))) == .retrying)
      try await time.pass(.milliseconds(100))
      let second = try #require(try await broker.next()).lease
      let long = RetryPolicy(base: .seconds(600), cap: .seconds(6000), jitter: 0)
      #expect(try await broker.end(second, .fail(.example, retry: .byPolicy(long))) == .retrying)
      #expect(try await broker.next() == nil)
    }
  }

  @Test("does not try again what cannot succeed", arguments: Backend.allCases)
  func noRetry(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept(.example(maxAttempts: 5))
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.end(lease, .fail(.example, retry: .never)) == .failed)
      #expect(try await broker.job(job.id)?.failure == .example)
    }
  }

  @Test("takes a released job back to the front, its attempt uncounted", arguments: Backend.allCases)
  func release(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept(.example(maxAttempts: 1))
      try await broker.accept()
      let urgent = try await broker.accept(.example(priority: .high))
      _ = try #require(try await broker.next())
      let first = try #require(try await broker.next())
      #expect(first.lease.job == job.id)
      #expect(try await broker.end(first.lease, .release) == .queued)
      let released = try #require(try await broker.job(job.id))
      #expect(released.attempt == 0)
      #expect(released.lostDeliveries == 0)
      #expect(released.queuePosition == 1)
      let again = try #require(try await broker.next())
      #expect(again.lease.job == job.id)
      #expect(again.attempt == 1)
      #expect(again.lease.job != urgent.id)
    }
  }

  @Test("puts jobs that come back in the order they were accepted", arguments: Backend.allCases)
  func returnOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var ids: [JobID] = []
      for _ in 0..<4 { ids.append(try await broker.accept().id) }
      let leased = try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a)
      for lease in [leased[1], leased[2], leased[0]].map(\.lease) {
        try await broker.end(lease, .release)
      }
      let again = try await broker.lease(from: [.mail], limit: 4, for: .seconds(30), by: .a)
      #expect(again.map(\.lease.job) == ids)
    }
  }

  @Test("refuses a result over the limit and keeps the lease", arguments: Backend.allCases)
  func resultLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      func result(_ count: Int) -> JSONText {
        JSONText(unchecked: Array("\"\(String(repeating: "x", count: count - 2))\"".utf8))
      }
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      await #expect(throws: BrokerError.reportTooLarge(limit: Settlement.resultLimit)) {
        try await broker.settle(lease, .complete(result(Settlement.resultLimit + 1)))
      }
      #expect(try await broker.job(job.id)?.state == .running)
      let largest = result(Settlement.resultLimit)
      #expect(try await broker.end(lease, .complete(largest)) == .completed)
      #expect(try await broker.job(job.id)?.result == largest)
    }
  }

  @Test("cuts the message of a failure at 4 KiB", arguments: Backend.allCases)
  func failureMessage(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let failure = JobFailure(code: "big", message: String(repeating: "é", count: 5000))
      try await broker.end(lease, .fail(failure, retry: .never))
      let kept = try #require(try await broker.job(job.id)?.failure)
      #expect(kept.code == "big")
      #expect(kept.message.utf8.count <= 4096)
      #expect(kept.message.utf8.count > 4000)
      #expect(kept.message.allSatisfy { $0 == "é" }, "no character is cut in two")
    }
  }
}
