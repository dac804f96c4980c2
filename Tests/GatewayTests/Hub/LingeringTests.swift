import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Gateway
@testable import Jobs

/// What leaving and coming back costs Redis.
@Suite("A channel that nobody watches any more", .timeLimit(.minutes(1))) @EventLoop
struct LingeringTests {
  private func subscribes(_ server: RedisServer) async throws -> Int {
    let stats = try await server.ask(RedisCommand("INFO", "commandstats")).text ?? ""
    let line = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_subscribe:calls=") }
    return line.flatMap { Int($0.drop { $0 != "=" }.dropFirst().prefix { $0 != "," }) } ?? 0
  }

  private func listeners(_ channel: Channel, of broker: RedisBroker, on server: RedisServer) async throws -> Int64? {
    let command = RedisCommand("PUBSUB", "NUMSUB", broker.keys.channel(channel))
    return try await server.ask(command).elements?.last?.integer
  }

  @Test("is kept for a moment, so that reloads do not reach Redis, and then given up")
  func reloads() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "linger:", logger: .quiet)
    try await broker.start()
    try await SessionHarness.runUnlimited(over: broker) { harness in
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      var before: Int?
      for _ in 0..<20 {
        let (session, connection) = try await harness.connect()
        session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
        _ = await connection.frames(2)
        let count = try await subscribes(server)
        #expect(count == before ?? count)
        before = count
        session.connectionClosed()
      }
      #expect(try await listeners(.job(job.id), of: broker, on: server) == 1)
      #expect(harness.gateway.hub.channelCount == 1 && harness.gateway.hub.subscriptionCount == 0)
      while try await listeners(.job(job.id), of: broker, on: server) != 0 {
        await EventLoop.pause(for: .milliseconds(20))
      }
      #expect(harness.gateway.hub.channelCount == 0)
    }
    await server.kill()
  }
}
