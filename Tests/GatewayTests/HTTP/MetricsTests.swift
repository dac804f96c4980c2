import EventLoop
import Jobs
import Support
import Testing

@testable import Gateway

@Suite("Metrics") struct MetricsTests {
  @EventLoop private func read(
    _ harness: SessionHarness, listener: String? = nil, token: String? = nil
  ) async throws -> (status: Int, text: String) {
    var request = Request(method: .get, path: "/metrics", headers: ["host": "localhost"])
    request.listener = listener
    if let token { request.headers["authorization"] = "Bearer \(token)" }
    let exchange = FakeExchange(request)
    harness.gateway.handle(exchange)
    let response = try await exchange.answer()
    guard case .bytes(let bytes) = response.body else { return (response.status, "") }
    return (response.status, String(decoding: bytes, as: UTF8.self))
  }

  @Test("are for operators, and at their own listener for whoever reaches it")
  func admission() async throws {
    try await SessionHarness.run { harness in
      let operators = try harness.token("root", scopes: [.admin])
      let statuses = [
        try await read(harness).status, try await read(harness, token: harness.token()).status,
        try await read(harness, token: operators).status, try await read(harness, listener: "metrics").status,
        try await read(harness, listener: "demucs").status,
      ]
      #expect(statuses == [401, 403, 200, 200, 401])
    }
  }

  @Test("tell what is in queues, who works, and what somebody should look at")
  func page() async throws {
    try await SessionHarness.run { harness in
      try await harness.enqueue()
      try await harness.enqueue()
      let leased = try await harness.lease()
      _ = try await harness.broker.settle(leased.lease, .fail(JobFailure(code: "x", message: "y"), retry: .never))
      let text = try await read(harness, listener: "metrics").text
      for line in [
        "fanfare_broker_up 1", "fanfare_jobs{queue=\"default\",state=\"queued\"} 1",
        "fanfare_jobs{queue=\"default\",state=\"failed\"} 1", "fanfare_queue_backlog{queue=\"default\"} 1",
        "fanfare_jobs_accepted_total{queue=\"default\"} 2", "fanfare_jobs_failed_total{queue=\"default\"} 1",
        "fanfare_alert{condition=\"no_worker\",queue=\"default\"} 1", "fanfare_job_success_ratio{queue=\"default\"} 0",
        "fanfare_workers{state=\"live\"} 0",
      ] {
        #expect(text.split(separator: "\n").contains(line[...]), "\(line)")
      }
    }
  }

  @Test("are well-formed: each metric has its help and type once, before its samples, and no sample stands twice")
  func form() async throws {
    try await SessionHarness.run { harness in
      try await harness.enqueue()
      var typed: Set<Substring> = []
      var samples: Set<Substring> = []
      for line in try await read(harness, listener: "metrics").text.split(separator: "\n") {
        if line.hasPrefix("# TYPE ") {
          let name = line.split(separator: " ")[2]
          #expect(typed.insert(name).inserted)
        } else if !line.hasPrefix("# HELP ") {
          let sample = try #require(line.wholeMatch(of: #/(([a-z_]+)(?:\{[^}]*\})?) -?[0-9.e+-]+/#), "\(line)")
          #expect(typed.contains(sample.2))
          #expect(samples.insert(sample.1).inserted)
        }
      }
      #expect(typed.count >= 15)
    }
  }

  @Test("tell of every gateway by its name, so that it makes no difference which one answers")
  func nodes() {
    var page = MetricsPage()
    page.add(
      ["a", "b"].map {
        NodeReport(
          id: NodeID($0), host: "host", process: 1, version: "1", startedAt: Timestamp(milliseconds: 1000),
          connections: 3)
      }, now: Timestamp(milliseconds: 3500))
    for line in [
      "fanfare_node_uptime_seconds{node=\"a\"} 2.5", "fanfare_node_uptime_seconds{node=\"b\"} 2.5",
      "fanfare_node_connections{node=\"b\"} 3",
    ] { #expect(page.text.split(separator: "\n").contains(line[...]), "\(line)") }
  }

  @Test("write labels that no name breaks out of")
  func labels() {
    var page = MetricsPage()
    page.add("x", .gauge, "X.", [([("a", "b\"} 9\n\\")], 1.5)])
    #expect(page.text == "# HELP fanfare_x X.\n# TYPE fanfare_x gauge\nfanfare_x{a=\"b\\\"} 9\\n\\\\\"} 1.5\n")
  }
}
