import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

@Suite("The kind webhook", .timeLimit(.minutes(1))) @EventLoop
struct WebhookWorkerTests {
  private let folder = TemporaryFolder()
  private let secrets = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
  ]

  /// Runs `body` with a broker whose queue of deliveries is worked off.
  private func withWorker(
    allowsPrivate: Bool = true, time: Duration = .seconds(15), slots: Int = 4, share: Int = 4,
    _ body: (EmbeddedBroker) async throws -> Void
  ) async throws {
    let broker = try await EmbeddedBroker.open(
      at: folder.path("jobs"), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let retry = RetryPolicy(base: .milliseconds(5), cap: .seconds(3600), jitter: 0)
    let worker = WebhookWorker(
      WebhookWorker.Configuration(
        secrets: secrets.compactMap { WebhookSecret($0) }, time: time, retry: retry, share: share, version: "1"),
      transport: WebTransport(allowsPrivateAddresses: allowsPrivate))
    let pool = WorkerPool(
      broker: broker, registry: WorkerRegistry([worker]), store: ArtifactStore(root: folder.path("store")),
      configuration: WorkerPool.Configuration(queues: [WebhookDelivery.queue], slots: slots),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    pool.start()
    let result: Result<Void, any Error>
    do {
      try await body(broker)
      result = .success(())
    } catch { result = .failure(error) }
    await pool.drain(grace: .zero)
    await broker.close()
    try result.get()
  }

  private func request(_ address: String, id: String = "evt_1", attempts: Int = 5) -> JobRequest {
    let delivery = WebhookDelivery(address: address, id: id, body: #"{"type":"job.completed","data":{"é":1}}"#)
    return JobRequest(
      queue: WebhookDelivery.queue, kind: .webhook, user: "alice", payload: delivery.payload, maxAttempts: attempts)
  }

  /// The job when its state is one of these.
  private func job(
    of request: JobRequest, in states: Set<JobState> = [.completed, .failed, .cancelled], on broker: EmbeddedBroker
  ) async throws -> Job {
    let changed = Bell()
    let subscription = try await broker.subscribe(to: .job(request.id)) { _ in changed.ring() }
    defer { subscription.cancel() }
    _ = try await broker.enqueue(request)
    while true {
      let job = try #require(try await broker.job(request.id))
      if states.contains(job.state) { return job }
      await changed.wait(upTo: .seconds(1))
    }
  }

  @Test("posts the body with its id, the moment, and a signature for each secret")
  func signed() async throws {
    let endpoint = WebhookReceiver()
    try await withWorker { broker in
      let job = try await job(of: request(endpoint.url("/hook?a=b")), on: broker)
      #expect(job.state == .completed && job.result?.description == #"{"status":204}"#)
      let message = try #require(endpoint.messages.values.first)
      #expect(message.path == "/hook?a=b" && message.id == "evt_1")
      #expect(message.body == #"{"type":"job.completed","data":{"é":1}}"#)
      #expect(message.headers["content-type"] == "application/json")
      #expect(message.headers["user-agent"] == "Fanfare/1")
      let at = try #require(message.headers["webhook-timestamp"].flatMap { Int64($0) })
      #expect(abs(at - Timestamp.now.milliseconds / 1000) < 60)
      #expect(message.headers["webhook-signature"]?.split(separator: " ").count == 2)
      for secret in secrets { #expect(try await message.isSigned(with: secret)) }
    }
    endpoint.close()
  }

  @Test("tries again where the answer is no success, with the same id and body, until it is")
  func retries() async throws {
    let endpoint = WebhookReceiver { _, earlier in
      [WebhookReceiver.Reply.status(500), .status(302, headers: "Location: /elsewhere\r\n"), .status(200)][earlier]
    }
    try await withWorker { broker in
      let job = try await job(of: request(endpoint.url()), on: broker)
      #expect(job.state == .completed && job.attempt == 3)
      let messages = endpoint.messages.values
      #expect(messages.count == 3 && Set(messages.map(\.id)).count == 1 && Set(messages.map(\.body)).count == 1)
      #expect(messages.allSatisfy { $0.path == "/" }, "no redirection is followed")
    }
    endpoint.close()
  }

  @Test("ends for good with 410, and where the address leads into a private network")
  func ends() async throws {
    let endpoint = WebhookReceiver { _, _ in .status(410) }
    try await withWorker { broker in
      let job = try await job(of: request(endpoint.url()), on: broker)
      #expect(job.state == .failed && job.attempt == 1 && job.failure?.code == "gone")
    }
    let count = endpoint.messages.values.count
    for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"] {
      try await withWorker(allowsPrivate: false) { broker in
        let address = host.hasPrefix("1") || host == "0.0.0.0" ? "http://\(host):\(9)/" : endpoint.url(host: host)
        let job = try await job(of: request(address), on: broker)
        #expect(job.state == .failed && job.attempt == 1 && job.failure?.code == "address_refused", "\(host)")
        #expect(job.failure?.message.contains(host) == false, "an address may hold what is secret")
      }
    }
    #expect(endpoint.messages.values.count == count)
    endpoint.close()
  }

  @Test("waits as long as the endpoint asks for, and no longer than the longest pause")
  func retryAfter() async throws {
    for (field, least, most) in [("120", 119_000, 121_000), ("1000000", 3_599_000, 3_601_000)]
      as [(String, Int64, Int64)]
    {
      let endpoint = WebhookReceiver { _, _ in .status(429, headers: "Retry-After: \(field)\r\n") }
      try await withWorker { broker in
        let job = try await job(of: request(endpoint.url()), in: [.retrying], on: broker)
        let pause = try #require(job.dueAt) - job.updatedAt
        #expect((least...most).contains(pause.milliseconds))
      }
      endpoint.close()
    }
  }

  @Test("does not let an endpoint that hangs hold up another, and gives it up after its time")
  func hangs() async throws {
    let slow = WebhookReceiver { _, _ in .silence }
    let quick = WebhookReceiver()
    try await withWorker(time: .milliseconds(1500), slots: 2, share: 1) { broker in
      for number in 0..<4 {
        _ = try await broker.enqueue(request(slow.url(host: "localhost"), id: "evt_s\(number)", attempts: 1))
      }
      _ = try await slow.messages.values(atLeast: 1)
      let told = try await job(of: request(quick.url(), id: "evt_q"), on: broker)
      #expect(told.state == .completed)
      #expect(slow.messages.values.count == 1, "while the first of them is waited for, its host gets no other")
      let given = try await broker.jobs(matching: JobFilter(states: [.failed])).jobs
      #expect(given.isEmpty)
      _ = try await slow.messages.values(atLeast: 2)
      let ended = try #require(try await broker.jobs(matching: JobFilter(states: [.failed])).jobs.first)
      #expect(ended.failure?.code == "unreachable")
    }
    slow.close()
    quick.close()
  }

  @Test("reads a pause in seconds or as a moment")
  func pauses() {
    let now = Timestamp(milliseconds: 1_445_412_480_000)
    #expect(RetryAfter.pause("7", now: now) == .seconds(7))
    #expect(RetryAfter.pause("Wed, 21 Oct 2015 07:28:30 GMT", now: now) == .seconds(30))
    #expect(RetryAfter.pause("Wed, 21 Oct 2015 07:27:30 GMT", now: now) == .zero)
    for text in ["", "-1", "soon", "1.5"] { #expect(RetryAfter.pause(text, now: now) == nil, "\(text)") }
  }
}
