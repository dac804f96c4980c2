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
}
