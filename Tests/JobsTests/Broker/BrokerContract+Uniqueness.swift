import EventLoop
import Jobs
import Testing

extension BrokerContract {
  /// The ways in which the holder of a key ends, each with whether it completed.
  static let endings: [(Settlement, completes: Bool)] = [
    (.complete(nil), true), (.fail(.example, retry: .never), false), (.cancel(.example), false),
  ]

  private func unique(
    _ key: String, user: String = "alice", queue: QueueName = .mail
  ) -> JobRequest {
    .example(queue: queue, user: user) { $0.uniqueKey = key }
  }

  private func content(
    _ key: String, user: String = "alice", queue: QueueName = .mail, kind: JobKind = .example
  ) -> JobRequest {
    .example(queue: queue, user: user) {
      $0.kind = kind
      $0.contentKey = key
    }
  }

  @Test("says by what it found the earlier job", arguments: Backend.allCases)
  func matches(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let request = JobRequest.example(key: "k") {
        $0.uniqueKey = "u"
        $0.contentKey = "c"
      }
      let first = try await broker.enqueue(request)
      #expect(first.match == nil)
      var same = JobRequest.example(key: "k") {
        $0.uniqueKey = "u"
        $0.contentKey = "c"
      }
      #expect(try await broker.enqueue(same).match == .idempotencyKey)
      same.idempotencyKey = "other"
      #expect(try await broker.enqueue(same).match == .uniqueKey)
      same.idempotencyKey = nil
      same.uniqueKey = "v"
      let last = try await broker.enqueue(same)
      #expect(last.match == .contentKey)
      #expect(last.job == first.job, "as it stands")
      #expect(try await broker.enqueue(request).match == .id)
      #expect(try await broker.find().totals.accepted == 1)
    }
  }

  @Test("answers a repeated id with the earlier job, whatever else was sent", arguments: Backend.allCases)
  func repeatedIDOtherContent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(.example(key: "k"))
      let other = JSONText(unchecked: Array(#"{"other":true}"#.utf8))
      let again = try await broker.enqueue(
        .example(queue: .video, user: "bob", priority: .high, payload: other, key: "k") { $0.id = first.id })
      #expect(again.match == .id)
      #expect(again.job == first)
      #expect(try await broker.queue(.video) == nil)
      let bobs = try await broker.enqueue(.example(user: "bob", payload: other, key: "k"))
      #expect(!bobs.isReplay, "the repeat did not use the key")
    }
  }

  @Test("answers while the holder of a unique key has not ended", arguments: Backend.allCases)
  func uniqueKey(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(unique("u"))
      func demandHeld(_ state: JobState) async throws {
        let again = try await broker.enqueue(unique("u"))
        #expect(again.match == .uniqueKey)
        #expect(again.job.id == first.id)
        #expect(again.job.state == state)
      }
      try await demandHeld(.queued)
      let lease = try #require(try await broker.next()).lease
      try await demandHeld(.running)
      try await broker.end(lease, .fail(.example, retry: .after(.seconds(3600))))
      try await demandHeld(.retrying)
      #expect(try await broker.allJobs(matching: JobFilter()).count == 1)
    }
  }

  @Test("frees a unique key with the end of its holder, whatever it was", arguments: Backend.allCases)
  func uniqueKeyFreed(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for (ending, _) in Self.endings {
        #expect(try await !broker.enqueue(unique("u")).isReplay)
        try await broker.work(ending)
      }
      let queued = try await broker.accept(unique("u"))
      _ = try await broker.cancel(queued.id, reason: nil)
      let removed = try await broker.enqueue(unique("u"))
      #expect(!removed.isReplay)
      #expect(try await broker.remove(removed.job.id))
      #expect(try await !broker.enqueue(unique("u")).isReplay)
    }
  }

  @Test("keeps unique keys of users and queues apart", arguments: Backend.allCases)
  func uniqueKeyScope(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for (user, queue, key) in [
        ("alice", QueueName.mail, "u"), ("bob", .mail, "u"), ("alice", .video, "u"),
        ("alice", .mail, "v"), ("alice:mail", .mail, "u"), ("alice", .mail, "mail:u"),
        ("alice", .mail, "é\u{0}"), ("alice", .mail, "é"),
      ] {
        let acceptance = try await broker.enqueue(unique(key, user: user, queue: queue))
        #expect(!acceptance.isReplay)
      }
    }
  }

  @Test("accepts one of many simultaneous jobs with a unique key", arguments: Backend.allCases)
  func uniqueKeyRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let acceptances = try await withThrowingTaskGroup(of: Acceptance.self) { group in
        for _ in 0..<20 { group.addTask { try await broker.enqueue(unique("u")) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(acceptances.count { !$0.isReplay } == 1)
      #expect(Set(acceptances.map(\.job.id)).count == 1)
    }
  }

  @Test("does not run a job again while another has its unique key", arguments: Backend.allCases)
  func uniqueKeyAtRetry(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(unique("u"))
      try await broker.work()
      let second = try await broker.accept(unique("u"))
      await #expect(throws: BrokerError.uniqueKeyTaken(second.id)) { try await broker.retry(first.id) }
      #expect(try await broker.find(first.id).state == .completed)
      try await broker.work()
      #expect(try await broker.retry(first.id).state == .queued)
      let again = try await broker.enqueue(unique("u"))
      #expect(again.match == .uniqueKey)
      #expect(again.job.id == first.id, "who runs again has its key again")
      await #expect(throws: BrokerError.uniqueKeyTaken(first.id)) { try await broker.retry(second.id) }
    }
  }

  @Test("takes a unique key along to another queue", arguments: Backend.allCases)
  func uniqueKeyMoves(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(unique("u"))
      let other = try await broker.accept(unique("u", queue: .video))
      await #expect(throws: BrokerError.uniqueKeyTaken(other.id)) {
        try await broker.redrive(first.id, to: .video)
      }
      #expect(try await broker.find(first.id).queue == .mail)
      try await broker.work(in: .video)
      _ = try await broker.redrive(first.id, to: .video)
      #expect(try await broker.enqueue(unique("u", queue: .video)).job.id == first.id)
      #expect(try await !broker.enqueue(unique("u")).isReplay, "free where it was")
    }
  }

  @Test("frees the key of an ended job where it was when it moves", arguments: Backend.allCases)
  func uniqueKeyOfEndedMoves(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept(unique("u"))
      try await broker.work()
      #expect(try await broker.redrive(job.id, to: .video).state == .queued)
      #expect(try await broker.enqueue(unique("u", queue: .video)).job.id == job.id)
      let next = try await broker.enqueue(unique("u"))
      #expect(!next.isReplay, "it is not there any more")
      try await broker.work(in: .video)
      #expect(try await broker.redrive(job.id, to: .default).state == .queued)
      try await broker.work(in: .default)
      _ = try await broker.redrive(job.id, to: .video)
      try await broker.work(in: .video)
      let holder = try await broker.accept(unique("u", queue: .video))
      _ = try await broker.redrive(job.id, to: .default)
      #expect(try await broker.enqueue(unique("u", queue: .video)).job.id == holder.id, "another has it there")
      #expect(try await broker.enqueue(unique("u")).job.id == next.job.id)
    }
  }

  @Test("answers with a job that has the content key and has not ended, or completed", arguments: Backend.allCases)
  func contentKey(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for (ending, completes) in Self.endings.reversed() {
        let first = try await broker.enqueue(content("c"))
        #expect(!first.isReplay)
        #expect(try await broker.enqueue(content("c", queue: .video)).job.id == first.job.id)
        try await broker.work(ending)
        guard completes else { continue }
        let again = try await broker.enqueue(content("c"))
        #expect(again.match == .contentKey)
        #expect(again.job.id == first.job.id)
        #expect(again.job.state == .completed)
        #expect(try await broker.remove(first.job.id))
        #expect(try await !broker.enqueue(content("c")).isReplay, "forgotten, it is no answer")
      }
    }
  }

  @Test("answers with a job that ran again as long as it may be an answer", arguments: Backend.allCases)
  func contentKeyAgain(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(content("c")).id
      _ = try await broker.cancel(first, reason: nil)
      let second = try await broker.accept(content("c")).id
      #expect(second != first)
      _ = try await broker.retry(first)
      _ = try await broker.cancel(second, reason: nil)
      func answer() async throws -> JobID { try await broker.enqueue(content("c")).job.id }
      #expect(try await answer() == first, "it waits again")
      _ = try await broker.redrive(second, to: .video)
      try await broker.work(in: .video)
      #expect([first, second].contains(try await answer()))
      #expect(try await broker.remove(first))
      #expect(try await answer() == second, "it completed beside the first")
      #expect(try await broker.remove(second))
      #expect(try await !broker.enqueue(content("c")).isReplay)
    }
  }

  @Test("keeps content keys of users and kinds apart", arguments: Backend.allCases)
  func contentKeyScope(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for request in [
        content("c"), content("c", user: "bob"), content("c", kind: JobKind("other")!), content("d"),
      ] {
        let acceptance = try await broker.enqueue(request)
        #expect(!acceptance.isReplay)
      }
    }
  }

  @Test("frees an idempotency key with the job it led to", arguments: Backend.allCases)
  func idempotencyOfForgotten(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(.example(key: "k"))
      #expect(try await broker.remove(first.id))
      let second = try await broker.enqueue(.example(priority: .high, key: "k"))
      #expect(!second.isReplay)
      #expect(try await broker.enqueue(.example(priority: .high, key: "k")).job.id == second.job.id)
    }
  }

  @Test("forgets an idempotency key after a day", arguments: Backend.jumping)
  func idempotencyLifetime(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let first = try await broker.accept(.example(key: "k"))
      try await time.pass(.seconds(86_400 - 60))
      #expect(try await broker.enqueue(.example(key: "k")).job.id == first.id)
      try await time.pass(.seconds(60))
      let second = try await broker.enqueue(.example(priority: .high, key: "k"))
      #expect(!second.isReplay)
    }
  }

  @Test("notes nothing of a submission that was answered with an earlier job", arguments: Backend.allCases)
  func matchChangesNothing(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept(unique("u"))
      var answered = unique("u")
      answered.idempotencyKey = "k"
      answered.contentKey = "c"
      #expect(try await broker.enqueue(answered).match == .uniqueKey)
      let other = JobRequest.example(priority: .high, key: "k") { $0.contentKey = "c" }
      #expect(try await !broker.enqueue(other).isReplay)
    }
  }
}
