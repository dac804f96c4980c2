import EventLoop
import Logging
import Support
import Testing

@testable import Jobs
@testable import Redis

@Suite("The Redis broker", .timeLimit(.minutes(2))) @EventLoop struct RedisBrokerTests {
  func broker(on server: RedisServer) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  @Test("goes on after Redis lost the functions")
  func lostFunctions() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let job = try await broker.enqueue(.example()).job
    try await server.ask(RedisCommand("FUNCTION", "FLUSH"))
    let lease = try #require(try await broker.next()).lease
    #expect(lease.job == job.id)
    try await server.ask(RedisCommand("FUNCTION", "FLUSH"))
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
      for (id, answer) in try await broker.read(ids, withPayload: true) { found[id] = try answer.get() }
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
    while !broker.isDelivering { await EventLoop.pause(for: .milliseconds(5)) }
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
    // It cannot take: another is woken, one for the one job.
    await broker.passOnWork(in: [.default, .mail])
    #expect(try await returns.values(atLeast: 2).count == 2)
    // Nothing is there to be had: nobody is woken.
    _ = try await broker.setMode(of: .mail, to: .paused)
    await broker.passOnWork(in: [.default, .mail])
    let token = RedisCommand("LLEN", broker.keys.key(.wake, "mail"))
    #expect(try await server.ask(token).integer == 0)
    #expect(returns.values.count == 2)
    for waiter in waiters { waiter.cancel() }
    for waiter in waiters { await waiter.value }
    await broker.close()
  }

  @Test("extends leases after a silence in pieces, and all of them")
  func manyPardons() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let rules = LossRules(amnesty: .seconds(60))
    let count = RedisKeys.pardons + 3
    for _ in 0..<count { try await broker.accept() }
    #expect(try await broker.lease(from: [.mail], limit: count, for: .zero, by: .a).count == count)
    /// Nobody looked for longer than that.
    func fallSilent() async throws {
      try await server.ask(RedisCommand("HSET", broker.keys.key(.numbers), "reaped", "1"))
    }
    try await fallSilent()
    func step() async throws -> Int64? {
      let answer = try await broker.run(broker.scripts.reap) { command in
        for word in ["10", "3", "60000", "0", "lost"] { command.append(word) }
      }
      return answer.elements?.first?.integer
    }
    #expect(try await step() == Int64(RedisKeys.pardons))
    #expect(try await step() == 3)
    try await fallSilent()
    let leases = try await broker.allJobs(matching: JobFilter(states: [.running], limit: 200))
    #expect(leases.count == count && leases.allSatisfy { !$0.isStalled })
    let report = try await broker.maintain(limit: 10, rules)
    #expect(report.pardoned == 0 && report.requeued.isEmpty, "none is overdue")
    await broker.close()
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
