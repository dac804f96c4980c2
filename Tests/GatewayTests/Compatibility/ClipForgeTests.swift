import EventLoop
import Jobs
import Logging
import Support
import Testing

@testable import Gateway

/// What ClipForge's queues do, where its transcript only shows what they say.
@Suite("ClipForge's queues") struct ClipForgeTests {
  private let ingest = QueueName("ingest")!
  private var address: String { "/api/queues/\(ClipQueue.id(of: ingest))" }

  private func run(
    over broker: (any Broker)? = nil, _ body: @EventLoop (SessionHarness) async throws -> Void
  ) async throws {
    let api = try #require(LegacyAPI.all.first { $0.name == "clipforge" })
    try await SessionHarness.runUnlimited(settings: { $0.legacy = [LegacyMount(api)] }, over: broker) { harness in
      try await harness.gateway.prepareQueues()
      try await body(harness)
    }
  }

  @EventLoop private func lease(_ limit: Int, on harness: SessionHarness) async throws -> [LeasedJob] {
    try await harness.broker.lease(from: [ingest], limit: limit, for: .seconds(60), by: WorkerID("worker")!)
  }

  /// So many jobs are added, and all that wait run to such an end.
  @EventLoop private func end(_ count: Int, _ settlement: Settlement, on harness: SessionHarness) async throws {
    for _ in 0..<count {
      #expect(try await harness.ask(.post, "\(address)/jobs", #"{"data":{}}"#).status == 201)
      for leased in try await lease(1, on: harness) {
        _ = try await harness.broker.settle(leased.lease, settlement)
      }
    }
  }

  @Test("keep the newest ten jobs that went well and fifty that failed, or as many as they are told")
  func retention() async throws {
    let failure = Settlement.fail(JobFailure(code: "exit_1", message: "No such stream."), retry: .never)
    try await run { harness in
      func counts() async throws -> [Int?] {
        let queue = try await harness.ask(.get, address)
        return ["completed", "failed"].map { queue[$0]?.int }
      }
      try await end(12, .complete(nil), on: harness)
      try await end(52, failure, on: harness)
      #expect(try await counts() == [10, 50])
      let change = #"{"config":{"removeOnComplete":true,"removeOnFail":{"count":2,"age":3600}}}"#
      #expect(try await harness.admin(.patch, address, change).status == 200)
      try await end(1, .complete(nil), on: harness)
      try await end(1, failure, on: harness)
      #expect(try await counts() == [0, 2])
    }
  }

  @Test("let as many jobs run at a time as they are told, from then on")
  func concurrency() async throws {
    try await run { harness in
      for _ in 0..<6 { _ = try await harness.ask(.post, "\(address)/jobs", #"{"data":{}}"#) }
      for (concurrency, running) in [(1, 1), (3, 3), (2, 3), (4, 4)] {
        #expect(try await harness.admin(.patch, address, #"{"concurrency":\#(concurrency)}"#).status == 200)
        _ = try await lease(10, on: harness)
        #expect(try await harness.ask(.get, address)["active"]?.int == running, "\(concurrency)")
      }
    }
  }

  @Test("are overloaded when more than a hundred jobs wait")
  func overload() async throws {
    try await run { harness in
      _ = try await harness.broker.beat(
        WorkerReport(
          id: WorkerID("worker")!, host: "here", process: 1, version: "1", queues: [ingest], kinds: [], slots: 1,
          memory: 0, startedAt: .now), renewing: [], for: .seconds(60))
      for _ in 0..<100 {
        _ = try await harness.broker.enqueue(JobRequest(queue: ingest, kind: JobKind("ingest")!, user: "alice"))
      }
      #expect(try await harness.ask(.get, "/api/queues/health")["status"]?.string == "healthy")
      _ = try await harness.ask(.post, "\(address)/jobs", #"{"data":{}}"#)
      let health = try await harness.ask(.get, "/api/queues/health").body
      #expect(health.text.description == #"{"status":"degraded","healthy":6,"total":7,"overloaded":1,"errors":0}"#)
      let metrics = try await harness.ask(.get, address)["metrics"]
      #expect(metrics?["overloaded"]?.bool == true)
      #expect(metrics?["health"]?.string == "unhealthy")
      #expect(metrics?["backlog"]?.int == 101)
    }
  }

  @Test("show what a job was given, however large it is")
  func largeData() async throws {
    try await run { harness in
      let text = String(repeating: "a", count: 100_000)
      let added = try await harness.ask(.post, "\(address)/jobs", #"{"data":{"text":"\#(text)"}}"#)
      #expect(added["data"]?["text"]?.string == text)
      let id = try #require(added["id"]?.string)
      #expect(try await harness.ask(.get, "\(address)/jobs/\(id)")["data"]?["text"]?.string == text)
    }
  }

  @Test("have the jobs that were imported under the numbers that Bull gave them")
  func imported() async throws {
    try await run { harness in
      let id = JobID(bull: "17", in: "ingest")
      #expect(id.description == "f7cd4eb0-3cb2-8000-8d6b-9ab02ae85ddb")
      _ = try await harness.broker.enqueue(
        JobRequest(id: id, queue: ingest, kind: JobKind("ingest")!, user: "alice"))
      #expect(try await harness.ask(.get, "\(address)/jobs/17")["id"]?.string == id.description)
      #expect(try await harness.ask(.get, "\(address)/jobs/18").status == 404)
      #expect(try await harness.ask(.delete, "\(address)/jobs/17").status == 200)
      #expect(try await harness.ask(.get, "\(address)/jobs/17").status == 404)
    }
  }

  @Test("answer 503 in their own form while Redis is away, whatever is asked")
  @EventLoop func away() async throws {
    let server = try await RedisServer.start()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "clips:", logger: logger)
    try await broker.start()
    try await run(over: broker) { harness in
      await server.kill()
      for (method, path, body) in [
        (.get, "/api/queues", ""), (.get, "/api/queues/stats", ""), (.get, "/api/queues/health", ""),
        (.get, address, ""), (.post, "\(address)/jobs", #"{"data":{}}"#), (.post, "\(address)/pause", ""),
        (.patch, address, #"{"concurrency":2}"#), (.delete, "\(address)/jobs/\(JobID())", ""),
      ] as [(Request.Method, String, String)] {
        let answer = try await harness.admin(method, path, body)
        #expect(answer.status == 503, "\(path)")
        #expect(answer["statusCode"]?.int == 503)
        #expect(answer.headers["retry-after"] != nil)
      }
    }
    await broker.close()
  }
}
