import EventLoop
import Jobs
import Testing

extension BrokerContract {
  /// Ends a job of «mail» in this state.
  private func end(in state: JobState, on broker: any Broker) async throws -> JobID {
    try await job(in: state, on: broker).id
  }

  @Test(
    "keeps the newest of ended jobs, exactly as many as it should", arguments: Backend.allCases,
    [JobState.completed, .failed, .cancelled])
  func keepCount(_ backend: Backend, _ state: JobState) async throws {
    try await backend.withBroker { broker in
      try await broker.change {
        let rule = RetentionRule(age: .seconds(86_400), count: 10)
        switch state {
        case .completed: $0.completed = rule
        case .failed: $0.failed = rule
        default: $0.cancelled = rule
        }
      }
      let other = try await end(in: state == .completed ? .failed : .completed, on: broker)
      var ended: [JobID] = []
      for number in 1...15 {
        ended.append(try await end(in: state, on: broker))
        #expect(try await broker.find().counts[state] == min(number, 10))
      }
      #expect(try await broker.allJobs(matching: JobFilter(states: [state])).map(\.id) == ended.suffix(10).reversed())
      for id in ended.prefix(5) {
        #expect(try await broker.job(id) == nil)
        #expect(try await broker.logLines(of: id).isEmpty)
      }
      #expect(try await broker.job(other) != nil, "each state has its own bound")
      let totals = try await broker.find().totals
      #expect(totals.completed + totals.failed + totals.cancelled == 16, "what was done stays counted")
    }
  }

  @Test("keeps none where none are to be kept", arguments: Backend.allCases)
  func keepNone(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.completed.count = 0 }
      let job = try await broker.accept(.example(key: "k"))
      let child = try await broker.accept(.child(of: [job.id], queue: .video))
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.end(lease) == .completed)
      #expect(try await broker.job(job.id) == nil)
      #expect(try await broker.find(child.id).state == .queued, "its end was an end")
      #expect(try await broker.allJobs(matching: JobFilter(queue: .mail)).isEmpty)
      #expect(try await broker.find().totals.completed == 1)
    }
  }

  @Test("counts what it keeps of each queue for itself", arguments: Backend.allCases)
  func keepPerQueue(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.completed.count = 1 }
      for queue in [QueueName.mail, .video, .mail, .video] {
        try await broker.accept(.example(queue: queue))
        try await broker.work(in: queue)
      }
      #expect(try await broker.find(.mail).counts[.completed] == 1)
      #expect(try await broker.find(.video).counts[.completed] == 2)
    }
  }

  @Test("keeps the newest by their end, not by their acceptance", arguments: Backend.allCases)
  func keepNewestEnded(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.completed.count = 1 }
      for _ in 0..<2 { try await broker.accept() }
      let taken = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      try await broker.end(taken[1].lease)
      try await time.pass(.milliseconds(2))
      try await broker.end(taken[0].lease)
      #expect(try await broker.job(taken[1].lease.job) == nil)
      #expect(try await broker.find(taken[0].lease.job).state == .completed)
    }
  }

  @Test("holds a new bound without another end, the newest kept", arguments: Backend.allCases)
  func changedBound(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var ended: [JobID] = []
      for _ in 0..<5 { ended.append(try await end(in: .completed, on: broker)) }
      let failed = try await end(in: .failed, on: broker)
      try await broker.change { $0.completed.count = 2 }
      #expect(try await broker.maintain(limit: 2).pruned == 2)
      #expect(try await broker.maintain().pruned == 1)
      #expect(try await broker.maintain().pruned == 0)
      #expect(try await broker.find().counts[.completed] == 2)
      for id in ended[3...] + [failed] { #expect(try await broker.job(id) != nil) }
      try await broker.change { $0.completed.count = nil }
      for _ in 0..<3 { _ = try await end(in: .completed, on: broker) }
      #expect(try await broker.find().counts[.completed] == 5)
    }
  }

  @Test("judges what ended before by the age that is set now", arguments: Backend.allCases)
  func changedAge(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.failed = RetentionRule(age: .milliseconds(50)) }
      let lengthened = try await end(in: .failed, on: broker)
      let shortened = [try await end(in: .completed, on: broker), try await end(in: .completed, on: broker)]
      try await broker.change { $0.failed = RetentionRule(age: .seconds(3600)) }
      try await time.pass(.milliseconds(60))
      #expect(try await broker.maintain().pruned == 0)
      try await broker.change { $0.completed = RetentionRule(age: .milliseconds(50)) }
      #expect(try await broker.maintain().pruned == 2)
      for id in shortened { #expect(try await broker.job(id) == nil) }
      #expect(try await broker.find(lengthened).state == .failed)
    }
  }

  @Test("forgets what was kept long enough", arguments: Backend.allCases)
  func keepAge(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.completed = RetentionRule(age: .milliseconds(200), count: 10) }
      let done = [
        try await end(in: .completed, on: broker), try await end(in: .completed, on: broker),
      ]
      let failed = try await end(in: .failed, on: broker)
      try await time.pass(.milliseconds(210))
      #expect(try await broker.maintain().pruned == 2)
      for id in done { #expect(try await broker.job(id) == nil) }
      #expect(try await broker.find().counts[.completed] ?? 0 == 0)
      #expect(try await broker.job(failed) != nil)
      #expect(try await broker.maintain().pruned == 0)
    }
  }

  @Test("forgets no more than it was asked to in one call", arguments: Backend.allCases)
  func pruneLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.failed = RetentionRule(age: .milliseconds(100)) }
      for _ in 0..<5 { try await broker.accept(.example(maxAttempts: 1)) }
      for leased in try await broker.lease(from: [.mail], limit: 5, for: .seconds(30), by: .a) {
        try await broker.end(leased.lease, .fail(.example, retry: .never))
      }
      try await time.pass(.milliseconds(110))
      var pruned: [Int] = []
      for _ in 0..<4 { pruned.append(try await broker.maintain(limit: 2).pruned) }
      #expect(pruned == [2, 2, 1, 0])
    }
  }

  @Test("keeps each end as long as its queue says", arguments: Backend.jumping)
  func standardAges(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let completed = try await end(in: .completed, on: broker)
      let cancelled = try await end(in: .cancelled, on: broker)
      let failed = try await end(in: .failed, on: broker)
      try await time.pass(.seconds(86_340))
      _ = try await broker.maintain()
      #expect(try await broker.job(completed) != nil)
      #expect(try await broker.job(cancelled) != nil)
      try await time.pass(.seconds(60))
      _ = try await broker.maintain()
      #expect(try await broker.job(completed) == nil)
      #expect(try await broker.job(cancelled) == nil)
      #expect(try await broker.job(failed) != nil)
      try await time.pass(.seconds(6 * 86_400))
      _ = try await broker.maintain()
      #expect(try await broker.job(failed) == nil)
    }
  }

  @Test("forgets nothing that runs again", arguments: Backend.allCases)
  func retainedAgain(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.failed = RetentionRule(age: .milliseconds(200)) }
      let id = try await end(in: .failed, on: broker)
      _ = try await broker.retry(id)
      try await time.pass(.milliseconds(210))
      #expect(try await broker.maintain().pruned == 0)
      #expect(try await broker.find(id).state == .queued)
      #expect(try await broker.next()?.payload == .emptyObject)
    }
  }
}
