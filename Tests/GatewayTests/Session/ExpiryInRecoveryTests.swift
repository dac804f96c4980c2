import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Support
import Testing

/// A token that expires while its client is being made whole.
@Suite("A token that expires in mid-recovery", .timeLimit(.minutes(1))) @EventLoop
struct ExpiryInRecoveryTests {
  /// What a client that keeps its position has been told of one channel.
  private struct Told {
    private(set) var offsets: [Int] = []
    private(set) var ends = 0

    init(from offset: Int?) { offsets = offset.map { [$0] } ?? [] }

    /// Takes in what the frames tell, whatever they are.
    mutating func take(_ frames: some Sequence<String>) throws {
      for frame in try frames.map({ try json($0) }) {
        for publication in frame["subscribe"]?["publications"]?.array ?? [] { take(publication) }
        if let publication = frame["push"]?["pub"] { take(publication) }
      }
    }

    private mutating func take(_ publication: JSONValue) {
      guard let offset = publication["offset"]?.int else { return }
      offsets.append(offset)
      if publication["data"]?["state"]?.string == "completed" { ends += 1 }
    }

    /// Nothing twice, nothing out of order.
    var isOrdered: Bool { zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 } }
  }

  /// Runs `body` with a gateway that ends connections soon after their tokens, over a Redis that can be stopped.
  private func run(
    _ body: @EventLoop (SessionHarness, RedisBroker, RedisServer) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "expiry:", logger: Logger(label: "test"))
    try await broker.start()
    try await SessionHarness.run(
      settings: {
        $0.requestLimit = 1000
        $0.refreshGrace = .milliseconds(100)
      }, over: broker
    ) { harness in try await body(harness, broker, server) }
    await server.kill()
  }

  /// A job of the user that runs and has reported once, at offset 3.
  private func running(_ user: String, on broker: RedisBroker) async throws -> (job: Job, lease: Lease) {
    let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: user)).job
    let leased = try #require(
      try await broker.lease(from: [.default], limit: 1, for: .seconds(30), by: WorkerID("w")!).first)
    _ = try await broker.report(Progress(percent: 10), under: leased.lease)
    return (job, leased.lease)
  }

  private func connect(
    _ harness: SessionHarness, lifetime: Duration
  ) async throws -> (session: any ClientConnectionDelegate, connection: FakeConnection) {
    let (session, connection) = try harness.open()
    session.tell(#"{"id":1,"connect":{"token":"\#(try harness.token(lifetime: lifetime))"}}"#)
    _ = await connection.frames(1)
    return (session, connection)
  }

  private func recovery(of job: Job, from offset: Int, token: String? = nil) -> String {
    let token = token.map { #","token":"\#($0)""# } ?? ""
    return #""channel":"job:\#(job.id)","recover":true,"epoch":"\#(job.position.epoch)","offset":\#(offset)\#(token)"#
  }

  @Test("closes the connection, and the client finds all that it lacks with a fresh one: nothing lost or told twice")
  func connectionToken() async throws {
    try await run { harness, broker, server in
      let (job, lease) = try await running("alice", on: broker)
      var told = Told(from: 2)
      let (session, connection) = try await connect(harness, lifetime: .seconds(1))
      await server.pause()
      session.tell(#"{"id":2,"subscribe":{\#(recovery(of: job, from: 2))}}"#)
      #expect(await connection.close() == 3005)
      await server.resume()
      try told.take(connection.sent)
      #expect(told.offsets == [2], "nothing came of it")
      // The reading that was under way comes back to nobody.
      try await harness.subscriptions(0)
      _ = try await broker.report(Progress(percent: 20), under: lease)

      let (fresh, second) = try await connect(harness, lifetime: .seconds(60))
      fresh.tell(#"{"id":2,"subscribe":{\#(recovery(of: job, from: 2))}}"#)
      let reply = try json(await second.frames(2)[1])["subscribe"]
      #expect(reply?["recovered"]?.bool == true)
      _ = try await broker.settle(lease, .complete(nil))
      try told.take(await second.frames(3))
      #expect(told.isOrdered && told.ends == 1 && told.offsets == [2, 4, 5])
      try await harness.subscriptions(1)
    }
  }

  @Test("leaves a connection alone that was refreshed meanwhile, and what it recovers")
  func refreshed() async throws {
    try await run { harness, broker, server in
      let (job, lease) = try await running("alice", on: broker)
      var told = Told(from: 2)
      let (session, connection) = try await connect(harness, lifetime: .seconds(2))
      let expiry = Date(timeIntervalSinceNow: 2.2)
      await server.pause()
      session.tell(#"{"id":2,"subscribe":{\#(recovery(of: job, from: 2))}}"#)
      session.tell(#"{"id":3,"refresh":{"token":"\#(try harness.token(lifetime: .seconds(60)))"}}"#)
      await EventLoop.pause(for: .milliseconds(200))
      #expect(connection.sent.count == 1, "the recovery is under way")
      await server.resume()
      #expect(try json(await connection.frames(3)[2])["refresh"]?["ttl"]?.int ?? 0 > 50)
      _ = try await broker.report(Progress(percent: 20), under: lease)
      await EventLoop.pause(for: .seconds(max(0, expiry.timeIntervalSinceNow)))
      _ = try await broker.settle(lease, .complete(nil))
      _ = await connection.frames(5)
      try told.take(connection.sent)
      #expect(connection.closed == nil)
      #expect(told.isOrdered && told.ends == 1 && told.offsets == [2, 3, 4, 5])
    }
  }

  @Test("ends the subscription that it gave, and the next goes on behind what was told")
  func subscriptionToken() async throws {
    try await run { harness, broker, server in
      let (job, lease) = try await running("bob", on: broker)
      func pass(_ lifetime: Duration) throws -> String {
        try harness.issuer.subscriptionToken(
          user: "alice", channel: "job:\(job.id)", lifetime: lifetime, now: Date())
      }
      var told = Told(from: 2)
      let (session, connection) = try await connect(harness, lifetime: .seconds(60))
      let expiring = try pass(.seconds(1))
      await server.pause()
      session.tell(#"{"id":2,"subscribe":{\#(recovery(of: job, from: 2, token: expiring))}}"#)
      // The token and its grace are over before the record is read.
      await EventLoop.pause(for: .milliseconds(1300))
      #expect(connection.sent.count == 1)
      await server.resume()
      let frames = await connection.frames(3)
      #expect(try json(frames[1])["subscribe"]?["recovered"]?.bool == true)
      let end = try #require(
        try frames.dropFirst(2).map { try json($0)["push"]?["unsubscribe"]?["code"]?.int }.compactMap { $0 }.first)
      #expect(end == 2501)
      try told.take(frames)
      _ = try await broker.report(Progress(percent: 20), under: lease)
      _ = try await broker.settle(lease, .complete(nil))
      let sent = connection.sent.count
      let last = try #require(told.offsets.last)
      session.tell(#"{"id":3,"subscribe":{\#(recovery(of: job, from: last, token: try pass(.seconds(60))))}}"#)
      try told.take(await connection.frames(sent + 1).dropFirst(frames.count))
      #expect(told.isOrdered && told.ends == 1 && told.offsets == [2, 3, 5])
      #expect(connection.closed == nil)
    }
  }
}
