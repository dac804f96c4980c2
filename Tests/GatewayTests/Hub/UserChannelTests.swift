import EventLoop
import Gateway
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("A user's channel", .timeLimit(.minutes(1))) @EventLoop struct UserChannelTests {
  private func run(
    _ body: @EventLoop (SessionHarness, RedisBroker, RedisServer) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "user:", logger: logger)
    try await broker.start()
    try await SessionHarness.run(settings: { $0.requestLimit = 1000 }, over: broker) { harness in
      try await body(harness, broker, server)
    }
    await server.kill()
  }

  @Test("tells the record of a new job before all that happened to it, and nothing of that twice or never")
  func introduction() async throws {
    try await run { harness, broker, server in
      let channel = broker.keys.channel(.user("alice"))
      let messages = Arrivals<[UInt8]>()
      let recorder = RedisSubscriber(endpoint: server.endpoint, logger: Logger(label: "test"))
      recorder.start()
      _ = try await recorder.subscribe(to: channel) { messages.append($0) }
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      let worker = WorkerID("w")!
      let leased = try await broker.lease(from: [.default], limit: 1, for: .seconds(30), by: worker).first
      _ = try await broker.settle(try #require(leased).lease, .complete(nil))
      let life = try await messages.values(atLeast: 3)
      recorder.close()

      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"user:alice"}}"#)
      _ = await connection.frames(2)
      // All at once: none can wait for the answer of Redis between two of them.
      var happening = RedisCommand(
        "EVAL", "for _, message in ipairs(ARGV) do redis.call('PUBLISH', KEYS[1], message) end", "1", channel)
      for message in life { happening.append(message) }
      try await server.ask(happening)
      let first = try json(await connection.frames(3)[2])["push"]?["pub"]?["data"]
      #expect(first?["event"]?.string == "snapshot" && first?["id"]?.string == "\(job.id)")
      #expect(first?["state"]?.string == "completed" && first?["offset"]?.int == 3)

      // Where no record is left, all that is known of it is told.
      try await server.ask(RedisCommand("FLUSHALL"))
      try await server.ask(happening)
      let rest = try await connection.frames(6).dropFirst(3).map { try json($0)["push"]?["pub"]?["data"] }
      #expect(rest.map { $0?["state"]?.string } == ["queued", "running", "completed"])
      #expect(rest.allSatisfy { $0?["event"]?.string == "state" })
    }
  }

  @Test("ends with 2500 where an interruption hid more than can be told")
  func incomplete() async throws {
    try await run { harness, broker, server in
      broker.missedLimit = 0
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"user:alice"}}"#)
      _ = await connection.frames(2)
      _ = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice"))
      _ = await connection.frames(3)
      let worker = WorkerID("w")!
      let leased = try await broker.lease(from: [.default], limit: 1, for: .seconds(30), by: worker).first
      _ = try await broker.settle(try #require(leased).lease, .complete(nil))
      _ = await connection.frames(5)
      try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
      var count = 5
      var push: JSONValue?
      while push == nil {
        count += 1
        let frame = try json(await connection.frames(count)[count - 1])["push"]
        if frame?["unsubscribe"] != nil { push = frame }
      }
      #expect(push?["unsubscribe"]?["code"]?.int == 2500 && push?["channel"]?.string == "user:alice")
      #expect(connection.closed == nil)
    }
  }
}
