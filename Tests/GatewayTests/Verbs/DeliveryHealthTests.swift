import EventLoop
import Gateway
import Jobs
import Logging
import Redis
import Support
import Testing

/// `health` and `stats` of a gateway whose events Redis interrupts.
@Suite("Interruptions of the events", .timeLimit(.minutes(1))) @EventLoop struct DeliveryHealthTests {
  @Test("are counted in stats, and more of them than may be are an alert")
  func alert() async throws {
    let server = try await RedisServer.start()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "health:", logger: logger)
    try await broker.start()
    let delivering = Arrivals<Bool>()
    broker.whenDeliveryChanges { delivering.append(broker.isDelivering) }
    try await SessionHarness.runUnlimited(settings: { $0.health.interruptions = 1 }, over: broker) { harness in
      for count in 1...2 {
        let before = delivering.values.count
        // What Redis does to a subscriber whose output is over its limit.
        try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
        try await delivering.values { $0.dropFirst(before).contains(false) && $0.last == true }
        let delivery = try await harness.admin(.get, "/v1/stats")["delivery"]
        #expect(delivery?["interruptions"]?.int == count && delivery?["delivering"]?.bool == true)
        let health = try await harness.admin(.get, "/v1/health")
        #expect(health["status"]?.string == (count > 1 ? "degraded" : "healthy"))
        #expect(
          health["alerts"]?.array?.map { $0["condition"]?.string } == (count > 1 ? ["delivery"] : []))
      }
    }
    await server.kill()
  }
}
