import EventLoop
import Jobs
import Support
import Testing

@Suite("An embedded broker after a crash", .timeLimit(.minutes(1)))
struct EmbeddedRestartTests {
  private let place = BrokerFolder()

  /// Settings with nothing left as it comes.
  private static func settings() -> QueueSettings {
    var settings = QueueSettings()
    settings.type = "RENDER"
    settings.description = "what \"it\" does, é"
    settings.concurrency = 3
    settings.userWindow = 4
    settings.maxWaiting = 500
    settings.order = .lifo
    settings.ageing = .seconds(60)
    settings.isFair = true
    settings.defaults.maxAttempts = 7
    settings.defaults.retry = RetryPolicy(
      growth: .fixed, base: .seconds(5), cap: .seconds(9), jitter: 0.25)
    settings.defaults.timeout = .seconds(11)
    settings.defaults.startWithin = .seconds(1200)
    settings.defaults.totalTimeout = .seconds(1300)
    settings.completed = RetentionRule(age: .seconds(14), count: 15)
    settings.failed = RetentionRule(age: .seconds(16), count: 0)
    settings.cancelled = RetentionRule(age: .seconds(18))
    return settings
  }

  @Test("has every setting of every queue, its mode and what it did")
  func queues() async throws {
    let broker = try await place.open()
    _ = try await broker.set(.mail, to: Self.settings(), ifVersion: 0)
    _ = try await broker.set(.mail, to: Self.settings(), ifVersion: 1)
    for (number, mode) in QueueMode.allCases.enumerated() {
      let name = try #require(QueueName("q\(number)"))
      try await broker.accept(.example(queue: name))
      _ = try await broker.next(from: name)
      place.clock.advance(by: .seconds(1))
      _ = try await broker.setMode(of: name, to: mode)
    }
    for settlement in [
      Settlement.complete(nil), .fail(.example, retry: .never), .cancel(.example),
      .fail(.example, retry: .after(.seconds(60))),
    ] {
      try await broker.accept(.example(queue: .video))
      place.clock.advance(by: .seconds(3))
      try await broker.work(settlement, in: .video)
    }
    let before = try await broker.queues()
    let statistics = try await broker.statistics(of: .video, minutes: 60)
    let copy = try await place.openCrashCopy()
    let after = try await copy.queues()
    #expect(after.map(\.name) == before.map(\.name))
    for (after, before) in zip(after, before) {
      #expect(after.settings == before.settings)
      #expect(after.version == before.version)
      #expect(after.createdAt == before.createdAt)
      #expect(after.lastFinishedAt == before.lastFinishedAt)
      #expect(after.lastFailedAt == before.lastFailedAt && after.lastFailure == before.lastFailure)
      var totals = before.totals
      totals.lost = before.running
      #expect(after.totals == totals, "what ran was lost with the process")
    }
    #expect(after.first { $0.name == .mail }?.version == 2)
    #expect(
      after.filter { $0.name.description.hasPrefix("q") }.map(\.mode)
        == [.active, .paused, .paused, .drainingBacklog], "nothing runs any more")
    #expect(try await copy.statistics(of: .video, minutes: 60) == statistics)
    #expect(statistics.accepted == 4 && statistics.wait.count == 4 && statistics.run.count == 4)
    await copy.close()
    await broker.close()
  }

  @Test("has jobs in every state as they stood, and all that they wait for")
  func states() async throws {
    let broker = try await place.open()
    try await broker.change(.video) { $0.userWindow = 1 }
    let parent = try await broker.accept()
    let child = try await broker.accept(.child(of: [parent.id], whenOneFails: .fail))
    let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(100)) })
    let first = try await broker.accept(.example(queue: .video))
    let parked = try await broker.accept(.example(queue: .video))
    let limited = try await broker.accept(
      .example {
        $0.startWithin = .seconds(50)
        $0.totalTimeout = .seconds(60)
        $0.timeout = .seconds(40)
        $0.maxAttempts = nil
        $0.retry = RetryPolicy(growth: .fixed, base: .seconds(5), cap: .seconds(5), jitter: 0)
      })
    let ids = [parent, child, scheduled, first, parked, limited].map(\.id)
    var before: [Job] = []
    for id in ids { before.append(try await broker.find(id)) }
    #expect(before.map(\.state) == [.queued, .blocked, .scheduled, .queued, .blocked, .queued])

    let copy = try await place.openCrashCopy()
    for (id, job) in zip(ids, before) { #expect(try await copy.find(id) == job) }
    #expect(try await copy.work(in: .video) == first.id)
    #expect(try await copy.find(parked.id).state == .queued, "its user has room")
    let lease = try #require(try await copy.next()).lease
    #expect(lease.job == parent.id)
    try await copy.end(lease, .fail(.example, retry: .never))
    #expect(try await copy.find(child.id).failure?.code == "parent_failed")
    place.clock.advance(by: .seconds(50))
    #expect(try await copy.maintain().expired == [limited.id])
    place.clock.advance(by: .seconds(50))
    #expect(try await copy.maintain().promoted == 1)
    #expect(try await copy.next()?.lease.job == scheduled.id)
    await copy.close()
    await broker.close()
  }

  @Test("knows every key, and which are free again")
  func keys() async throws {
    let broker = try await place.open()
    func request(_ change: (inout JobRequest) -> Void) -> JobRequest { .example(change) }
    let unique = try await broker.accept(request { $0.uniqueKey = "u" })
    let done = try await broker.accept(
      request {
        $0.priority = .high
        $0.uniqueKey = "done"
        $0.contentKey = "c"
      })
    #expect(try await broker.work() == done.id)
    let copy = try await place.openCrashCopy()
    #expect(try await copy.enqueue(request { $0.uniqueKey = "u" }).job.id == unique.id)
    #expect(try await !copy.enqueue(request { $0.uniqueKey = "done" }).isReplay)
    let content = try await copy.enqueue(request { $0.contentKey = "c" })
    #expect(content.job.id == done.id && content.match == .contentKey)
    await copy.close()
    await broker.close()
  }

  @Test("keeps the turns of users in a fair queue, and its place in time")
  func fairness() async throws {
    let broker = try await place.open()
    try await broker.change { $0.isFair = true }
    for _ in 0..<6 { try await broker.accept(.example(user: "alice")) }
    for _ in 0..<3 { try await broker.work() }
    let copy = try await place.openCrashCopy()
    for _ in 0..<2 { try await copy.accept(.example(user: "bob")) }
    try await copy.accept(.example(user: "alice"))
    let users = try await copy.lease(from: [.mail], limit: 9, for: .seconds(30), by: .a).map(\.user)
    #expect(users.first == "bob")
    #expect(Set(users[1...2]) == ["alice", "bob"])
    #expect(users[3...].allSatisfy { $0 == "alice" } && users.count == 6)
    await copy.close()
    await broker.close()
  }

  @Test("ends jobs as they were asked to end while they ran")
  func asked() async throws {
    let broker = try await place.open()
    let cancelled = try await broker.accept()
    let removed = try await broker.accept()
    let late = try await broker.accept(.example { $0.totalTimeout = .seconds(5) })
    _ = try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a)
    _ = try await broker.cancel(cancelled.id, reason: "enough")
    #expect(try await !broker.remove(removed.id))
    place.clock.advance(by: .seconds(5))
    #expect(try await broker.maintain().expired == [late.id])
    let copy = try await place.openCrashCopy()
    #expect(try await copy.find(cancelled.id).failure?.message == "enough")
    #expect(try await copy.job(removed.id) == nil)
    let ended = try await copy.find(late.id)
    #expect(ended.state == .failed && ended.failure?.code == "total_timeout")
    await copy.close()
    await broker.close()
  }

  @Test("has forgotten what was forgotten: jobs, logs and queues")
  func forgotten() async throws {
    let broker = try await place.open()
    let job = try await broker.accept(.example(queue: .video))
    let lease = try #require(try await broker.next(from: .video)).lease
    _ = try await broker.log(["line"], under: lease)
    try await broker.end(lease)
    #expect(try await broker.remove(job.id))
    try await broker.delete(.video)
    // Under the same id: another job, with a number of its own.
    let again = JobRequest.example()
    var request = again
    request.id = job.id
    try await broker.accept(request)
    let copy = try await place.openCrashCopy()
    #expect(try await copy.queue(.video) == nil)
    #expect(try await copy.find(job.id).queue == .mail)
    #expect(try await copy.logLines(of: job.id).isEmpty)
    #expect(try await copy.statistics(of: .video, minutes: 5).accepted == 0)
    #expect(try await copy.allJobs(matching: JobFilter()).count == 1)
    await copy.close()
    await broker.close()
  }
}
