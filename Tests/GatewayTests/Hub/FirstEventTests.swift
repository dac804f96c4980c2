import EventLoop
import Gateway
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The first event of a job that a gateway hears", .timeLimit(.minutes(1))) struct FirstEventTests {
  @Test("is held until the record was read, where a watcher lacks what came before it") @EventLoop
  func hole() async throws {
    let server = try await RedisServer.start()
    let proxy = try RedisProxy(of: server)
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: proxy.endpoint, prefix: "first:", logger: logger)
    let other = RedisBroker(endpoint: server.endpoint, prefix: "first:", logger: logger)
    try await broker.start()
    try await other.start()
    try await SessionHarness.run(settings: { $0.requestLimit = 1000 }, over: broker) { harness in
      let job = try await other.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let reply = try json(await connection.frames(2)[1])
      #expect(reply["subscribe"]?["offset"]?.int == 1)

      let lost = proxy.loseNext(about: broker.keys.channel(.job(job.id)))
      let worker = WorkerID("w")!
      let leased = try await other.lease(from: [.default], limit: 1, for: .seconds(30), by: worker).first
      for await _ in lost {}
      _ = try await other.settle(try #require(leased).lease, .complete(nil))
      let pushes = try await connection.frames(3).dropFirst(2).map { try json($0)["push"] }
      let data = pushes.first??["pub"]?["data"]
      #expect(pushes.count == 1)
      #expect(data?["event"]?.string == "snapshot" && data?["offset"]?.int == 3)
      #expect(data?["state"]?.string == "completed" && data?["attempt"]?.int == 1)
    }
    await other.close()
    proxy.close()
    await server.kill()
  }
}
