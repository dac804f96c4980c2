import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

/// What becomes of payloads that are too large for the broker's record, seen over HTTP and sockets.
@Suite("A large payload") struct LargePayloadTests {
  @EventLoop
  private func run(
    settings change: @Sendable (inout GatewaySettings) -> Void = { _ in }, isCutOff: Bool = false,
    _ body: @EventLoop (SessionHarness) async throws -> Void
  ) async throws {
    try await SessionHarness.run(
      settings: {
        $0.requestLimit = 10_000
        $0.payloadLimit = 50_000
        $0.reusableKinds = [JobKind("echo")!]
        change(&$0)
      }, inlineLimit: 2000, isCutOff: isCutOff, body)
  }

  /// A JSON string of so many bytes.
  private func text(_ count: Int, _ letter: String = "x") -> String {
    "\"\(String(repeating: letter, count: count - 2))\""
  }

  @EventLoop
  private func submit(
    _ harness: SessionHarness, _ payload: String, _ members: String = "", key: String? = nil
  ) async throws -> FakeAnswer {
    try await harness.ask(
      .post, "/v1/jobs", #"{"kind":"echo","payload":\#(payload)\#(members)}"#,
      headers: key.map { ["idempotency-key": $0] } ?? [:])
  }

  /// The names of the payloads in the gateway's store.
  private func files(_ harness: SessionHarness) -> Set<String> {
    let names = FileManager.default.enumerator(atPath: "\(harness.files.root)/payloads")?.allObjects ?? []
    return Set(
      names.compactMap { $0 as? String }.filter { $0.contains("/") }.map {
        String($0.split(separator: "/").last ?? "")
      })
  }

