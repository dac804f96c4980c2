import EventLoop
import Gateway
import Jobs
import Testing

@Suite("Webhooks that are asked for") @EventLoop
struct WebhookSubmissionTests {
  private func run(
    _ rules: WebhookRules? = WebhookRules(), records: Bool = false,
    _ body: @EventLoop (SessionHarness) async throws -> Void
  ) async throws {
    try await SessionHarness.runUnlimited(
      settings: {
        $0.webhooks = rules
        $0.recordsHistory = records
      }, body)
  }

  private func pointers(_ answer: FakeAnswer) -> [String?] {
    answer["errors"]?.array?.map { $0["pointer"]?.string } ?? []
  }

  @Test("stand with the job, for its ends unless other states are named")
  func accepted() async throws {
    try await run { harness in
      try await harness.broker.register(FeedConsumer("test"), bound: 100)
      let answer = try await harness.ask(
        .post, "/v1/jobs",
        #"{"kind":"echo","webhooks":[{"url":"https://example.com/a"},{"url":"https://example.com/b","events":"all"},{"url":"https://example.com/c","events":["running","failed"]}]}"#
      )
      #expect(answer.status == 202 || answer.status == 201)
      let entry = try #require(
        try await harness.broker.feed(for: FeedConsumer("test"), holder: "a", lease: .seconds(9), limit: 9).entries
          .first)
      #expect(
        entry.terms
          == FeedTerms(webhooks: [
            Webhook("https://example.com/a"), Webhook("https://example.com/b", .all),
            Webhook("https://example.com/c", .states([.running, .failed])),
          ]))
      #expect(answer.body.text.description.contains("example.com") == false, "addresses may hold what is secret")
    }
  }

  @Test("are refused with the place of each fault")
  func faults() async throws {
    try await run { harness in
      let answer = try await harness.ask(
        .post, "/v1/jobs",
        #"{"kind":"echo","webhooks":[{"url":"http://example.com"},{"events":"all"},{"url":"https://a:b@example.com"},{"url":"ftp://example.com","events":["done"]},{"url":"https://example.com","more":1}]}"#
      )
      #expect(answer.status == 400)
      #expect(
        pointers(answer) == [
          "/webhooks/0/url", "/webhooks/1/url", "/webhooks/2/url", "/webhooks/3/url", "/webhooks/3/events",
          "/webhooks/4/more",
        ])
      for list in [
        "[]", "{}", #"[1]"#, "[" + Array(repeating: #"{"url":"https://a.b"}"#, count: 6).joined(separator: ",") + "]",
      ] {
        let answer = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo","webhooks":\#(list)}"#)
        #expect(pointers(answer) == ["/webhooks"], "\(list)")
      }
      let twice = #"[{"url":"https://a.b"},{"url":"https://a.b","events":"all"}]"#
      #expect(
        pointers(try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo","webhooks":\#(twice)}"#)) == ["/webhooks"])
    }
    try await run(nil) { harness in
      let answer = try await harness.ask(
        .post, "/v1/jobs", #"{"kind":"echo","webhooks":[{"url":"https://example.com/a"}]}"#)
      #expect(pointers(answer) == ["/webhooks"], "nothing could be signed")
    }
    var rules = WebhookRules()
    rules.allowsPrivateAddresses = true
    try await run(rules) { harness in
      let answer = try await harness.ask(
        .post, "/v1/jobs", #"{"kind":"echo","webhooks":[{"url":"http://10.0.0.1:8000/a"}]}"#)
      #expect(answer.status < 300)
    }
  }

  @Test("leave kind and queue of their deliveries to the gateway")
  func reserved() async throws {
    try await run { harness in
      let answer = try await harness.ask(.post, "/v1/jobs", #"{"kind":"webhook","queue":"webhooks"}"#)
      #expect(Set(pointers(answer)) == ["/kind", "/queue"])
    }
  }

  @Test("are set for a queue, shown with it, and taken away")
  func ofQueue() async throws {
    try await run { harness in
      let made = try await harness.admin(
        .put, "/v1/queues/render", #"{"webhooks":[{"url":"https://example.com/q","events":["failed"]}]}"#)
      #expect(made.status == 201)
      #expect(made["settings"]?["webhooks"]?.array?.first?["url"]?.string == "https://example.com/q")
      #expect(made["settings"]?["webhooks"]?.array?.first?["events"]?.array?.map(\.string) == ["failed"])
      let kept = try await harness.admin(.patch, "/v1/queues/render", #"{"concurrency":3}"#)
      #expect(kept["settings"]?["webhooks"]?.array?.count == 1)
      let faulty = try await harness.admin(.patch, "/v1/queues/render", #"{"webhooks":[{"url":"http://example.com"}]}"#)
      #expect(pointers(faulty).first??.hasSuffix("/webhooks/0/url") == true)
      let cleared = try await harness.admin(.patch, "/v1/queues/render", #"{"webhooks":null}"#)
      #expect(cleared["settings"]?["webhooks"] == nil)
    }
  }

  @Test("and every job, group's callback and schedule goes into the history where there is one")
  func recorded() async throws {
    try await run(records: true) { harness in
      let consumer = FeedConsumer("test")
      try await harness.broker.register(consumer, bound: 100)
      _ = try await harness.ask(.post, "/v1/jobs", #"{"kind":"a"}"#)
      _ = try await harness.ask(
        .post, "/v1/groups", #"{"jobs":[{"kind":"b"}],"callback":{"kind":"c"}}"#)
      let leases = try await harness.broker.lease(
        from: [.default], limit: 9, for: .seconds(30), by: WorkerID("w")!)
      for job in leases { _ = try await harness.broker.settle(job.lease, .complete(nil)) }
      _ = try await harness.admin(.put, "/v1/schedules/s", #"{"cron":"@daily","kind":"d"}"#)
      #expect(try await harness.broker.schedules().map(\.schedule.request.isRecorded) == [true])
      let entries = try await harness.broker.feed(for: consumer, holder: "a", lease: .seconds(9), limit: 99).entries
      #expect(Set(entries.map(\.job.kind.description)) == ["a", "b", "c"])
      #expect(entries.allSatisfy { $0.terms.isRecorded })
    }
  }
}
