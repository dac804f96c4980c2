import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Gateway

@Suite("An older system in its place") struct LegacyMountTests {
  private func api(_ name: String) throws -> LegacyAPI { try #require(LegacyAPI.all.first { $0.name == name }) }

  @Test("answers below its prefix, and names addresses as its callers reach them")
  func prefix() async throws {
    let mount = LegacyMount(try api("demucs"), prefix: "/old/demucs")
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      try await harness.gateway.prepareQueues()
      let made = try await harness.ask(
        .post, "/old/demucs/process-video", #"{"input":"https://example.com/a.mp4"}"#,
        headers: ["content-type": "application/json"])
      let id = try #require(made["job_id"]?.string)
      #expect(made["status_url"]?.string == "/old/demucs/queue/job/\(id)/status")
      #expect(try await harness.ask(.get, "/queue/status").status == 404)
      #expect(try await harness.ask(.get, "/v1/jobs/\(id)")["kind"]?.string == "demucs")
    }
  }

  @Test("answers at its listener only, and tells in its own words what is not there")
  func listener() async throws {
    let mount = LegacyMount(try api("clipforge"), listener: "clipforge")
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      try await harness.gateway.prepareQueues()
      let server = WebSocketServer(delegate: harness.gateway, logger: .init(label: "test"))
      let own = try server.listen(on: "127.0.0.1", port: 0)
      let legacy = try server.listen(on: "127.0.0.1", port: 0, as: "clipforge")
      @EventLoop func get(_ path: String, at port: Int) async throws -> HTTPAnswer {
        let socket = try await RawSocket.connect(to: port)
        defer { socket.close() }
        try await socket.send(
          "GET \(path) HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(harness.token())\r\n\r\n")
        return try await socket.receiveAnswer()
      }
      #expect(try await get("/api/queues/health", at: legacy).status == 200)
      let absent = try await get("/api/nothing", at: legacy)
      #expect(absent.text == #"{"statusCode":404,"message":"There is nothing at this address.","error":"Not Found"}"#)
      #expect(try await get("/api/queues/health", at: own).status == 404)
      #expect(try await get("/v1/jobs", at: own).status == 200)
      // The gateway's own addresses are everywhere: so are the streams that older answers name.
      #expect(try await get("/v1/jobs", at: legacy).status == 200)
      await server.shutdown()
    }
  }

  @Test("tells how it is at the gateway's own listener too, where its callers asked another of its services")
  func health() async throws {
    let mount = LegacyMount(try api("transcription"), listener: "transcription")
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      let health = try await harness.ask(.get, "/health")
      #expect(health.status == 200)
      #expect(health["redis"]?.string == "connected")
      #expect(try await harness.ask(.get, "/stats").status == 404)
    }
    // Redis is away, and the queue goes on.
    try await SessionHarness.run(settings: { $0.legacy = [mount] }, isCutOff: true) { harness in
      let health = try await harness.ask(.get, "/health")
      #expect(health.status == 200)
      let words = ["status", "redis", "queue_service"].map { health[$0]?.string }
      #expect(words == ["degraded", "disconnected", "available"])
    }
  }

  @Test("says since when it is deprecated, and when it ends, with every answer")
  func deprecation() async throws {
    let mount = LegacyMount(
      try api("ffmpeg_api"), deprecatedSince: Date(timeIntervalSince1970: 1_767_225_600),
      sunset: Date(timeIntervalSince1970: 1_798_761_600), linksStreams: false)
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      try await harness.gateway.prepareQueues()
      for path in ["/ffmpeg/queue/size", "/ffmpeg/status/none"] {
        let answer = try await harness.ask(.get, path)
        #expect(answer.headers["deprecation"] == "@1767225600")
        #expect(answer.headers["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT")
      }
      let job = try await harness.enqueue()
      let answer = try await harness.ask(.get, "/ffmpeg/status/\(job.id)")
      #expect(answer.headers["link"] == nil)
      #expect(answer.headers["x-job-state"] == "queued")
    }
  }

  // MARK: Callers without a token

  @EventLoop private func ask(
    _ harness: SessionHarness, _ path: String, _ method: Request.Method = .get, headers: [String: String] = [:],
    from peer: String = "10.0.0.1"
  ) async throws -> Response {
    let exchange = FakeExchange(
      Request(
        method: method, path: path, headers: ["host": "localhost"].merging(headers) { $1 }, peer: peer))
    harness.gateway.handle(exchange)
    return try await exchange.answer()
  }

  private func open(_ name: String) throws -> LegacyMount {
    LegacyMount(
      try api(name), caller: Identity(user: "legacy", permissions: [.submit, .read], expiresAt: .distantFuture))
  }

  @Test("lets callers in without a token as the user it is bound to, each address with a budget of its own")
  func fixedUser() async throws {
    let mount = try open("ffmpeg_api")
    try await SessionHarness.run(settings: {
      $0.requestLimit = 2
      $0.legacy = [mount]
    }) { harness in
      try await harness.gateway.prepareQueues()
      let job = try await harness.enqueue(by: "legacy")
      #expect(try await ask(harness, "/ffmpeg/status/\(job.id)").status == 200)
      #expect(try await ask(harness, "/ffmpeg/status/\(job.id)").status == 200)
      let refused = try await ask(harness, "/ffmpeg/status/\(job.id)")
      #expect(refused.status == 429)
      #expect(refused.headers.contains { $0.name == "retry-after" })
      #expect(try await ask(harness, "/ffmpeg/status/\(job.id)", from: "10.0.0.2").status == 200)
      // The rest of the gateway asks for a token all the same.
      #expect(try await ask(harness, "/v1/jobs").status == 401)
    }
  }

  @Test("lets callers without a token have the files that their jobs left")
  func filesOfFixedUser() async throws {
    let mounts = [try open("demucs"), try open("ffmpeg_api")]
    try await SessionHarness.run(settings: { $0.legacy = mounts }) { harness in
      _ = try await harness.enqueue(by: "legacy")
      let leased = try await harness.lease()
      let work = try await harness.files.makeWorkFolder(job: leased.lease.job, token: leased.lease.token)
      try Data(repeating: 7, count: 10).write(to: URL(fileURLWithPath: "\(work)/made"))
      _ = try await harness.files.publish(
        "\(work)/made", as: #require(ArtifactName("o.mp4")), job: leased.lease.job, kind: leased.kind,
        token: leased.lease.token, owner: "legacy")
      let id = leased.lease.job
      for path in ["/queue/job/\(id)/files/o.mp4", "/ffmpeg/outputs/\(id)/o.mp4"] {
        #expect(try await ask(harness, path).status == 200)
        let alice = try await ask(harness, path, headers: ["authorization": "Bearer \(harness.token())"])
        #expect(alice.status == 404)
      }
    }
  }

  @Test("of videos makes none of more images than there may be")
  func manyImages() async throws {
    let mount = LegacyMount(try api("video_generator"))
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      let session = SessionFolder()
      for _ in 0...200 { try await harness.files.add(UploadID(), to: session, of: "alice") }
      let answer = try await harness.ask(.post, "/generate_video", #"{"session_id":"\#(session)"}"#)
      #expect(answer.status == 400)
      #expect(answer["error"]?.string == "session_id has more than 200 images")
    }
  }

  @Test("keeps the results of videos as long as RQ did, and failed tasks of ffmpeg for a month")
  func retention() async throws {
    let mounts = [LegacyMount(try api("video_generator")), LegacyMount(try api("ffmpeg_api"))]
    try await SessionHarness.run(settings: { $0.legacy = mounts }) { harness in
      try await harness.gateway.prepareQueues()
      let videos = try await harness.broker.queue(QueueName("video_generation")!)
      #expect(videos?.settings.completed == RetentionRule(age: .seconds(500)))
      let ffmpeg = try await harness.broker.queue(QueueName("ffmpeg")!)
      #expect(ffmpeg?.settings.failed == RetentionRule(age: .seconds(30 * 86_400)))
    }
  }

  @Test("completes a queue that a worker has made before it, and no other's")
  func madeByWorkers() async throws {
    let mounts = [LegacyMount(try api("video_generator")), LegacyMount(try api("demucs"))]
    try await SessionHarness.run(settings: { $0.legacy = mounts }) { harness in
      let (videos, demucs) = (QueueName("video_generation")!, QueueName("demucs")!)
      var left = QueueSettings()
      left.defaults.maxAttempts = 1
      left.concurrency = 7
      _ = try await harness.broker.set(videos, to: left, ifVersion: 0)
      var chosen = left
      chosen.order = .lifo
      _ = try await harness.broker.set(demucs, to: chosen, ifVersion: 0)
      for _ in 0..<2 { try await harness.gateway.prepareQueues() }
      let status = try #require(try await harness.broker.queue(videos))
      #expect(status.settings.completed == RetentionRule(age: .seconds(500)))
      #expect(status.settings.concurrency == 7 && status.version == 2)
      #expect(try await harness.broker.queue(demucs)?.settings == chosen)
    }
  }

  @Test("takes a token's word over the user it is bound to, and no bad token for none")
  func tokensCount() async throws {
    let mount = try open("ffmpeg_api")
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      let job = try await harness.enqueue(by: "legacy")
      let alice = try await ask(
        harness, "/ffmpeg/status/\(job.id)", headers: ["authorization": "Bearer \(harness.token())"])
      #expect(alice.status == 404)
      let bad = try await ask(harness, "/ffmpeg/status/\(job.id)", headers: ["authorization": "Bearer nonsense"])
      #expect(bad.status == 401)
    }
  }

  @Test("lets no foreign page act for a caller who needs no token")
  func foreignPages() async throws {
    let mount = try open("ffmpeg_api")
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      try await harness.gateway.prepareQueues()
      #expect(
        try await ask(harness, "/ffmpeg/queue/size", headers: ["origin": "https://evil.example"]).status == 403)
      #expect(try await ask(harness, "/ffmpeg/queue/size", headers: ["sec-fetch-site": "cross-site"]).status == 403)
      #expect(try await ask(harness, "/ffmpeg/queue/size", headers: ["origin": "http://localhost"]).status == 200)
      // A service that is no browser sends no Origin; 422: the body is empty.
      #expect(try await ask(harness, "/ffmpeg/register", .post).status == 422)
      #expect(
        try await ask(harness, "/ffmpeg/register", .post, headers: ["origin": "https://evil.example"]).status == 403)
    }
  }

  @Test("of videos finds imported jobs by the ids that they had")
  func importedIDs() async throws {
    let mount = LegacyMount(try api("video_generator"))
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      let old = "0b7f6a3e-93c1-4f2e-9d3a-5f0e6c1b2a7d"
      let id = try #require(JobID(imported: old))
      #expect(id.description == "0b7f6a3e-93c1-8000-9d3a-5f0e6c1b2a7d")
      _ = try await harness.broker.enqueue(JobRequest(id: id, kind: JobKind("slideshow")!, user: "alice"))
      #expect(try await harness.ask(.get, "/job_status/\(old)")["job_id"]?.string == id.description)
      #expect(try await harness.ask(.get, "/job_status/0b7f6a3e-93c1-4f2e-9d3a-5f0e6c1b2a7e").status == 404)
    }
  }

  @Test("of transcriptions knows tasks and no other jobs, and shows those of all to admins")
  func tasks() async throws {
    let mount = LegacyMount(try api("transcription"))
    try await SessionHarness.runUnlimited(settings: { $0.legacy = [mount] }) { harness in
      let task = try await harness.enqueue("transcription")
      let other = try await harness.enqueue("ingest")
      let ofBob = try await harness.enqueue("risk_detection", by: "bob")
      func listed(_ answer: FakeAnswer) -> [String?]? { answer["tasks"]?.array?.map { $0["task_id"]?.string } }
      #expect(try await listed(harness.ask(.get, "/tasks")) == [task.id.description])
      #expect(try await listed(harness.admin(.get, "/tasks")) == [ofBob.id.description, task.id.description])
      #expect(try await listed(harness.admin(.get, "/tasks?limit=1&offset=1")) == [task.id.description])
      #expect(try await listed(harness.admin(.get, "/tasks?type=risk-detection")) == [ofBob.id.description])
      #expect(try await harness.ask(.get, "/tasks/\(other.id)").status == 404)
      #expect(try await harness.ask(.delete, "/tasks/\(other.id)").status == 404)
      #expect(try await harness.broker.job(other.id)?.state == .queued)
    }
  }

  @Test("without a queue tells where to go on whoever waits when the gateway ends")
  func drained() async throws {
    var mount = LegacyMount(try api("video_generator"))
    mount.isSynchronous = true
    let synchronous = mount
    try await SessionHarness.run(settings: { $0.legacy = [synchronous] }) { harness in
      let session = SessionFolder()
      try await harness.files.add(UploadID(), to: session, of: "alice")
      async let answer = harness.ask(.post, "/generate_video", #"{"session_id":"\#(session)"}"#)
      try await harness.subscriptions(1)
      await harness.gateway.drain(over: .zero)
      let told = try await answer
      #expect(told.status == 200)
      let job = try #require(told["job_id"]?.string)
      #expect(told["status_url"]?.string == "/job_status/\(job)")
    }
  }

  // MARK: Queues

  @Test("gives its queues their settings once, and leaves those that somebody set")
  func queues() async throws {
    let mount = LegacyMount(try api("transcription"))
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      var own = QueueSettings()
      own.concurrency = 9
      _ = try await harness.broker.set(QueueName("risk_detection")!, to: own, ifVersion: nil)
      try await harness.gateway.prepareQueues()
      try await harness.gateway.prepareQueues()
      let transcription = try await harness.broker.queue(QueueName("transcription")!)
      #expect(transcription?.settings.order == .lifo)
      #expect(transcription?.version == 1)
      let risk = try await harness.broker.queue(QueueName("risk_detection")!)
      #expect(risk?.settings == own)
    }
  }

  @Test("gives its jobs the time that is configured for one run")
  func timeout() async throws {
    let mount = LegacyMount(try api("transcription"), timeout: .seconds(77))
    try await SessionHarness.run(settings: { $0.legacy = [mount] }) { harness in
      let made = try await harness.ask(.post, "/tasks/transcription", #"{"a":1}"#)
      let id = try #require(made["task_id"]?.string.flatMap { JobID($0) })
      #expect(try await harness.broker.job(id)?.timeout == .seconds(77))
    }
  }
}
