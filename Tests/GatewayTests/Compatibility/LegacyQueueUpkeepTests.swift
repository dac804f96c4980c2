import EventLoop
import Jobs
import Logging
import Redis
import Support
import Testing

@testable import Gateway

@Suite("The queues of older systems", .timeLimit(.minutes(1))) struct LegacyQueueUpkeepTests {
  @Test("are there again, as they were, when Redis has come back with nothing in it")
  @EventLoop func emptyRedis() async throws {
    let api = try #require(LegacyAPI.all.first { $0.name == "transcription" })
    let server = try await RedisServer.start()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "queues:", logger: logger)
    try await broker.start()
    try await SessionHarness.run(settings: { $0.legacy = [LegacyMount(api)] }, over: broker) { harness in
      let upkeep = LegacyQueueUpkeep(of: harness.gateway, logger: logger)
      upkeep.start(over: broker)
      for _ in 1...2 {
        while try await broker.queue(QueueName("risk_detection")!)?.settings.order != .lifo {
          try Task.checkCancellation()
        }
        try await server.ask(RedisCommand("FLUSHALL"))
        try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
      }
      upkeep.stop()
    }
    await broker.close()
    await server.kill()
  }
}
