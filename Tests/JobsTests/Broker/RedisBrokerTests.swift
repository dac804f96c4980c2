import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The Redis broker", .timeLimit(.minutes(2))) @EventLoop struct RedisBrokerTests {
  private func broker(on server: RedisServer) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  @Test("goes on after Redis forgot the scripts")
  func forgottenScripts() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let job = try await broker.enqueue(.example()).job
    try await server.ask(RedisCommand("SCRIPT", "FLUSH"))
    let lease = try #require(try await broker.next()).lease
    #expect(lease.job == job.id)
    try await server.ask(RedisCommand("SCRIPT", "FLUSH"))
    #expect(try await broker.settle(lease, .complete(nil)) == .settled(.completed))
    await broker.close()
  }

  @Test("refuses at once while Redis is away")
  func away() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    #expect(await broker.isAvailable())
    await server.kill()
    await #expect(throws: BrokerError.unavailable) { _ = try await broker.enqueue(.example()) }
    #expect(await !broker.isAvailable())
    try await server.restart()
    await broker.client.waitUntilConnected(upTo: .seconds(30))
    _ = try await broker.enqueue(.example())
    await broker.close()
  }

  @Test("loses nothing it acknowledged when Redis is killed under load")
  func killedUnderLoad() async throws {
    let server = try await RedisServer.start(appendOnly: .always)
    let broker = try await broker(on: server)
    let accepted = Arrivals<JobID>()
    let settled = Arrivals<JobID>()
    let submitters = (1...8).map { _ in
      Task { @EventLoop in
        while let job = try? await broker.enqueue(.example()).job { accepted.append(job.id) }
      }
    }
    let workers = (1...2).map { _ in
      Task { @EventLoop in
        while true {
          do throws(BrokerError) {
            // Nothing to lease means that the submitters are behind, not that they ended.
            guard let leased = try await broker.next() else { continue }
            _ = try await broker.settle(leased.lease, .complete(nil))
            settled.append(leased.lease.job)
          } catch {
            return
          }
        }
      }
    }
    try await accepted.values(atLeast: 300)
    try await settled.values(atLeast: 50)
    await server.kill()
    for task in submitters + workers { await task.value }
    try await server.restart()
    await broker.client.waitUntilConnected(upTo: .seconds(30))
    #expect(accepted.values.count >= 300)
    var found: [JobID: Job] = [:]
    for start in stride(from: 0, to: accepted.values.count, by: 500) {
      let ids = Array(accepted.values[start..<min(start + 500, accepted.values.count)])
      for job in try await broker.read(ids, withPayload: true) { found[job.id] = job }
    }
    let missing = accepted.values.filter { found[$0]?.payload == nil }
    #expect(missing.isEmpty)
    let unsettled = settled.values.filter { found[$0]?.state != .completed }
    #expect(unsettled.isEmpty)
    await broker.close()
  }

  @Test("reads watched jobs anew after the subscriber connection was killed")
  func reconciling() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let watched = try await broker.enqueue(.example()).job
    let other = try await broker.enqueue(.example(user: "bob")).job
    let own = Arrivals<Delivery>()
    let users = Arrivals<Delivery>()
    _ = try await broker.subscribe(to: .job(watched.id)) { own.append($0) }
    _ = try await broker.subscribe(to: .user("bob")) { users.append($0) }
    let cancelled = try await broker.subscribe(to: .job(other.id)) { own.append($0) }
    cancelled.cancel()
    #expect(broker.isDelivering)
    try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
    let snapshots = try await own.values(atLeast: 1)
    guard case .snapshot(let snapshot) = snapshots[0] else {
      Issue.record("the first delivery is no snapshot")
      return
    }
    #expect(snapshot.id == watched.id && snapshot.state == .queued)
    #expect(snapshot.position == watched.position)
    guard case .snapshot(let bobs) = try await users.values(atLeast: 1)[0] else {
      Issue.record("the first delivery to the user is no snapshot")
      return
    }
    #expect(bobs.id == other.id)
    _ = try await broker.cancel(watched.id, reason: nil)
    let deliveries = try await own.values(atLeast: 2)
    guard case .event(let event) = deliveries[1] else {
      Issue.record("the second delivery is no event")
      return
    }
    #expect(event.state == .cancelled && event.position.offset == 2)
    #expect(broker.isDelivering)
    #expect(own.values.count == 2)
    await broker.close()
  }

  @Test("says when delivery is interrupted, and when what was missed has been delivered")
  func deliveryTold() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let watched = try await broker.enqueue(.example()).job
    let own = Arrivals<Delivery>()
    _ = try await broker.subscribe(to: .job(watched.id)) { own.append($0) }
    let told = Arrivals<[Int: Bool]>()
    broker.whenDeliveryChanges { [unowned broker] in
      told.append([own.values.count: broker.isDelivering(on: .job(watched.id))])
    }
    try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
    #expect(try await told.values(atLeast: 2) == [[0: false], [1: true]], "with the snapshot before it")
    await broker.close()
  }

  @Test("makes up for what happened while the source was away")
  func missedEvents() async throws {
    let server = try await RedisServer.start(appendOnly: .always)
    let broker = try await broker(on: server)
    let job = try await broker.enqueue(.example()).job
    let deliveries = Arrivals<Delivery>()
    _ = try await broker.subscribe(to: .job(job.id)) { deliveries.append($0) }
    await server.kill()
    let waiting = Arrivals<Delivery>()
    async let late = broker.subscribe(to: .user("alice")) { waiting.append($0) }
    try await server.restart()
    _ = try await late
    let first = try await deliveries.values(atLeast: 1)[0]
    guard case .snapshot(let snapshot) = first else {
      Issue.record("the first delivery is no snapshot")
      return
    }
    #expect(snapshot.id == job.id)
    await broker.client.waitUntilConnected(upTo: .seconds(30))
    _ = try await broker.cancel(job.id, reason: nil)
    // Who subscribed while Redis was away missed nothing that was promised: no snapshot, the event.
    guard case .event(let event) = try await waiting.values(atLeast: 1)[0] else {
      Issue.record("a subscription that never stood got a snapshot")
      return
    }
    #expect(event.state == .cancelled)
    await broker.close()
  }

  @Test("wakes a worker that waits, each job one")
  func waking() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let returns = Arrivals<Int>()
    let waiters = (1...3).map { number in
      Task { @EventLoop in
        await broker.waitForWork(in: [.mail, .default], upTo: .seconds(60))
        returns.append(number)
      }
    }
    var waiting = ""
    while !waiting.contains("blocked_clients:3") {
      waiting = try await server.ask(RedisCommand("INFO", "clients")).text ?? ""
    }
    _ = try await broker.enqueue(.example())
    let first = try await returns.values(atLeast: 1)
    #expect(first.count == 1)
    for waiter in waiters { waiter.cancel() }
    for waiter in waiters { await waiter.value }
    await broker.close()
  }

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
    #expect(try await !broker.queues().isEmpty)
    _ = try await broker.statistics(of: nil, minutes: 3)
    let schedule = Schedule(
      name: ScheduleName("s")!, cron: try CronExpression("@daily"), request: .example())
    try await broker.put(schedule, next: .now)
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
    let keys = try await server.ask(RedisCommand("KEYS", "*")).elements ?? []
    let families = Set(
      keys.compactMap(\.text).compactMap { key in
        RedisKeys.Family.allCases.filter { key.hasPrefix(broker.keys.key($0)) }
          .max { $0.rawValue.utf8.count < $1.rawValue.utf8.count }
      })
    // Channels are no keys; of the rest those are missing that live for a moment.
    #expect(families.count >= 30, "\(families.count)")
    let ofGroups: Set<RedisKeys.Family> = [.groups, .groupJobs, .groupCallbacks, .groupIndex, .groupEnds]
    #expect(ofGroups.isSubset(of: families))
    for key in keys.compactMap(\.text) {
      #expect(key.hasPrefix("fanfare:{p0}") || key.hasPrefix("fanfare:{u:bob}"), "\(key)")
    }
    await broker.close()
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

  @Test("two brokers share one Redis: what one does the other tells")
  func fleet() async throws {
    let server = try await RedisServer.start()
    let first = try await broker(on: server)
    let second = try await broker(on: server)
    let request = JobRequest.example()
    let heard = Arrivals<Delivery>()
    _ = try await second.subscribe(to: .job(request.id)) { heard.append($0) }
    let directives = Arrivals<WorkerDirective>()
    _ = try await second.directives(for: .a) { directives.append($0) }
    _ = try await first.enqueue(request)
    let lease = try #require(try await second.next()).lease
    _ = try await first.cancel(request.id, reason: "changed my mind")
    #expect(try await directives.values(atLeast: 1) == [.cancel(request.id, forced: false)])
    #expect(try await second.extend([lease], for: .seconds(30)) == [.cancelRequested])
    _ = try await second.settle(lease, .release)
    let events = try await heard.values(atLeast: 4).map { delivery -> JobState? in
      if case .event(let event) = delivery { event.state } else { nil }
    }
    #expect(events == [.queued, .running, .running, .cancelled])
    let job = try await first.job(request.id)
    #expect(job?.failure?.message == "changed my mind")
    await first.close()
    await second.close()
  }
}

@Suite("The keys of the Redis broker") struct RedisKeysTests {
  @Test("carry the partition's hash tag, and differ")
  func tags() {
    let keys = RedisKeys(prefix: "jobs:", partition: 12)
    let names = RedisKeys.Family.allCases.map { keys.key($0) }
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.hasPrefix("jobs:{p12}") })
    #expect(keys.constants["JOB_EVENTS"] == "\"jobs:{p12}v:\"")
  }
}

@Suite("A packed list") struct PackedTests {
  @Test("gives back any texts")
  func roundTrip() {
    let texts: [[UInt8]] = [[], Array("a:b".utf8), (0...255).map { UInt8($0) }]
    var list = Packed(Packed.pack(texts[0], texts[1], texts[2]))
    for text in texts { #expect(list.next().map(Array.init) == text) }
    #expect(list.next() == nil)
  }

  @Test("ends where it is broken", arguments: ["", "3", "3:ab", "x:ab", "-1:ab", ":"])
  func broken(_ text: String) {
    var list = Packed(text.utf8)
    #expect(list.next() == nil)
  }

  @Test("an event without an end is no event")
  func brokenEvent() { #expect(JobEvent(message: Array("12:s w 1 0 1 -1 0".utf8)) == nil) }
}
