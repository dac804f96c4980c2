import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("forgets a job and all that is kept of it", arguments: Backend.allCases, still)
  func removal(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .user("alice")) { log.record($0) }
      let job = try await job(in: state, on: broker)
      #expect(try await broker.remove(job.id))
      #expect(try await broker.job(job.id) == nil)
      #expect(try await broker.logLines(of: job.id).isEmpty)
      #expect(try await broker.places(of: [job.id]).isEmpty)
      #expect(try await broker.allJobs(matching: JobFilter(queue: .mail)).isEmpty)
      await #expect(throws: BrokerError.jobNotFound) { try await broker.remove(job.id) }
      let status = try await broker.find()
      #expect(status.counts.values.allSatisfy { $0 == 0 })
      #expect(status.totals.cancelled == (state == .completed || state == .failed ? 0 : 1))
      #expect(try await broker.next() == nil)
      let ends = try await log.events { $0.contains { $0.id == job.id && $0.state.isTerminal } }
      #expect(ends.count { $0.id == job.id && $0.state.isTerminal } == 1, "its watchers hear of its end")
      await subscription.cancel()
    }
  }

  @Test("accepts the id of a removed job anew", arguments: Backend.allCases)
  func removedID(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let request = JobRequest.example(key: "k") {
        $0.uniqueKey = "u"
        $0.contentKey = "c"
      }
      try await broker.accept(request)
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.log(["a line"], under: lease)
      try await broker.end(lease, .complete(JSONText(unchecked: Array("1".utf8))))
      #expect(try await broker.remove(request.id))
      #expect(try await broker.settle(lease, .complete(nil)) == .leaseLost)
      try await time.pass(.milliseconds(1))
      let anew = try await broker.enqueue(request)
      #expect(!anew.isReplay)
      #expect(anew.job.state == .queued && anew.job.attempt == 0 && anew.job.result == nil)
      #expect(try await broker.logLines(of: request.id).isEmpty)
      let next = try #require(try await broker.next()).lease
      #expect(next.token > lease.token)
      #expect(try await broker.settle(lease, .complete(nil)) == .leaseLost)
    }
  }

  @Test(
    "stops a running job with force and forgets it when it ends", arguments: Backend.allCases,
    [Settlement.complete(nil), .fail(.example, retry: .after(.zero)), .release, .cancel(.example)])
  func removeRunning(_ backend: Backend, _ settlement: Settlement) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept(.example(key: "k"))
      let directives = DirectiveLog()
      let subscription = try await broker.directives(for: .a) { directives.record($0) }
      let lease = try #require(try await broker.next()).lease
      #expect(try await !broker.remove(job.id))
      #expect(try await directives.first() == .cancel(job.id, forced: true))
      let told = try await broker.find(job.id)
      #expect(told.state == .running && told.isCancelling)
      #expect(try await !broker.remove(job.id), "not yet")
      #expect(try await broker.extend([lease], for: .seconds(30)) == [.cancelRequested])
      let state: JobState = settlement == .complete(nil) ? .completed : .cancelled
      #expect(try await broker.end(lease, settlement) == state)
      #expect(try await broker.job(job.id) == nil)
      #expect(try await broker.allJobs(matching: JobFilter()).isEmpty)
      #expect(try await !broker.enqueue(.example(key: "k")).isReplay)
      await subscription.cancel()
    }
  }

  @Test("forgets a removed job whose worker is lost", arguments: Backend.allCases)
  func removeLost(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next(for: .milliseconds(100))).lease
      #expect(try await !broker.remove(job.id))
      try await time.pass(.milliseconds(110))
      #expect(try await broker.maintain().cancelled == [job.id])
      #expect(try await broker.job(job.id) == nil)
      #expect(try await broker.settle(lease, .cancel(.example)) == .leaseLost)
    }
  }

  @Test("clears states of a queue, a bounded number at a time", arguments: Backend.allCases)
  func clear(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<7 { try await broker.accept() }
      try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      let other = try await broker.accept(.example(queue: .video))
      let running = try #require(try await broker.next()).lease
      var cleared: [Int] = []
      repeat {
        cleared.append(try await broker.clear(.mail, [.queued, .running], limit: 4))
      } while cleared.last == 4 && cleared.count < 5
      #expect(cleared == [4, 2])
      #expect(try await broker.clear(.mail, [.queued], limit: 4) == 0)
      let status = try await broker.find()
      #expect(status.counts[.queued] ?? 0 == 0)
      #expect(status.running == 1, "what runs is left alone")
      #expect(status.counts[.scheduled] == 1, "what was not named is left alone")
      #expect(status.totals.cancelled == 6)
      #expect(try await broker.find(other.id).state == .queued)
      #expect(try await broker.end(running) == .completed)
    }
  }

  @Test("clears each state as it removes one job of it", arguments: Backend.allCases, still)
  func clearState(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      let kept = try await job(in: state == .completed ? .failed : .completed, on: broker)
      let jobs = [try await job(in: state, on: broker), try await job(in: state, on: broker)]
      #expect(try await broker.clear(.mail, [state], limit: 500) == 2)
      for job in jobs { #expect(try await broker.job(job.id) == nil) }
      #expect(try await broker.find(kept.id) == kept)
      #expect(try await broker.find().waiting == 0)
    }
  }

  @Test("clears parked jobs and those that take their places", arguments: Backend.allCases)
  func clearParked(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 2 }
      for _ in 0..<6 { try await broker.accept() }
      #expect(try await broker.clear(.mail, [.blocked], limit: 500) == 4)
      #expect(try await broker.find().counts[.queued] == 2)
      for _ in 0..<4 { try await broker.accept() }
      var rounds = 0
      while try await broker.find().waiting > 0, rounds < 10 {
        _ = try await broker.clear(.mail, [.blocked, .queued], limit: 500)
        rounds += 1
      }
      #expect(try await broker.find().waiting == 0)
    }
  }

  @Test(
    "clears all that was blocked, whatever became of it with its parent", arguments: Backend.allCases,
    ParentFailureRule.allCases)
  func clearFamily(_ backend: Backend, _ rule: ParentFailureRule) async throws {
    try await backend.withBroker { broker in
      let root = try await broker.accept(.example(queue: .video))
      let parent = try await broker.accept(.child(of: [root.id]))
      for _ in 0..<2 { try await broker.accept(.child(of: [parent.id], whenOneFails: rule)) }
      let elsewhere = try await broker.accept(.child(of: [parent.id], whenOneFails: rule, queue: .video))
      #expect(try await broker.clear(.mail, [.blocked], limit: 500) == 3)
      let left = try await broker.allJobs(matching: JobFilter())
      #expect(Set(left.map(\.id)) == [root.id, elsewhere.id])
      #expect(try await broker.find().waiting == 0)
      #expect(try await broker.next() == nil)
    }
  }

  @Test("clears nothing of a queue that nobody named", arguments: Backend.allCases)
  func clearUnknown(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let cleared = try await broker.clear(.mail, Set(JobState.allCases), limit: 500)
      #expect(cleared == 0)
      #expect(try await broker.queue(.mail) == nil)
    }
  }
}
