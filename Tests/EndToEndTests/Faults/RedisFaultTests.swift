import EventLoop
import Jobs
import Logging
import Redis
import Support
import Testing

/// What fails at Redis, and what happens then (docs/operations.md says it in words).
@Suite("Faults of Redis", .timeLimit(.minutes(2))) @EventLoop
struct RedisFaultTests {
  private let queue = QueueName("faults")!

  private func broker(
    on server: RedisServer, memoryLooks: Duration = .seconds(3600)
  ) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, memoryLooks: memoryLooks, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  private func request(_ key: String? = nil) -> JobRequest {
    JobRequest(queue: queue, kind: JobKind("fault")!, user: "alice", idempotencyKey: key)
  }

  private func next(_ broker: any Broker) async throws -> LeasedJob? {
    try await broker.lease(from: [queue], limit: 1, for: .seconds(30), by: WorkerID("w")!).first
  }

  /// What a client does with a refusal that passes.
  private func insist<Answer>(_ call: () async throws -> Answer) async throws -> Answer {
    while true {
      do { return try await call() } catch BrokerError.unavailable { await pause(.milliseconds(20)) }
      try Task.checkCancellation()
    }
  }

  @Test("takes no new job while Redis has no memory left, lets running ones end, and goes on when there is room")
  func outOfMemory() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let log = DeliveryLog()
    let running = try await broker.enqueue(request()).job
    let waiting = try await broker.enqueue(request()).job
    _ = try await broker.subscribe(to: .job(running.id)) { log.record($0) }
    let lease = try #require(try await next(broker)).lease
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
    await #expect(throws: BrokerError.unavailable) { _ = try await broker.enqueue(request("k")) }
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    let settled = try await broker.settle(lease, .complete(JSONText(unchecked: Array(#"{"a":1}"#.utf8))))
    #expect(settled == .settled(.completed))
    try await log.deliveries { $0.contains(where: \.tellsEnd) }
    #expect(try await broker.job(waiting.id)?.state == .queued)
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
    #expect(try await broker.enqueue(request("k")).isReplay == false)
    #expect(try await next(broker)?.lease.job == waiting.id)
    let status = try #require(try await broker.queue(queue))
    #expect(status.counts[.queued] == 1 && status.counts[.running] == 1 && status.counts[.completed] == 1)
    await broker.close()
  }

  @Test("goes on after Redis cut every connection, and its watchers miss nothing")
  func killedConnections() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let job = try await broker.enqueue(request("k")).job
    let log = DeliveryLog()
    _ = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
    let lease = try #require(try await next(broker)).lease
    for type in ["normal", "pubsub"] {
      try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", type))
    }
    #expect(try await insist { try await broker.enqueue(request("k")).job.id } == job.id)
    #expect(try await insist { try await broker.settle(lease, .complete(nil)) } == .settled(.completed))
    try await log.deliveries { $0.contains(where: \.tellsEnd) }
    await broker.close()
  }

  @Test("goes on with an empty Redis: leases are lost, what was known is unknown, submissions are taken")
  func emptyReplica() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let old = try await broker.enqueue(request("k")).job
    let lease = try #require(try await next(broker)).lease
    // Another stands at its address, which never heard of anything: no data, no functions, no connections.
    await server.kill()
    try await server.restart()
    #expect(try await insist { try await broker.extend([lease], for: .seconds(30)) } == [.lost])
    #expect(try await broker.report(Progress(percent: 5), under: lease).standing == .lost)
    #expect(try await broker.settle(lease, .complete(nil)) == .leaseLost)
    #expect(try await broker.job(old.id) == nil)
    await #expect(throws: BrokerError.jobNotFound) { try await broker.cancel(old.id, reason: nil) }
    // The same submission again is another job: nobody knows of the first.
    let new = try await broker.enqueue(request("k"))
    #expect(!new.isReplay && new.job.id != old.id)
    let again = try #require(try await next(broker)).lease
    #expect(again.job == new.job.id)
    #expect(try await broker.settle(again, .complete(nil)) == .settled(.completed))
    await broker.close()
  }

  @Test("gives back, two heartbeats later, the jobs of an answer that was lost")
  func lostAnswer() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(
      endpoint: server.endpoint, answersWithin: .seconds(1), logger: Logger(label: "test"))
    try await broker.start()
    #expect(try await next(broker) == nil, "Redis has the script from here on")
    let job = try await broker.enqueue(request()).job
    // The call is written, and its connection given up; Redis reads it all the same when it goes on.
    await server.pause()
    await #expect(throws: BrokerError.unavailable) { _ = try await next(broker) }
    await server.resume()
    while try await insist({ try await broker.job(job.id)?.state }) != .running {
      await pause(.milliseconds(10))
      try Task.checkCancellation()
    }
    let worker = WorkerReport(
      id: WorkerID("w")!, host: "h", process: 1, version: "1", queues: [queue], kinds: [], slots: 1,
      memory: 0, startedAt: .now)
    await pause(.milliseconds(5))
    let first = try await insist { try await broker.beat(worker, renewing: [], for: .seconds(30)) }
    #expect(try await broker.job(job.id)?.state == .running)
    _ = try await broker.beat(worker, renewing: [], heard: first.at, for: .seconds(30))
    let back = try #require(try await broker.job(job.id))
    #expect(back.state == .queued && back.attempt == 0 && back.lostDeliveries == 0)
    #expect(try await next(broker)?.lease.job == job.id)
    await broker.close()
  }

  /// Gives the broker a turn; throws once the test is cancelled, whose wait nothing else would end.
  private func look(_ broker: RedisBroker) async throws {
    _ = await broker.isAvailable()
    try Task.checkCancellation()
  }

  @Test("warns of a Redis that throws data away when its memory is full")
  func memoryPolicy() async throws {
    let server = try await RedisServer.start()
    let sound = try await broker(on: server)
    #expect(sound.warnings.isEmpty)
    await sound.close()
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
    let warned = try await broker(on: server)
    #expect(warned.warnings.contains { $0.contains("allkeys-lru") })
    await warned.close()
    // Without a new connection, too: whoever runs Redis may change it at any time.
    let looking = try await broker(on: server, memoryLooks: .milliseconds(20))
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory-policy", "noeviction"))
    while !looking.warnings.isEmpty { try await look(looking) }
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory-policy", "volatile-ttl"))
    while looking.warnings.isEmpty { try await look(looking) }
    #expect(looking.warnings.first?.contains("volatile-ttl") == true)
    await looking.close()
  }
}

extension Delivery {
  /// As an event, or with the record after an interruption.
  fileprivate var tellsEnd: Bool {
    switch self {
    case .event(let event): event.state.isTerminal
    case .snapshot(let job): job.state.isTerminal
    case .group, .incomplete: false
    }
  }
}
