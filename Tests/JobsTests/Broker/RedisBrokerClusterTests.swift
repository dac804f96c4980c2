import EventLoop
import Redis
import Support
import Testing

@testable import Jobs

extension RedisBrokerTests {
  @Test("keeps every key in the slot of its partition, and each budget in its user's")
  func slots() async throws {
    let server = try await RedisServer.start(isCluster: true)
    var slots = RedisCommand("CLUSTER", "ADDSLOTSRANGE", "0")
    slots.append(16383)
    try await server.ask(slots)
    // A master waits a while before it serves.
    var cluster = ""
    while !cluster.contains("cluster_state:ok") {
      cluster = try await server.ask(RedisCommand("CLUSTER", "INFO")).text ?? ""
    }
    let broker = try await broker(on: server)
    // What is called comes back.
    try await server.ask(RedisCommand("FUNCTION", "FLUSH"))
    let worker = WorkerID.a
    let failing = try await broker.enqueue(.example(user: "{x}", key: "{once}")).job
    _ = try await broker.enqueue(.example(user: "bob"))
    _ = try await broker.enqueue(.example(user: "bob", maxAttempts: 1))
    let leased = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: worker)
    _ = try await broker.report(Progress(percent: 5, stage: "s"), under: leased[0].lease)
    _ = try await broker.log(["line"], under: leased[0].lease)
    #expect(leased[0].lease.job == failing.id)
    _ = try await broker.settle(
      leased[0].lease, .fail(.example, retry: .after(.seconds(60))))
    _ = try await broker.settle(leased[1].lease, .complete(.emptyObject))
    _ = try await broker.next(for: .seconds(30), by: .b)
    _ = try await broker.enqueue(.example())
    try await workOnGroups(broker)
    _ = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: .seconds(60)))
    _ = try await broker.spendRequest(of: "bob", limit: 3, window: .seconds(60))
    var rare = JobRequest.example(
      user: "bob", payload: JSONText(unchecked: Array("\"\(String(repeating: "x", count: 600))\"".utf8)))
    rare.dependencies = JobDependencies(parents: [failing.id])
    rare.uniqueKey = "{u}"
    rare.contentKey = "{c}"
    rare.totalTimeout = .seconds(600)
    _ = try await broker.enqueue(rare)
    var settings = QueueSettings()
    settings.userWindow = 1
    settings.isFair = true
    settings.completed.count = 0
    _ = try await broker.set(.video, to: settings, ifVersion: nil)
    for _ in 0..<3 { _ = try await broker.enqueue(.example(queue: .video, user: "{y}")) }
    let last = try #require(try await broker.next(from: .video)).lease
    let report = WorkerReport(
      id: worker, host: "h", process: 1, version: "1", queues: [.video], kinds: [.example], slots: 1,
      memory: 0, startedAt: .now)
    _ = try await broker.beat(report, renewing: [last], for: .seconds(30))
    try await broker.direct(worker, to: .quiet)
    #expect(try await broker.workers().map(\.jobs) == [[last.job]])
    _ = try await broker.settle(last, .complete(nil))
    let retried = try await broker.retry(failing.id)
    _ = try await broker.redrive(retried.id, to: .video)
    _ = try await broker.reprioritise(retried.id, to: .high)
    try await controlOthers(broker)
    try await controlNodes(broker)
    #expect(try await !broker.queues().isEmpty)
    _ = try await broker.statistics(of: nil, minutes: 3)
    let schedule = Schedule(
      name: ScheduleName("s")!, cron: try CronExpression("@daily"), request: .example())
    let due = Timestamp.now
    try await broker.put(schedule, next: due)
    #expect(try await broker.fire(schedule.name, due: due, request: .example(user: "{f}"), next: .now) != nil)
    try await readFeed(of: broker)
    let archived = try await broker.everything(limit: 10)
    #expect(archived.contains { $0.group != nil })
    _ = try await broker.restore(archived)
    try await restoreOthers(broker, like: archived)
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: true, after: cursor, limit: 100)
      #expect(report.findings == [])
      cursor = report.next
    } while cursor != nil
    let whole = try await broker.wholeArchive(limit: 10)
    let ledgers = whole.count { $0.ledger != nil }
    #expect(try await broker.restore(whole).restored <= ledgers, "those that follow what came in above")
    #expect(try await broker.restore(whole).restored == 0)
    await broker.passOnWork(in: [.mail, .video])
    let libraries = try await server.ask(RedisCommand("FUNCTION", "LIST")).elements ?? []
    #expect(
      Set(libraries.compactMap { $0.elements?.dropFirst().first?.text }) == Set(broker.scripts.all.map(\.name)),
      "every function was called")
    let keys = try await server.ask(RedisCommand("KEYS", "*")).elements ?? []
    let families = Set(
      keys.compactMap(\.text).compactMap { key in
        RedisKeys.Family.allCases.filter { key.hasPrefix(broker.keys.key($0)) }
          .max { $0.rawValue.utf8.count < $1.rawValue.utf8.count }
      })
    // Channels are no keys; of the rest those are missing that live for a moment.
    #expect(families.count >= 30, "\(families.count)")
    #expect(families.isSuperset(of: [.feed, .feedConsumers]))
    let ofGroups: Set<RedisKeys.Family> = [.groups, .groupJobs, .groupCallbacks, .groupIndex, .groupEnds]
    #expect(ofGroups.isSubset(of: families))
    for key in keys.compactMap(\.text) {
      #expect(key.hasPrefix("fanfare:{p0}") || key.hasPrefix("fanfare:{u:bob}"), "\(key)")
    }
    await broker.close()
  }

  /// What nodes tell each other.
  private func controlNodes(_ broker: RedisBroker) async throws {
    let report = NodeReport(
      id: NodeID("{n}"), host: "h", process: 1, version: "v", startedAt: .now, connections: 0, subscriptions: 0,
      isDraining: false, isDelivering: true, deliveryDelay: nil)
    try await broker.beat(report, for: .seconds(60))
    #expect(try await broker.nodes().map(\.id) == [report.id])
    _ = try await broker.revoke(.user("{c}"), for: .seconds(600))
    #expect(try await broker.allRevocations().count == 1)
  }

  /// The verbs of users and operators.
  private func controlOthers(_ broker: RedisBroker) async throws {
    let queue = QueueName("control")!
    func job(_ change: (inout JobRequest) -> Void = { _ in }) async throws -> JobID {
      try await broker.accept(.example(queue: queue, user: "{c}", change)).id
    }
    let first = try await job()
    let second = try await job { $0.start = .after(.seconds(600)) }
    #expect(try await broker.places(of: [first, second])[first]?.position == 1)
    #expect(try await broker.positions(of: [.job(first), .job(second)]).count == 2)
    await broker.waitForWork(in: [queue], upTo: .seconds(60))
    #expect(try await broker.promote(second).queuePosition == 2)
    #expect(try await broker.cancel(first, reason: "{r}").state == .cancelled)
    #expect(try await broker.remove(second))
    let parent = try await job()
    _ = try await job { $0.dependencies = JobDependencies(parents: [parent]) }
    let lease = try #require(try await broker.next(from: queue)).lease
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    #expect(try await broker.setMode(of: queue, to: .draining).mode == .draining)
    try await broker.end(lease)
    #expect(try await broker.setMode(of: queue, to: .active).mode == .active)
    _ = try await job { $0.start = .after(.seconds(600)) }
    #expect(try await broker.clear(queue, Set(JobState.allCases), limit: 500) == 4)
    try await broker.delete(queue)
    #expect(try await broker.jobs(matching: JobFilter(user: "{c}")).jobs.isEmpty)
    _ = try await broker.job(first)
  }

  /// Follows a job, and reads of it.
  private func readFeed(of broker: RedisBroker) async throws {
    let consumer = FeedConsumer("{c}")
    try await broker.register(consumer, bound: 10)
    try await broker.accept(.example(user: "{w}") { $0.webhooks = [Webhook("https://example.com/{a}", .all)] })
    try await broker.accept(.example { $0.isRecorded = true })
    let entries = try await broker.entries(of: consumer, by: "{h}")
    #expect(entries.count == 2)
    #expect(try await broker.commit(consumer, through: entries[0].place, holder: "{h}"))
  }

  /// A group that waits, one that is closed, and one that has ended with its callback.
  private func workOnGroups(_ broker: RedisBroker) async throws {
    let queue = QueueName("groups")!
    for user in ["{g}", "bob", "{h}"] {
      let callback = JobRequest.example(queue: queue, user: user)
      let id = try await broker.create(GroupRequest(user: user, name: "{n}", callback: callback)).id
      try await broker.accept(.example(queue: queue, user: user) { $0.group = id })
      let lease = try #require(try await broker.next(from: queue, by: .b)).lease
      _ = try await broker.report(Progress(percent: 5), under: lease)
      if user == "{g}" { try await broker.end(lease, .fail(.example, retry: .after(.seconds(60)))) }
      if user != "{g}" { _ = try await broker.close(id) }
      if user == "{h}" { try await broker.end(lease) }
      let state: JobGroup.State = user == "{h}" ? .finished : user == "bob" ? .closed : .open
      #expect(try await broker.group(id)?.state == state)
      #expect(try await broker.jobs(of: id, limit: 5, cursor: nil).jobs.count == 1)
    }
  }

  /// Takes in what an archive would hold of another broker.
  private func restoreOthers(_ broker: RedisBroker, like entries: [ArchiveEntry]) async throws {
    var others: [ArchiveEntry] = []
    for case .job(var snapshot) in entries where snapshot.job.group != nil {
      let group = GroupID()
      snapshot.job.id = JobID()
      snapshot.job.group = group
      snapshot.idempotencyKey = nil
      let restored = JobGroup(
        id: group, user: snapshot.job.user, counts: [.completed: 3], weight: 3, weightedPermille: 3000,
        createdAt: .now, position: StreamPosition(offset: 7, epoch: "0badcafe"))
      others += [.job(snapshot), .group(restored, callback: .example())]
    }
    #expect(try await broker.restore(others).restored == others.count)
    try await broker.discard(others.compactMap(\.snapshot).map(\.job.id))
  }
}
