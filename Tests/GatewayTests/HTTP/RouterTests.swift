import EventLoop
import Gateway
import Jobs
import Testing

@Suite("The router") struct RouterTests {
  @Test("names the methods of an address that is called by another")
  func otherMethod() async throws {
    try await SessionHarness.run { harness in
      let exchange = FakeExchange(Request(method: .delete, path: "/v1/jobs"))
      harness.gateway.handle(exchange)
      let answer = try await exchange.answer()
      #expect(answer.status == 405)
      #expect(answer.headers.first { $0.name == "allow" }?.value == "POST, GET, HEAD")
    }
  }

  @Test("tells a browser beforehand every method that an address answers")
  func preflight() async throws {
    let clipForge = try #require(LegacyAPI.all.first { $0.name == "clipforge" })
    try await SessionHarness.run(settings: {
      $0.corsOrigins = ["https://app.example.com"]
      $0.legacy = [LegacyMount(clipForge)]
    }) { harness in
      for (path, methods) in [
        ("/v1/jobs", "POST, GET, HEAD, OPTIONS"), ("/api/queues/1", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/api/queues/1/jobs/2", "GET, HEAD, DELETE, OPTIONS"),
        // The page shall see the 404, and not be kept from asking.
        ("/nothing", "GET, HEAD, POST, OPTIONS"),
      ] {
        let answer = try await harness.ask(.options, path, headers: ["origin": "https://app.example.com"])
        #expect(answer.status == 204)
        #expect(answer.headers["access-control-allow-methods"] == methods, "\(path)")
      }
    }
  }
}
