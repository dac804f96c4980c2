import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("cancels a queued job at once", arguments: Backend.allCases)
  func cancelQueued(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let cancelled = try await broker.cancel(job.id, reason: "not needed any more")
      #expect(cancelled.state == .cancelled)
      #expect(cancelled.failure?.code == "cancelled")
      #expect(cancelled.failure?.message == "not needed any more")
      #expect(cancelled.finishedAt != nil)
      #expect(!cancelled.isCancelling)
      #expect(try await broker.next() == nil)
    }
  }

  @Test("cancels a job that waits for its next attempt at once", arguments: Backend.allCases)
  func cancelRetrying(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      try await broker.end(lease, .fail(.example, retry: .after(.milliseconds(50))))
      #expect(try await broker.cancel(job.id, reason: nil).state == .cancelled)
      try await time.pass(.milliseconds(60))
      #expect(try await broker.next() == nil)
    }
  }

  @Test("asks the worker of a running job to stop, now and at each renewal", arguments: Backend.allCases)
  func cancelRunning(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let directives = DirectiveLog()
      let foreign = DirectiveLog()
      let subscriptions = [
        try await broker.directives(for: .a) { directives.record($0) },
        try await broker.directives(for: .b) { foreign.record($0) },
      ]
      let lease = try #require(try await broker.next(by: .a)).lease
      let asked = try await broker.cancel(job.id, reason: "not needed")
      #expect(asked.state == .running)
      #expect(asked.isCancelling)
      #expect(try await directives.first() == .cancel(job.id, forced: false))

      #expect(try await broker.extend([lease], for: .seconds(30)) == [.cancelRequested])
      #expect(try await broker.report(Progress(percent: 5), under: lease).standing == .cancelRequested)
      #expect(try await broker.log(["stopping"], under: lease) == .cancelRequested)
      let stopped = JobFailure(code: "cancelled", message: "It was stopped.")
      #expect(try await broker.end(lease, .cancel(stopped)) == .cancelled)
      let ended = try #require(try await broker.job(job.id))
      #expect(ended.state == .cancelled)
      #expect(ended.failure == JobFailure(code: "cancelled", message: "not needed"))
      #expect(!ended.isCancelling)
      #expect(await foreign.directives.isEmpty)
      for subscription in subscriptions { await subscription.cancel() }
    }
  }

  @Test("says once that a job is being cancelled", arguments: Backend.allCases)
  func cancelTwice(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      let lease = try #require(try await broker.next()).lease
      let first = try await broker.cancel(job.id, reason: nil)
      let second = try await broker.cancel(job.id, reason: nil)
      #expect(first.position == second.position)
      try await broker.end(lease, .cancel(.example))
      try await log.eventsUntilEnd()
      let events = await log.events
      #expect(events.count { $0.reason == "cancelling" } == 1)
      let told = try #require(events.first { $0.reason == "cancelling" })
      #expect(told.class == .state && told.state == .running && told.isCancelling)
      await subscription.cancel()
    }
  }

  @Test("lets a job that completes all the same be completed", arguments: Backend.allCases)
  func completedWins(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.cancel(job.id, reason: nil)
      #expect(try await broker.end(lease, .complete(nil)) == .completed)
      let ended = try #require(try await broker.job(job.id))
      #expect(ended.state == .completed)
      #expect(!ended.isCancelling)
    }
  }

  @Test(
    "makes a cancelled job that fails or is released cancelled", arguments: Backend.allCases,
    [
      Settlement.fail(.example, retry: .after(.zero)), .fail(.example, retry: .never), .release,
    ])
  func cancelBeatsFailure(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.cancel(job.id, reason: "enough")
      #expect(try await broker.end(lease, settlement) == .cancelled)
      let ended = try #require(try await broker.job(job.id))
      #expect(ended.state == .cancelled)
      #expect(ended.failure?.code == "cancelled")
      #expect(try await broker.settle(lease, settlement) == .settled(.cancelled))
      #expect(try await broker.next() == nil)
    }
  }

  @Test(
    "leaves an ended job as it ended", arguments: Backend.allCases,
    [
      Settlement.complete(nil), .fail(.example, retry: .never), .cancel(.example),
    ])
  func cancelEnded(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      try await broker.end(lease, settlement)
      let before = try #require(try await broker.job(job.id))
      let after = try await broker.cancel(job.id, reason: "too late")
      #expect(after.state == before.state)
      #expect(after.failure == before.failure)
      #expect(after.position == before.position)
    }
  }

  @Test(
    "cancels at once whatever waits", arguments: Backend.allCases,
    [JobState.scheduled, .blocked, .queued, .retrying])
  func cancelWaiting(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let job = try await job(in: state, on: broker)
      let cancelled = try await broker.cancel(job.id, reason: "not needed", forced: true)
      #expect(cancelled.state == .cancelled)
      #expect(cancelled.failure == JobFailure(code: "cancelled", message: "not needed"))
      #expect(cancelled.position.offset == job.position.offset + 1, "one event")
      #expect(try await broker.find(job.id) == cancelled)
      #expect(try await broker.find().waiting == 0)
    }
  }

  @Test("cancels a parked job without touching its user's others", arguments: Backend.allCases)
  func cancelParked(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let holder = try await broker.accept()
      let parked = [try await broker.accept(), try await broker.accept()]
      #expect(try await broker.cancel(parked[0].id, reason: nil).state == .cancelled)
      #expect(try await broker.find(parked[1].id).state == .blocked)
      #expect(try await broker.cancel(holder.id, reason: nil).state == .cancelled)
      #expect(try await broker.find(parked[1].id).state == .queued)
    }
  }

  @Test("has a worker kill at once when forced, even if it was asked before", arguments: Backend.allCases)
  func forcedCancel(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let directives = DirectiveLog()
      let subscription = try await broker.directives(for: .a) { directives.record($0) }
      let lease = try #require(try await broker.next()).lease
      let asked = try await broker.cancel(job.id, reason: "first", forced: false)
      #expect(try await directives.first() == .cancel(job.id, forced: false))
      let forced = try await broker.cancel(job.id, reason: "second", forced: true)
      #expect(try await directives.first() == .cancel(job.id, forced: true))
      #expect(asked.position == forced.position, "it was told before")
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.cancelRequested])
      #expect(try await broker.end(lease, .release) == .cancelled)
      #expect(try await broker.find(job.id).failure?.message == "first")
      await subscription.cancel()
    }
  }

  @Test(
    "ends a cancelled job with the reason that was given", arguments: Backend.allCases,
    [
      Settlement.fail(.example, retry: .after(.zero)), .fail(.example, retry: .never), .release,
      .cancel(.example),
    ])
  func cancelReason(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.cancel(job.id, reason: "the client hung up")
      #expect(try await broker.end(lease, settlement) == .cancelled)
      #expect(
        try await broker.find(job.id).failure
          == JobFailure(code: "cancelled", message: "the client hung up"))
    }
  }
}

/// The directives a worker was given.
@EventLoop
final class DirectiveLog {
  private(set) var directives: [WorkerDirective] = []
  private let arrivals = AsyncStream<WorkerDirective>.makeStream()

  func record(_ directive: WorkerDirective) {
    directives.append(directive)
    arrivals.continuation.yield(directive)
  }

  /// The first directive, waited for.
  func first() async throws -> WorkerDirective {
    for await directive in arrivals.stream { return directive }
    throw CancellationError()
  }
}
