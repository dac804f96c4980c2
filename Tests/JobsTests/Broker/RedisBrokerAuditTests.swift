import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The audit of the Redis broker", .timeLimit(.minutes(2))) @EventLoop
struct RedisBrokerAuditTests {
  private func broker(on server: RedisServer) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  private func audit(
    _ broker: RedisBroker, repairs: Bool = false, limit: Int = 5
  ) async throws -> [AuditFinding] {
    var findings: [AuditFinding] = []
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: repairs, after: cursor, limit: limit)
      findings += report.findings
      cursor = report.next
    } while cursor != nil
    return findings
  }

  /// Jobs in every state, and some of all else.
  private func fill(_ broker: RedisBroker) async throws {
    var settings = QueueSettings()
    settings.userWindow = 6
    _ = try await broker.set(.mail, to: settings, ifVersion: nil)
    let long = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 600))\"".utf8))
    for _ in 0..<12 { try await broker.accept(.example(payload: long)) }
    let parent = try await broker.accept(.example(user: "bob"))
    var child = JobRequest.example(user: "bob")
    child.dependencies = JobDependencies(parents: [parent.id])
    child.totalTimeout = .seconds(600)
    child.uniqueKey = "one"
    try await broker.accept(child)
    var later = JobRequest.example(user: "bob")
    later.start = .after(.seconds(600))
    try await broker.accept(later)
    let leases = try await broker.lease(from: [.mail], limit: 5, for: .seconds(60), by: .a)
    _ = try await broker.report(Progress(percent: 3, stage: "s"), under: leases[0].lease)
    _ = try await broker.log(["line"], under: leases[0].lease)
    try await broker.end(leases[1].lease, .complete(long))
    try await broker.end(leases[2].lease, .fail(.example, retry: .never))
    try await broker.end(leases[3].lease, .fail(.example, retry: .after(.seconds(600))))
  }

  @Test("finds nothing where nothing is wrong", arguments: [1, 7, 1000])
  func clean(limit: Int) async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    #expect(try await audit(broker).isEmpty)
    try await fill(broker)
    #expect(try await audit(broker, repairs: true, limit: limit) == [])
    await broker.close()
  }

  @Test("finds what is wrong, and mends it where asked to")
  func broken() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    try await fill(broker)
    let keys = broker.keys
    func ask(_ words: String...) async throws {
      var command = RedisCommand(words[0])
      for word in words.dropFirst() { command.append(word) }
      try await server.ask(command)
    }
    let running = try await broker.jobs(matching: JobFilter(states: [.running])).jobs
    let queued = try await broker.jobs(matching: JobFilter(states: [.queued])).jobs
    try await ask("ZREM", keys.key(.leases), running[0].id.key)
    try await ask("ZREM", keys.key(.waiting, "mail"), queued[0].id.key)
    try await ask("ZADD", keys.key(.due), "9e15", queued[1].id.key)
    try await ask("ZADD", keys.key(.waiting, "mail"), "1", JobID().key)
    try await ask("HINCRBY", keys.key(.counters, "mail"), "w5", "3")
    try await ask("HSET", keys.key(.admitted, "mail"), "nobody", "2")
    try await ask("SET", keys.key(.payloads, JobID().key), "{}")
    try await ask("SET", keys.key(.claims, "u5:alice4:mailx"), JobID().key)

    let found = try await audit(broker)
    #expect(found.allSatisfy { !$0.isRepaired })
    let kinds: [AuditFinding.Kind: Int] = found.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 }
    #expect(kinds[.missingLease] == 1)
    #expect(kinds[.misplacedJob] == 2)
    #expect(kinds[.missingRecord] == 1)
    #expect(kinds[.orphan] == 2)
    // What is counted depends on what is in the sets: more than one may be off.
    #expect(kinds[.wrongCount, default: 0] >= 2)
    #expect(found.contains { $0.subject == running[0].id.description })

    let mended = try await audit(broker, repairs: true)
    #expect(!mended.isEmpty && mended.allSatisfy(\.isRepaired))
    #expect(try await audit(broker) == [])
    try await consistent(broker, try await broker.allJobs(matching: JobFilter(limit: 200)))
    #expect(try await broker.job(running[0].id)?.isStalled == true, "the reaper will find it")
    await broker.close()
  }
}

@Suite("The schedules of the Redis broker", .timeLimit(.minutes(2))) @EventLoop
struct RedisBrokerScheduleTests {
  @Test("are kept, listed by name, and forgotten")
  func book() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    var request = JobRequest.example(priority: .high, maxAttempts: 7)
    request.order = .lifo
    request.retry = RetryPolicy(growth: .fixed, base: .seconds(3), jitter: 0.25)
    request.timeout = .seconds(9)
    request.startWithin = .seconds(10)
    request.totalTimeout = .seconds(11)
    request.uniqueKey = "é"
    let name = try #require(ScheduleName("nightly"))
    let other = try #require(ScheduleName("hourly"))
    let schedule = Schedule(
      name: name, cron: try CronExpression("0 3 * * *"), timeZone: "Europe/Berlin", request: request)
    let due = Timestamp(milliseconds: 1_800_000_000_000)
    try await broker.put(schedule, next: due)
    var disabled = Schedule(
      name: other, cron: try CronExpression("@hourly"), request: .example())
    disabled.isEnabled = false
    try await broker.put(disabled, next: due)
    #expect(
      try await broker.schedules() == [
        ScheduleStatus(schedule: disabled), ScheduleStatus(schedule: schedule, next: due),
      ])
    #expect(try await broker.remove(other))
    #expect(try await !broker.remove(other))
    #expect(try await broker.schedules().map(\.schedule.name) == [name])
    await broker.close()
  }

  @Test("fire once, whoever fires them")
  func firing() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    let name = try #require(ScheduleName("nightly"))
    let schedule = Schedule(
      name: name, cron: try CronExpression("0 3 * * *"), request: .example())
    let moments = (0..<3).map { Timestamp(milliseconds: 1_800_000_000_000 + $0 * 86_400_000) }
    #expect(try await broker.fire(name, due: moments[0], request: .example(), next: nil) == nil)
    try await broker.put(schedule, next: moments[0])
    let callers = (0..<20).map { _ in
      Task { @EventLoop in
        try await broker.fire(name, due: moments[0], request: .example(), next: moments[1])
      }
    }
    var jobs: [JobID] = []
    for caller in callers { if let id = try await caller.value { jobs.append(id) } }
    #expect(jobs.count == 1)
    #expect(try await broker.jobs(matching: JobFilter()).jobs.map(\.id) == jobs)
    let status = try #require(try await broker.schedules().first)
    #expect(status.next == moments[1] && status.lastJob == jobs[0])
    #expect(status.lastFiredAt != nil)
    // What the queue refuses does not count as fired.
    _ = try await broker.setMode(of: .mail, to: .drainingBacklog)
    await #expect(throws: BrokerError.queueDraining) {
      _ = try await broker.fire(name, due: moments[1], request: .example(), next: moments[2])
    }
    _ = try await broker.setMode(of: .mail, to: .active)
    #expect(
      try await broker.fire(name, due: moments[1], request: .example(), next: moments[2]) != nil)
    // A changed schedule keeps what it has done.
    try await broker.put(schedule, next: moments[0])
    #expect(try await broker.schedules().first?.lastJob != nil)
    await broker.close()
  }
}
