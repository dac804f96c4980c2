import EventLoop
import Gateway
import Logging
import Redis
import Support
import Testing

@testable import Jobs

/// What is lost last, behind which nothing comes that would show it.
@Suite("A lost end", .timeLimit(.minutes(1))) @EventLoop struct LostEndTests {
  /// A gateway behind a proxy that loses what it is told to, and a broker beside it that is not disturbed.
  @EventLoop private struct Scene {
    let server: RedisServer
    let proxy: RedisProxy
    let broker: RedisBroker
    let other: RedisBroker
    let harness: SessionHarness

    func lease() async throws -> Lease {
      let worker = WorkerID("w")!
      return try #require(
        try await other.lease(from: [.default], limit: 1, for: .seconds(30), by: worker).first
      ).lease
    }

    /// Does something of which the one message about the channel never arrives.
    func losing(_ channel: Channel, _ happening: @EventLoop () async throws -> Void) async throws {
      let lost = proxy.loseNext(about: broker.keys.channel(channel))
      try await happening()
      for await _ in lost {}
    }
  }

  private func run(_ body: @EventLoop (Scene) async throws -> Void) async throws {
    let server = try await RedisServer.start()
    let proxy = try RedisProxy(of: server)
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: proxy.endpoint, prefix: "end:", logger: logger)
    let other = RedisBroker(endpoint: server.endpoint, prefix: "end:", logger: logger)
    try await broker.start()
    try await other.start()
    try await SessionHarness.run(
      settings: {
        $0.requestLimit = 1000
        $0.positionInterval = .milliseconds(1)
      }, over: broker
    ) { harness in
      try await body(Scene(server: server, proxy: proxy, broker: broker, other: other, harness: harness))
    }
    await other.close()
    proxy.close()
    await server.kill()
  }

  private func request() -> JobRequest { JobRequest(kind: JobKind("echo")!, user: "alice") }

  @Test("of a job is told from its record, once, on a socket and on a stream of events")
  func job() async throws {
    try await run { scene in
      let job = try await scene.other.enqueue(request()).job
      let lease = try await scene.lease()
      let (session, connection) = try await scene.harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      #expect(try json(await connection.frames(2)[1])["subscribe"]?["offset"]?.int == 2)
      let exchange = FakeExchange(
        Request(
          method: .get, path: "/v1/jobs/\(job.id)/events",
          headers: ["authorization": "Bearer \(try scene.harness.token())"]))
      scene.harness.gateway.handle(exchange)
      guard case .stream(let start) = try await exchange.answer().body else { throw SessionHarness.Refused() }
      let events = FakeStream()
      start(events)

      try await scene.losing(.job(job.id)) { _ = try await scene.other.settle(lease, .complete(nil)) }
      let blocks = try await events.all()
      #expect(blocks.count { $0.contains(#""state":"completed""#) } == 1)
      let told = try json(await connection.frames(3)[2])["push"]?["pub"]
      #expect(told?["offset"]?.int == 3)
      #expect(told?["data"]?["event"]?.string == "snapshot" && told?["data"]?["state"]?.string == "completed")
      // What comes then is told as ever.
      _ = try await scene.other.retry(job.id, delay: .zero)
      let next = try json(await connection.frames(4)[3])["push"]?["pub"]
      #expect(next?["offset"]?.int == 4 && next?["data"]?["event"]?.string == "state")
    }
  }

  @Test("of a group is told from its record")
  func group() async throws {
    try await run { scene in
      let group = try await scene.other.create(GroupRequest(user: "alice"))
      let (session, connection) = try await scene.harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"group:\#(group.id)"}}"#)
      _ = await connection.frames(2)
      try await scene.losing(.group(group.id)) { _ = try await scene.other.close(group.id) }
      let told = try json(await connection.frames(3)[2])["push"]?["pub"]?["data"]
      #expect(told?["event"]?.string == "group" && told?["state"]?.string == "finished")
    }
  }

  @Test("is no matter where the record is gone, without a word: that is told with 2500")
  func gone() async throws {
    try await run { scene in
      let job = try await scene.other.enqueue(request()).job
      let (session, connection) = try await scene.harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      _ = await connection.frames(2)
      try await scene.server.ask(RedisCommand("FLUSHALL"))
      let push = try json(await connection.frames(3)[2])["push"]
      #expect(push?["unsubscribe"]?["code"]?.int == 2500)
      #expect(scene.harness.gateway.hub.subscriptionCount == 0)
    }
  }

  /// What becomes of a record without a word.
  enum Damage: CaseIterable, Sendable { case setBack, unreadable }

  @Test(
    "is no matter where the record was set back or cannot be read, without a word: told with 2500",
    arguments: Damage.allCases)
  func damaged(_ damage: Damage) async throws {
    try await run { scene in
      let job = try await scene.other.enqueue(request()).job
      let records = scene.broker.keys.key(.jobs)
      let before = try await scene.server.ask(RedisCommand("HGET", records, job.id.key)).bytes
      _ = try await scene.lease()
      let (session, connection) = try await scene.harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      #expect(try json(await connection.frames(2)[1])["subscribe"]?["offset"]?.int == 2)
      var change = RedisCommand("HSET", records, job.id.key)
      change.append(damage == .setBack ? try #require(before) : [0xC1, 0xFF])
      try await scene.server.ask(change)
      let push = try json(await connection.frames(3)[2])["push"]
      #expect(push?["unsubscribe"]?["code"]?.int == 2500)
      #expect(scene.harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("is not looked for where nothing can be lost")
  func embedded() async throws {
    try await SessionHarness.run { harness in
      #expect(!harness.broker.mayLoseEvents)
    }
  }
}
