import EventLoop
import Jobs
import Support
import Testing

// A job that ended, or waits for its next attempt, is run again because somebody asks for it.
extension BrokerContract {
  @Test(
    "runs an ended job again as a new generation", arguments: Backend.allCases,
    [JobState.completed, .failed, .cancelled])
  func retryEnded(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .user("alice")) { log.record($0) }
      let ended = try await job(in: state, on: broker)
      let other = try await broker.accept()
      let again = try await broker.retry(ended.id)
      #expect(again.state == .queued)
      #expect(again.queuePosition == 1, "in the order of its first acceptance")
      #expect(again.attempt == 0 && again.lostDeliveries == 0)
      #expect(again.maxAttempts == ended.maxAttempts)
      #expect(again.result == nil && again.failure == nil)
      #expect(again.progress == Progress())
      #expect(again.startedAt == nil && again.finishedAt == nil)
      #expect(again.createdAt == ended.createdAt)
      #expect(again.position.offset == ended.position.offset + 1, "offsets go on")
      #expect(again.position.epoch == ended.position.epoch)
      #expect(again.payload == ended.payload)
      #expect(try await broker.takeAll() == [ended.id, other.id])
      let events = try await log.events { $0.contains { $0.reason == "retried" } }
      let told = try #require(events.first { $0.reason == "retried" })
      #expect(told.id == ended.id && told.state == .queued && told.attempt == 0)
      #expect(told.position == again.position)
      await subscription.cancel()
    }
  }

  @Test("runs an ended job again later, with a delay", arguments: Backend.allCases)
  func retryLater(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let ended = try await job(in: .failed, on: broker)
      let again = try await broker.retry(ended.id, delay: .milliseconds(200))
      #expect(again.state == .scheduled)
      #expect(try #require(again.dueAt) == again.updatedAt + .milliseconds(200))
      try await time.pass(.milliseconds(210))
      let leased = try #require(try await broker.next())
      #expect(leased.lease.job == ended.id && leased.attempt == 1)
      #expect(try await broker.end(leased.lease) == .completed)
    }
  }

  @Test("tries a job that waits for its next attempt now", arguments: Backend.allCases)
  func retryRetrying(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let retrying = try await job(in: .retrying, on: broker)
      let again = try await broker.retry(retrying.id)
      #expect(again.state == .queued)
      #expect(again.attempt == 1, "the same generation")
      #expect(try await broker.next()?.attempt == 2)
    }
  }

  @Test(
    "runs nothing again that has not ended", arguments: Backend.allCases,
    [JobState.scheduled, .blocked, .queued, .running])
  func retryUnfinished(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      await #expect(throws: BrokerError.wrongState(state)) { try await broker.retry(job.id) }
      #expect(try await broker.find(job.id) == job, "nothing was changed")
    }
  }

  @Test("refuses tokens of an earlier generation, whatever comes of the new one", arguments: Backend.allCases)
  func staleGeneration(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let old = try #require(try await broker.next()).lease
      try await broker.end(old)
      _ = try await broker.retry(job.id)
      #expect(try await broker.settle(old, .complete(nil)) == .leaseLost)
      let second = try #require(try await broker.next()).lease
      #expect(second.token > old.token)
      #expect(try await broker.settle(old, .complete(nil)) == .leaseLost)
      try await broker.end(second, .fail(.example, retry: .never))
      #expect(try await broker.settle(old, .complete(nil)) == .leaseLost)
      #expect(try await broker.settle(second, .complete(nil)) == .settled(.failed))
      _ = try await broker.retry(job.id)
      _ = try await broker.cancel(job.id, reason: nil)
      #expect(try await broker.settle(second, .complete(nil)) == .leaseLost, "it did not end this one")
      #expect(try await broker.find(job.id).state == .cancelled)
    }
  }

  @Test("tells each end of several generations once", arguments: Backend.allCases)
  func generations(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let job = try await broker.accept(.example(maxAttempts: 1))
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      for _ in 0..<3 {
        try await broker.work(.fail(.example, retry: .after(.zero)))
        _ = try await broker.cancel(job.id, reason: "too late")
        _ = try await broker.retry(job.id)
      }
      try await broker.work()
      let events = try await log.events { $0.contains { $0.state == .completed } }
      #expect(events.filter(\.state.isTerminal).map(\.state) == [.failed, .failed, .failed, .completed])
      #expect(try await broker.find().totals.failed == 3)
      #expect(try await broker.find().counts[.failed] ?? 0 == 0)
      await subscription.cancel()
    }
  }
}
