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
}
