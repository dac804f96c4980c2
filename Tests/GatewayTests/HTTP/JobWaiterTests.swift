import EventLoop
import Gateway
import Jobs
import Testing

@Suite("A long poll", .timeLimit(.minutes(1))) struct JobWaiterTests {
  @Test("ends when its client goes, also while the job is still being looked up")
  func goes() async throws {
    try await SessionHarness.run(settings: {
      $0.longPollLimit = .seconds(600)
      $0.requestLimit = 100
    }) { harness in
      let job = try await harness.enqueue()
      let headers = ["authorization": "Bearer \(try harness.token())"]
      for turns in 0..<20 {
        let exchange = FakeExchange(
          Request(
            method: .get, path: "/v1/jobs/\(job.id)", query: [("wait", "600")], headers: headers))
        harness.gateway.handle(exchange)
        try await harness.subscriptions(1)
        for _ in 0..<turns { await Task.yield() }
        exchange.leave()
        try await harness.subscriptions(0)
      }
    }
  }

  @Test("on a submission tells the end also where the queue keeps no record of it")
  func forgotten() async throws {
    try await SessionHarness.runUnlimited { harness in
      var settings = QueueSettings()
      settings.completed.count = 0
      _ = try await harness.broker.set(.default, to: settings, ifVersion: nil)
      async let answer = harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#, headers: ["prefer": "wait=60"])
      try await harness.subscriptions(1)
      let lease = try await harness.lease().lease
      let result = JSONText(unchecked: Array(#"{"n":1}"#.utf8))
      _ = try await harness.broker.settle(lease, .complete(result))
      let ended = try await answer
      #expect(ended.status == 200)
      #expect(ended["job"]?["state"]?.string == "completed" && ended["job"]?["percent"]?.double == 100)
      #expect(ended["job"]?["result"]?["n"]?.int == 1)
      #expect(try await harness.broker.job(lease.job) == nil)
    }
  }
}
