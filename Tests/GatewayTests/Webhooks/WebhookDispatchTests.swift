import EventLoop
import Gateway
import Jobs
import Logging
import Support
import Testing

@Suite("The dispatch of webhooks", .timeLimit(.minutes(1))) @EventLoop
struct WebhookDispatchTests {
  private let folder = TemporaryFolder()

  private func withDispatch(
    clock: @escaping @Sendable () -> Timestamp = { .now },
    _ body: (EmbeddedBroker, WebhookDispatch) async throws -> Void
  ) async throws {
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = try await EmbeddedBroker.open(at: folder.path("jobs"), logger: logger)
    let payloads = PayloadStore(files: ArtifactStore(root: folder.path("files")))
    try await broker.register(WebhookDispatch.consumer, bound: 1000)
    var rules = WebhookRules()
    rules.attempts = 7
    try await body(broker, WebhookDispatch(broker: broker, payloads: payloads, rules: rules, clock: clock))
    await broker.close()
  }

  private func entries(_ broker: EmbeddedBroker) async throws -> [FeedEntry] {
    try await broker.feed(for: WebhookDispatch.consumer, holder: "a", lease: .seconds(9), limit: 1000).entries
  }

  private func deliveries(_ broker: EmbeddedBroker) async throws -> [(job: Job, delivery: WebhookDelivery)] {
    var found: [(Job, WebhookDelivery)] = []
    for job in try await broker.jobs(matching: JobFilter(queue: WebhookDelivery.queue, limit: 200)).jobs.reversed() {
      let payload = try #require(try await broker.job(job.id)?.payload)
      guard case .inline(let text) = payload else { continue }
      found.append((job, try #require(WebhookDelivery(payload: text))))
    }
    return found
  }

  /// A job from its acceptance to its end.
  private func run(_ request: JobRequest, _ settlement: Settlement, on broker: EmbeddedBroker) async throws {
    _ = try await broker.enqueue(request)
    let lease = try #require(
      try await broker.lease(from: [request.queue], limit: 1, for: .seconds(30), by: WorkerID("w")!).first
    ).lease
    _ = try await broker.settle(lease, settlement)
  }

  @Test("makes a job for each address that hears of a change, once however often the entry comes")
  func once() async throws {
    try await withDispatch { broker, dispatch in
      var settings = QueueSettings()
      settings.webhooks = [Webhook("https://example.com/q")]
      _ = try await broker.set(.default, to: settings, ifVersion: nil)
      var request = JobRequest(kind: JobKind("echo")!, user: "alice")
      request.webhooks = [Webhook("https://example.com/all", .all)]
      try await run(request, .complete(JSONText(unchecked: Array("[1]".utf8))), on: broker)
      let entries = try await entries(broker)
      for _ in 0..<2 { try await dispatch.dispatch(entries) }
      let found = try await deliveries(broker)
      #expect(found.count == 4)
      let all = found.filter { $0.delivery.address == "https://example.com/all" }
      #expect(all.map(\.job.user) == ["alice", "alice", "alice"] && all.allSatisfy { $0.job.maxAttempts == 7 })
      let documents = try all.map { try JSONDocument(bytes: Array($0.delivery.body.utf8)).root }
      #expect(documents.map { $0["type"]?.string } == ["job.queued", "job.running", "job.completed"])
      #expect(documents.map { $0["data"]?["offset"]?.int } == [1, 2, 3])
      #expect(documents[2]["data"]?["id"]?.string == request.id.description)
      #expect(documents[2]["data"]?["result"]?.text.description == "[1]")
      #expect(documents[2]["data"]?["previous_state"]?.string == "running")
      #expect(documents[2]["timestamp"]?.string?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
      let ofQueue = try #require(found.first { $0.delivery.address == "https://example.com/q" })
      #expect(ofQueue.job.user == "webhooks", "the operator's address is not the user's to see")
      #expect(ofQueue.delivery.id == all[2].delivery.id, "one message, whoever gets it")
      #expect(Set(all.map(\.delivery.id)).count == 3)
      #expect(try await self.entries(broker).allSatisfy { $0.job.kind != .webhook }, "deliveries tell nobody")
    }
  }

  @Test("names a fact beside a state an update, and keeps a result whole that goes to a file")
  func updates() async throws {
    try await withDispatch { broker, dispatch in
      var request = JobRequest(kind: JobKind("echo")!, user: "alice")
      request.webhooks = [Webhook("https://example.com/all", .all)]
      _ = try await broker.enqueue(request)
      _ = try await broker.reprioritise(request.id, to: Priority(9)!)
      let long = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 60 << 10))\"".utf8))
      let lease = try #require(
        try await broker.lease(from: [.default], limit: 1, for: .seconds(30), by: WorkerID("w")!).first
      ).lease
      _ = try await broker.settle(lease, .complete(long))
      try await dispatch.dispatch(try await entries(broker))
      let types = try await deliveries(broker).map {
        try JSONDocument(bytes: Array($0.delivery.body.utf8)).root["type"]?.string
      }
      #expect(types == ["job.queued", "job.updated", "job.running"])
      let jobs = try await broker.jobs(matching: JobFilter(queue: WebhookDelivery.queue)).jobs
      #expect(jobs.count == 4, "the one of the long result lies in the store")
    }
  }

  @Test("tells an end that a backup brings back under the id it had, and none that is long over")
  func restored() async throws {
    try await withDispatch { broker, dispatch in
      var request = JobRequest(kind: JobKind("echo")!, user: "alice")
      request.webhooks = [Webhook("https://example.com/a")]
      try await run(request, .complete(nil), on: broker)
      var end = try #require(try await entries(broker).last)
      try await dispatch.dispatch([end])
      end.reason = "restored"
      end.previous = nil
      end.job.position.epoch = "ffffffff"
      try await dispatch.dispatch([end])
      #expect(try await deliveries(broker).count == 1)
      end.job.updatedAt = Timestamp.now + (.zero - .seconds(86_400))
      try await dispatch.dispatch([end])
      #expect(try await deliveries(broker).count == 1)
    }
  }

  @Test("throws while the queue takes nothing: the feed keeps it")
  func refused() async throws {
    try await withDispatch { broker, dispatch in
      var settings = QueueSettings()
      settings.maxWaiting = 1
      _ = try await broker.set(WebhookDelivery.queue, to: settings, ifVersion: nil)
      for _ in 0..<2 {
        var request = JobRequest(kind: JobKind("echo")!, user: "alice")
        request.webhooks = [Webhook("https://example.com/a")]
        try await run(request, .complete(nil), on: broker)
      }
      let entries = try await entries(broker)
      await #expect(throws: PayloadStore.SubmissionFault.broker(.queueFull(limit: 1))) {
        try await dispatch.dispatch(entries)
      }
      _ = try await broker.set(WebhookDelivery.queue, to: QueueSettings(), ifVersion: nil)
      try await dispatch.dispatch(entries)
      #expect(try await deliveries(broker).count == 2)
    }
  }
}
