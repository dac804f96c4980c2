import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The audit of the Redis broker, after damage", .timeLimit(.minutes(2))) @EventLoop
struct RedisBrokerDamageTests {
  private func broker(on server: RedisServer) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  /// Something lost or spoiled by hand, and the words that tell of it.
  struct Damage: Sendable, CustomStringConvertible {
    let description: String
    var kind = AuditFinding.Kind.misplacedJob
    let commands: @Sendable (RedisKeys, Targets) -> [[String]]
  }

  /// What is damaged.
  struct Targets: Sendable {
    var queued, limited, scheduled, ended, parent, endedParent, child, restored: Job
  }

  nonisolated private static let damages = [
    Damage(description: "is not among its children") { keys, jobs in
      [["ZREM", keys.key(.children, jobs.parent.id.key), jobs.child.id.key]]
    },
    Damage(description: "which has ended, and is not told") { keys, jobs in
      [
        ["ZADD", keys.key(.children, jobs.endedParent.id.key), "1", jobs.child.id.key],
        ["ZREM", keys.key(.endedParents), "c" + jobs.endedParent.id.key],
      ]
    },
    Damage(description: "a place that is not its own") { keys, jobs in
      [["ZINCRBY", keys.key(.waiting, "mail"), "-1", jobs.queued.id.key]]
    },
    Damage(description: "a place that is not its own") { keys, jobs in
      [["ZINCRBY", keys.key(.due), "9000", jobs.scheduled.id.key]]
    },
    Damage(description: "a place that is not its own") { keys, jobs in
      [["ZINCRBY", keys.key(.finished, "c:mail"), "9e15", jobs.ended.id.key]]
    },
    Damage(description: "a limit of its time that nobody looks after") { keys, jobs in
      [["ZREM", keys.key(.limits), jobs.limited.id.key]]
    },
    Damage(description: "does not hold its unique key") { keys, _ in
      [["DEL", keys.key(.claims, "u5:alice4:mailu")]]
    },
    Damage(description: "is not found by its content key") { keys, _ in
      [["DEL", keys.key(.claims, "c5:alice7:examplec")]]
    },
    Damage(description: "is not in the listing of all jobs") { keys, _ in
      [["DEL", keys.key(.index)]]
    },
    Damage(description: "is not in the listing of its user's jobs") { keys, _ in
      [["DEL", keys.key(.users, "alice")]]
    },
    Damage(description: "is not in the listing of restored jobs") { keys, jobs in
      [["ZREM", keys.key(.usersRestored, "alice"), jobs.restored.id.key]]
    },
    Damage(description: "was accepted here") { keys, jobs in
      [["ZADD", keys.key(.restored), "1", jobs.queued.id.key]]
    },
    Damage(description: "which no job has", kind: .missingRecord) { keys, _ in
      [["SADD", keys.key(.userChunks, "0 alice"), "77"]]
    },
    Damage(description: "is not on record", kind: .missingRecord) { keys, _ in
      [["HSET", keys.key(.indexChunks, "0"), "77", JobID().key]]
    },
    Damage(description: "does not run there") { keys, jobs in
      [["SADD", keys.key(.workerJobs, "worker-b"), jobs.queued.id.key]]
    },
    Damage(description: "turns in a queue that is not fair", kind: .orphan) { keys, _ in
      [["ZADD", keys.key(.fair, "mail"), "1", "alice"]]
    },
    Damage(description: "is a queue with jobs and not on record", kind: .missingRecord) { keys, _ in
      [["HDEL", keys.key(.queues), "video"]]
    },
    Damage(description: "its user is not among those who do") { keys, _ in
      [["DEL", keys.key(.parkedUsers, "narrow")]]
    },
  ]

  private func targets(on broker: RedisBroker) async throws -> Targets {
    let gone = try await broker.accept()
    let archive = try await broker.everything(limit: 10)
    try await broker.discard([gone.id])
    #expect(try await broker.restore(archive).restored == 1)
    _ = try await broker.cancel(gone.id, reason: nil)
    let ended = try await broker.accept()
    try await broker.work()
    let endedParent = try await broker.accept(.example(queue: .video))
    let parent = try await broker.accept(.example(queue: .video))
    let child = try await broker.accept(.child(of: [endedParent.id, parent.id]))
    try await broker.work(in: .video)
    try await broker.change(QueueName("narrow")!) { $0.userWindow = 1 }
    for _ in 0..<2 { try await broker.accept(.example(queue: QueueName("narrow")!)) }
    return Targets(
      queued: try await broker.accept(
        .example {
          $0.uniqueKey = "u"
          $0.contentKey = "c"
        }),
      limited: try await broker.accept(.example { $0.totalTimeout = .seconds(600) }),
      scheduled: try await broker.accept(.example { $0.start = .after(.seconds(600)) }), ended: ended,
      parent: parent, endedParent: endedParent, child: child, restored: gone)
  }

  @Test("finds each kind of damage, and mends it where asked to", arguments: damages)
  func damaged(_ damage: Damage) async throws {
    let server = try await RedisServer.start()
    let broker = try await self.broker(on: server)
    let jobs = try await targets(on: broker)
    #expect(try await broker.findings() == [])
    for words in damage.commands(broker.keys, jobs) {
      var command = RedisCommand(words[0])
      for word in words.dropFirst() { command.append(word) }
      try await server.ask(command)
    }
    let found = try await broker.findings()
    #expect(found.contains { $0.kind == damage.kind && $0.detail.contains(damage.description) }, "\(found)")
    #expect(found.allSatisfy { !$0.isRepaired })
    #expect(try await broker.findings(repairs: true).allSatisfy(\.isRepaired))
    #expect(try await broker.findings() == [])
    try await consistent(broker, try await broker.allJobs(matching: JobFilter()))
    #expect(try await broker.allJobs(matching: JobFilter(user: "alice")).count == 10)
    // Nothing waits for ever.
    try await broker.work(in: .video)
    _ = try await broker.maintain()
    #expect(try await broker.find(jobs.child.id).state == .queued)
    #expect(try await broker.findings() == [])
    await broker.close()
  }

  @Test("mends a parent that would not tell its children of its end")
  func forgetfulParent() async throws {
    let server = try await RedisServer.start()
    let broker = try await self.broker(on: server)
    let parent = try await broker.accept(.example(queue: .video))
    let bytes = try #require(
      try await server.ask(RedisCommand("HGET", broker.keys.key(.jobs), parent.id.key)).bytes)
    let child = try await broker.accept(.child(of: [parent.id]))
    // As it stood before it had a child.
    var command = RedisCommand("HSET", broker.keys.key(.jobs), parent.id.key)
    command.append(bytes)
    try await server.ask(command)
    #expect(try await broker.findings(repairs: true).map(\.subject) == [parent.id.description])
    #expect(try await broker.findings() == [])
    try await broker.work(in: .video)
    #expect(try await broker.find(child.id).state == .queued)
    await broker.close()
  }
}
