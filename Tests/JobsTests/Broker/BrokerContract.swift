import EventLoop
import Jobs
import Testing

/// The prose of `Broker.swift` as assertions, run on each backend. One file a theme.
///
/// Where the prose leaves a choice that callers could notice, the choice is written here too: a job
/// that is released, lost or tried again comes back in the order of its first acceptance.
@Suite("Every broker", .timeLimit(.minutes(2)))
struct BrokerContract {
  @Test("accepts a job: queued, first event, nothing begun", arguments: Backend.allCases)
  func acceptance(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let payload = JSONText(unchecked: Array(#"{"n":12345678901234567890,"é":"\u0041"}"#.utf8))
      let request = JobRequest(
        queue: .video, kind: .example, user: "alice", payload: payload, priority: .high,
        maxAttempts: 7, timeout: .seconds(90))
      let acceptance = try await broker.enqueue(request)
      #expect(!acceptance.isReplay)
      let job = try #require(try await broker.job(request.id))
      #expect(job == acceptance.job)
      #expect(job.id == request.id)
      #expect(job.queue == .video)
      #expect(job.kind == .example)
      #expect(job.user == "alice")
      #expect(job.state == .queued)
      #expect(job.priority == .high)
      #expect(job.attempt == 0)
      #expect(job.maxAttempts == 7)
      #expect(job.timeout == .seconds(90))
      #expect(job.lostDeliveries == 0)
      #expect(job.position.offset == 1)
      #expect(job.position.epoch.utf8.count == 8)
      #expect(job.queuePosition == 1)
      #expect(job.payload == .inline(payload), "a payload passes through byte for byte")
      #expect(job.progress == Progress())
      #expect(!job.isStalled && !job.isCancelling)
      #expect(job.startedAt == nil && job.finishedAt == nil)
      #expect(job.result == nil && job.failure == nil)
    }
  }

  @Test("carries a payload up to the limit and refuses one over it", arguments: Backend.allCases)
  func payloadLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      func payload(_ count: Int) -> JSONText {
        JSONText(unchecked: Array("\"\(String(repeating: "x", count: count - 2))\"".utf8))
      }
      let largest = JobRequest.example(payload: payload(JobRequest.payloadLimit))
      try await broker.accept(largest)
      #expect(try await broker.job(largest.id)?.payload == largest.payload)

      let tooLarge = JobRequest.example(payload: payload(JobRequest.payloadLimit + 1))
      await #expect(throws: BrokerError.payloadTooLarge(limit: JobRequest.payloadLimit)) {
        try await broker.enqueue(tooLarge)
      }
      #expect(try await broker.job(tooLarge.id) == nil)
    }
  }

  @Test("answers a repeated key with the earlier job as it stands", arguments: Backend.allCases)
  func idempotencyReplay(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(.example(key: "k"))
      let leased = try #require(try await broker.next())
      try await broker.end(leased.lease)

      let again = try await broker.enqueue(.example(key: "k"))
      #expect(again.isReplay)
      #expect(again.job.id == first.id)
      #expect(again.job.state == .completed)
      #expect(try await broker.next() == nil, "a replay queues nothing")
      #expect(try await broker.allJobs(matching: JobFilter()).count == 1)
    }
  }

  @Test("refuses a key with another request, and scopes keys to users", arguments: Backend.allCases)
  func idempotencyConflict(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(.example(key: "k"))
      let other = JSONText(unchecked: Array(#"{"other":true}"#.utf8))
      await #expect(throws: BrokerError.idempotencyKeyReused) {
        try await broker.enqueue(.example(payload: other, key: "k"))
      }
      await #expect(throws: BrokerError.idempotencyKeyReused) {
        try await broker.enqueue(.example(priority: .high, key: "k"))
      }
      let bobs = try await broker.enqueue(.example(user: "bob", key: "k"))
      #expect(!bobs.isReplay)
      #expect(bobs.job.id != first.id)
    }
  }

  @Test("keeps apart users and keys that read the same when joined", arguments: Backend.allCases)
  func idempotencyScope(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for (user, key) in [("a", "b:c"), ("a:b", "c"), ("a:", "b:c"), ("a b", "c"), ("a", "b c")] {
        let acceptance = try await broker.enqueue(.example(user: user, key: key))
        #expect(!acceptance.isReplay)
      }
    }
  }

  @Test("accepts one of many simultaneous submissions with a key", arguments: Backend.allCases)
  func idempotencyRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let acceptances = try await withThrowingTaskGroup(of: Acceptance.self) { group in
        for _ in 0..<20 { group.addTask { try await broker.enqueue(.example(key: "k")) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(acceptances.count { !$0.isReplay } == 1)
      #expect(Set(acceptances.map(\.job.id)).count == 1)
    }
  }

  @Test("takes a submission twice under one id as one", arguments: Backend.allCases)
  func repeatedID(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let request = JobRequest.example()
      #expect(try await !broker.enqueue(request).isReplay)
      let leased = try #require(try await broker.next())
      let again = try await broker.enqueue(request)
      #expect(again.isReplay)
      #expect(again.job.state == .running)
      #expect(again.job.attempt == leased.attempt)
      #expect(try await broker.next() == nil)
    }
  }

  @Test("knows nothing of an unknown id", arguments: Backend.allCases)
  func unknownID(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let id = JobID()
      let lease = Lease(
        job: id, queue: .mail, worker: .a, token: 1, deadline: time.now() + .seconds(30))
      let unknown = try await broker.job(id)
      #expect(unknown == nil)
      #expect(try await broker.logLines(of: id).isEmpty)
      await #expect(throws: BrokerError.jobNotFound) { try await broker.cancel(id, reason: nil) }
      #expect(try await broker.extend([lease], for: .seconds(1)) == [.lost])
      #expect(try await broker.report(Progress(percent: 1), under: lease).standing == .lost)
      #expect(try await broker.log(["line"], under: lease) == .lost)
      #expect(try await broker.settle(lease, .complete(nil)) == .leaseLost)
    }
  }

  @Test("says that it is available", arguments: Backend.allCases)
  func availability(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      #expect(await broker.isAvailable())
      #expect(await broker.isDelivering)
    }
  }

  @Test("refuses every change once it was closed", arguments: Backend.allCases)
  func closed(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      await broker.close()
      #expect(await !broker.isAvailable())
      await #expect(throws: BrokerError.unavailable) { try await broker.enqueue(.example()) }
      await #expect(throws: BrokerError.unavailable) { try await broker.next() }
    }
  }
}