  @Test("lies in the store from the limit on, and is shown to who asks for its job")
  func limit() async throws {
    try await run { harness in
      for (count, isStored) in [(2000, false), (2001, true), (50_000, true)] {
        let submitted = try await submit(harness, text(count))
        #expect(submitted.status == 202)
        let id = try #require(submitted["job"]?["id"]?.string)
        #expect(files(harness).contains(id) == isStored, "\(count)")
        let record = try #require(try await harness.broker.job(JobID(id)!)?.payload)
        #expect((record.bytes.count < 200) == isStored)
        #expect(
          try await harness.ask(.get, "/v1/jobs/\(id)")["payload"]?.text.description == text(count))
        let reply = try await harness.call("job.get", #"{"id":"\#(id)"}"#)
        #expect(reply["rpc"]?["data"]?["job"]?["payload"]?.text.description == text(count))
      }
      let refused = try await submit(harness, text(50_001))
      #expect(refused.status == 413 && refused.code == "payload-too-large")
      #expect(refused["detail"]?.string == "At most 50000 bytes are taken.")
      #expect(files(harness).count == 2)
      for path in ["/v1/jobs", "/v1/groups"] {
        let huge = try await harness.ask(.post, path, #"{"payload":\#(text(400_000))}"#)
        #expect(huge.status == 413 && huge.code == "payload-too-large")
        #expect(huge["detail"]?.string == "A payload may have at most 50000 bytes.")
      }
    }
  }

  @Test("submitted again with its key is the same job, and leaves no second file")
  func repeats() async throws {
    try await run { harness in
      let first = try await submit(harness, text(3000), key: "k")
      let id = try #require(first["job"]?["id"]?.string)
      let again = try await submit(harness, text(3000), key: "k")
      #expect(again["match"]?.string == "idempotency_key" && again["job"]?["id"]?.string == id)
      #expect(try await submit(harness, text(3000, "y"), key: "k").status == 422)
      #expect(try await submit(harness, text(3001), key: "k").status == 422)
      #expect(try await submit(harness, text(100), key: "k").status == 422)
      #expect(files(harness) == [id])
    }
  }

  @Test("is found again by its unique key and by its content, as a small one is")
  func otherKeys() async throws {
    try await run { harness in
      let unique = try await submit(harness, text(3000), #","unique_key":"u""#)
      let id = try #require(unique["job"]?["id"]?.string)
      #expect(
        try await submit(harness, text(4000), #","unique_key":"u""#)["match"]?.string == "unique_key")
      let spread = #"{"a":1,"b":\#(text(3000))}"#
      let reused = try await submit(harness, spread, #","reuse":true"#)
      let other = try #require(reused["job"]?["id"]?.string)
      let found = try await submit(harness, #"{ "b":\#(text(3000)), "a":1.0}"#, #","reuse":true"#)
      #expect(found["match"]?.string == "content_key" && found["job"]?["id"]?.string == other)
      #expect(
        try await submit(harness, #"{"a":2,"b":\#(text(3000))}"#, #","reuse":true"#)["match"] == nil)
      #expect(files(harness).count == 3 && files(harness).isSuperset(of: [id, other]))
    }
  }

  @Test("of a job that is refused leaves nothing; that of a job that is removed goes with it")
  func gone() async throws {
    try await run { harness in
      let waiting = try await submit(harness, text(3000))
      let id = try #require(waiting["job"]?["id"]?.string)
      #expect(
        try await harness.admin(.patch, "/v1/queues/default", #"{"max_waiting":1}"#).status == 200)
      #expect(try await submit(harness, text(3000)).status == 429)
      #expect(files(harness) == [id])
      #expect(try await harness.ask(.delete, "/v1/jobs/\(id)").status == 200)
      #expect(files(harness).isEmpty)
    }
  }

  @Test("that cannot be read is told beside the job, and comes back with its file")
  func missing() async throws {
    try await run { harness in
      let id = try #require(try await submit(harness, text(3000))["job"]?["id"]?.string)
      let path = "\(harness.files.root)/payloads"
      try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
      let job = try await harness.ask(.get, "/v1/jobs/\(id)")
      #expect(job.status == 200 && job["state"]?.string == "queued" && job["payload"] == nil)
      #expect(job["payload_error"]?["code"]?.string == "payload_unreadable")
      #expect(job["payload_error"]?["message"]?.string?.contains("3000 bytes") == true)
      let cancelled = try await harness.ask(.post, "/v1/jobs/\(id)/cancel")
      #expect(cancelled["state"]?.string == "cancelled" && cancelled["payload_error"] != nil)
      try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
      let retried = try await harness.ask(.post, "/v1/jobs/\(id)/retry")
      #expect(retried["payload"]?.text.description == text(3000) && retried["payload_error"] == nil)
    }
  }

  @Test("has a place in groups: in their jobs, and in the callback that follows them")
  func groups() async throws {
    try await run { harness in
      let group = GroupID()
      let body = #"""
        {"id":"\#(group)","callback":{"kind":"after","payload":\#(text(3000, "c"))},
         "jobs":[{"kind":"a","payload":\#(text(3000, "a"))},{"kind":"b","payload":\#(text(4000, "b"))},{"kind":"c"}]}
        """#
      let made = try await harness.ask(.post, "/v1/groups", body)
      #expect(made.status == 201 && made["refused"]?.int == 0)
      let kept = files(harness)
      #expect(kept.count == 3 && kept.count { $0.hasSuffix(".\(group)") } == 1)
      let again = try await harness.ask(.post, "/v1/groups", body)
      #expect(again["jobs"]?.array?.allSatisfy { $0["match"]?.string == "idempotency_key" } == true)
      #expect(files(harness) == kept, "repeated it is the same group and the same jobs")
      for letter in ["a", "b"] {
        let leased = try await harness.lease()
        #expect(try await harness.payloads.text(of: leased.payload).description.contains(letter))
        _ = try await harness.broker.settle(leased.lease, .complete(nil))
      }
      _ = try await harness.broker.settle(try await harness.lease().lease, .complete(nil))
      let callback = try await harness.lease()
      #expect(try await harness.payloads.text(of: callback.payload).description == text(3000, "c"))
      let shown = try await harness.ask(.get, "/v1/jobs/\(callback.lease.job)")
      #expect(shown["payload"]?.text.description == text(3000, "c"))
    }
  }

  @Test("of a schedule stays with it, and each of its jobs has a file of its own")
  func schedules() async throws {
    try await run(settings: { $0.payloadLimit = 400_000 }) { harness in
      let body = #"{"cron":"0 3 * * *","kind":"echo","payload":\#(text(3000))}"#
      #expect(try await harness.admin(.put, "/v1/schedules/nightly", body).status == 201)
      #expect(files(harness).isEmpty)
      #expect(
        try await harness.admin(.get, "/v1/schedules/nightly")["payload"]?.text.description
          == text(3000))
      var jobs: Set<String> = []
      for _ in 0..<2 {
        let run = try await harness.admin(.post, "/v1/schedules/nightly/run")
        jobs.insert(try #require(run["job"]?["id"]?.string))
      }
      #expect(files(harness) == jobs)
      #expect(try await harness.admin(.delete, "/v1/schedules/nightly").status == 204)
      let job = try await harness.admin(.get, "/v1/jobs/\(jobs.first ?? "")")
      #expect(job["payload"]?.text.description == text(3000), "it does not need its schedule")
      let large = #"{"cron":"0 3 * * *","kind":"echo","payload":\#(text(300_000))}"#
      #expect(try await harness.admin(.put, "/v1/schedules/large", large).status == 413)
    }
  }

  @Test("of a job that only this machine keeps lies in the store, too")
  func local() async throws {
    try await run(isCutOff: true) { harness in
      let answer = try await submit(harness, text(3000))
      #expect(answer["durability"]?.string == "local")
      let id = try #require(answer["job"]?["id"]?.string)
      #expect(files(harness) == [id])
      #expect(try await harness.ask(.get, "/v1/jobs/\(id)")["payload"]?.text.description == text(3000))
    }
  }

  @Test("is refused with 500 where the store takes nothing, and the job is not accepted")
  func noStore() async throws {
    try await run { harness in
      try FileManager.default.createDirectory(
        atPath: harness.files.root, withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: "\(harness.files.root)/payloads"))
      let refused = try await submit(harness, text(3000))
      #expect(refused.status == 500)
      #expect(refused["detail"]?.string == "The payload cannot be kept.")
      #expect(try await submit(harness, text(2000)).status == 202)
      #expect(try await harness.broker.jobs(matching: JobFilter()).jobs.count == 1)
    }
  }
}
