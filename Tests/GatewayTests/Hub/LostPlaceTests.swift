import EventLoop
import Foundation
import Logging
import Redis
import Support
import Testing

@testable import Gateway
@testable import Jobs

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
    try await SessionHarness.run(
      settings: {
        $0.requestLimit = 1000
        // What is found by comparing is found later.
        $0.positionInterval = .zero
      }, over: broker
    ) { harness in
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

  /// What the record is found to be where events are missing.
  enum Found: CaseIterable, Sendable { case setBack, gone, unreadable }

  @Test(
    "because the record does not go on where events are missing is told with 2500", arguments: Found.allCases)
  func nothingToGoOnFrom(_ found: Found) async throws {
    try await run { harness, broker, server in
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      _ = await connection.frames(2)
      let watched = try #require(harness.gateway.hub.channels[.job(job.id)])
      // The record stays at 1.
      for offset in [2, 4] as [UInt64] {
        if offset == 4, found == .gone { try await server.ask(RedisCommand("FLUSHALL")) }
        if offset == 4, found == .unreadable {
          var command = RedisCommand("HSET", broker.keys.key(.jobs), job.id.key)
          command.append([0xC1, 0xFF] as [UInt8])
          try await server.ask(command)
        }
        let event = JobEvent(
          class: .state, id: job.id, user: "alice",
          position: StreamPosition(offset: offset, epoch: job.position.epoch), at: job.createdAt, state: .running,
          attempt: 1)
        harness.gateway.hub.take(.event(event), on: watched)
      }
      let push = try await frame(on: connection, after: 2) { $0["push"]?["unsubscribe"] != nil }?["push"]
      #expect(push?["unsubscribe"]?["code"]?.int == 2500)
      let told = try connection.sent.dropFirst(2).compactMap { try json($0)["push"]?["pub"]?["offset"]?.int }
      #expect(told == [2], "what follows the hole is not told")
    }
  }

  @Test("because its record cannot be read is told with 2500, and nobody else's is lost with it")
  func damaged() async throws {
    try await run { harness, broker, server in
      let jobs = [
        try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job,
        try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job,
      ]
      var connections: [FakeConnection] = []
      for job in jobs {
        let (session, connection) = try await harness.connect()
        session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
        _ = await connection.frames(2)
        connections.append(connection)
      }
      var command = RedisCommand("HSET", broker.keys.key(.jobs), jobs[0].id.key)
      command.append([0xC1, 0xFF] as [UInt8])
      try await server.ask(command)
      try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
      let push = try await frame(on: connections[0], after: 2) { $0["push"]?["unsubscribe"] != nil }?["push"]
      #expect(push?["unsubscribe"]?["code"]?.int == 2500)
      let back = try await frame(on: connections[1], after: 2) {
        $0["push"]?["pub"]?["data"]?["delivering"]?.bool == true
      }
      #expect(back != nil)
      #expect(try !connections[1].sent.contains { try json($0)["push"]?["unsubscribe"] != nil })
      #expect(harness.gateway.hub.subscriptionCount == 1)
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

  /// A job at offset 4 that alice watches, and the messages of its steps from 2 to its end at 5, which did not happen
  /// yet: Redis was set back to before it.
  @EventLoop private func rehearsed(
    _ harness: SessionHarness, _ broker: RedisBroker, _ server: RedisServer
  ) async throws -> (connection: FakeConnection, publish: (Int) async throws -> Void) {
    let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
    let channel = broker.keys.channel(.job(job.id))
    let messages = Arrivals<[UInt8]>()
    let recorder = RedisSubscriber(endpoint: server.endpoint, logger: Logger(label: "test"))
    recorder.start()
    _ = try await recorder.subscribe(to: channel) { messages.append($0) }
    let leased = try await lease(from: broker)
    for percent in [10.0, 20] { _ = try await broker.report(Progress(percent: percent), under: leased.lease) }
    try await server.ask(RedisCommand("SAVE"))
    _ = try await broker.settle(leased.lease, .complete(nil))
    let heard = try await messages.values(atLeast: 4)
    recorder.close()
    await server.kill()
    try await server.restart()
    let (session, connection) = try await harness.connect()
    var id = 1
    var offset: Int?
    // Redis may not have been found again yet.
    while offset == nil {
      id += 1
      session.tell(#"{"id":\#(id),"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let reply = try await frame(on: connection, after: connection.sent.count) { $0["id"]?.int == id }
      offset = reply?["subscribe"]?["offset"]?.int
    }
    #expect(offset == 4)
    return (
      connection,
      { step in
        var command = RedisCommand("PUBLISH", channel)
        command.append(heard[step - 2])
        try await server.ask(command)
      }
    )
  }

  @Test("because events are missing and the job is gone is told with 2500")
  func missing() async throws {
    try await run { harness, broker, server in
      let (connection, publish) = try await rehearsed(harness, broker, server)
      let sent = connection.sent.count
      // What the hub hears first it follows; then one is missing, and no record is left to go on from.
      try await publish(2)
      try await server.ask(RedisCommand("FLUSHALL"))
      try await publish(4)
      let push = try await frame(on: connection, after: sent) { $0["push"]?["unsubscribe"] != nil }
      #expect(push?["push"]?["unsubscribe"]?["code"]?.int == 2500)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("is none where what is missing is followed by the end, of which no record is kept")
  func missingBeforeTheEnd() async throws {
    try await run { harness, broker, server in
      let (connection, publish) = try await rehearsed(harness, broker, server)
      let sent = connection.sent.count
      try await publish(2)
      try await server.ask(RedisCommand("FLUSHALL"))
      try await publish(5)
      let push = try await frame(on: connection, after: sent) { $0["push"]?["pub"]?["offset"] != nil }
      #expect(push?["push"]?["pub"]?["data"]?["state"]?.string == "completed")
      #expect(harness.gateway.hub.subscriptionCount == 1)
    }
  }
}
