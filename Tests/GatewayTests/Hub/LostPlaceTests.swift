import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Redis
import Support
import Testing

/// What becomes of watchers whose job is not what it was when Redis comes back.
@Suite("A place that is lost", .timeLimit(.minutes(2))) struct LostPlaceTests {
  /// Runs `body` with a gateway over a Redis of its own that may be killed and started again.
  @EventLoop private func run(
    _ body: @EventLoop (SessionHarness, RedisBroker, RedisServer) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "lost:", logger: logger)
    try await broker.start()
    try await SessionHarness.run(settings: { $0.requestLimit = 1000 }, over: broker) { harness in
      try await body(harness, broker, server)
    }
    await server.kill()
  }

  @EventLoop private func lease(from broker: RedisBroker) async throws -> LeasedJob {
    try #require(try await broker.lease(from: [.default], limit: 1, for: .seconds(30), by: WorkerID("w")!).first)
  }

  /// What was sent so far, up to the first frame that `isWanted`.
  @EventLoop private func frame(
    on connection: FakeConnection, after count: Int, where isWanted: (JSONValue) -> Bool
  ) async throws -> JSONValue? {
    var count = count
    while true {
      count += 1
      let frames = await connection.frames(count)
      guard frames.count >= count else { return nil }
      let frame = try json(frames[count - 1])
      if isWanted(frame) { return frame }
    }
  }

  @Test("because the job is gone is told with 2500, and the client finds that it is unknown")
  func gone() async throws {
    try await run { harness, broker, server in
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      _ = await connection.frames(2)
      await server.kill()
      try await server.restart()
      let push = try await frame(on: connection, after: 2) { $0["push"]?["unsubscribe"] != nil }?["push"]
      #expect(push?["channel"]?.string == "job:\(job.id)")
      #expect(push?["unsubscribe"]?["code"]?.int == 2500)
      #expect(push?["unsubscribe"]?["reason"]?.string == "insufficient state")
      #expect(harness.gateway.hub.subscriptionCount == 0 && connection.closed == nil)
      let sent = connection.sent.count
      session.tell(
        #"{"id":3,"subscribe":{"channel":"job:\#(job.id)","recover":true,"epoch":"\#(job.position.epoch)","offset":1}}"#
      )
      let reply = try await frame(on: connection, after: sent) { $0["id"]?.int == 3 }
      #expect(reply?["error"]?["code"]?.int == 102)
    }
  }

  @Test(
    "because the record was set back is told: 2500 to who subscribed, 3010 to whom the gateway did, an end to events")
  func setBack() async throws {
    try await run { harness, broker, server in
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      try await server.ask(RedisCommand("SAVE"))
      let leased = try await lease(from: broker)
      _ = try await broker.report(Progress(percent: 10), under: leased.lease)

      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      #expect(try json(await connection.frames(2)[1])["subscribe"]?["offset"]?.int == 3)
      let (named, namedConnection) = try harness.open()
      named.tell(#"{"id":1,"connect":{"token":"\#(try harness.token(channels: ["job:\(job.id)"]))"}}"#)
      _ = await namedConnection.frames(1)
      let exchange = FakeExchange(
        Request(
          method: .get, path: "/v1/jobs/\(job.id)/events",
          headers: ["authorization": "Bearer \(try harness.token())"]))
      harness.gateway.handle(exchange)
      guard case .stream(let start) = try await exchange.answer().body else { throw SessionHarness.Refused() }
      let events = FakeStream()
      start(events)
      // The hub has seen how far the stream had come.
      _ = try await broker.report(Progress(percent: 20), under: leased.lease)
      let seen = try await frame(on: connection, after: 2) { $0["push"]?["pub"]?["offset"] != nil }
      #expect(seen?["push"]?["pub"]?["offset"]?.int == 4)

      await server.kill()
      try await server.restart()
      let push = try await frame(on: connection, after: 3) { $0["push"]?["unsubscribe"] != nil }
      #expect(push?["push"]?["unsubscribe"]?["code"]?.int == 2500)
      #expect(await namedConnection.close() == 3010)
      let blocks = try await events.all()
      #expect(!blocks.contains { $0.contains(#""state":"completed""#) }, "the end of a stream is no end of a job")
      // What the client knows did not happen: it is not recovered, and begins anew.
      let sent = connection.sent.count
      session.tell(
        #"{"id":3,"subscribe":{"channel":"job:\#(job.id)","recover":true,"epoch":"\#(job.position.epoch)","offset":4}}"#
      )
      let reply = try await frame(on: connection, after: sent) { $0["id"]?.int == 3 }?["subscribe"]
      #expect(reply?["was_recovering"]?.bool == true && reply?["recovered"] == nil)
      #expect(reply?["offset"]?.int == 1 && reply?["data"]?["state"]?.string == "queued")
    }
  }

  @Test("is none where the record goes on: what was missed is told, and nobody loses anything")
  func goesOn() async throws {
    try await run { harness, broker, server in
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      _ = await connection.frames(2)
      try await server.ask(RedisCommand("SAVE"))
      await server.kill()
      try await server.restart()
      let back = try await frame(on: connection, after: 2) {
        $0["push"]?["pub"]?["data"]?["delivering"]?.bool == true
      }
      #expect(back != nil)
      _ = try await lease(from: broker)
      let next = try await frame(on: connection, after: connection.sent.count - 1) {
        $0["push"]?["pub"]?["offset"] != nil
      }
      #expect(next?["push"]?["pub"]?["offset"]?.int == 2)
      #expect(try !connection.sent.contains { try json($0)["push"]?["unsubscribe"] != nil })
    }
  }
}
