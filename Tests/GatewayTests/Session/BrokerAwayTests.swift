import EventLoop
import Foundation
import Gateway
import Logging
import Support
import Testing

@testable import Jobs

/// What is told to those who come while Redis does not answer.
@Suite("While Redis is away", .timeLimit(.minutes(1))) struct BrokerAwayTests {
  /// Runs `body` with a gateway over a Redis that stops when it is told to, after a job was enqueued.
  @EventLoop private func run(
    settings change: @Sendable (inout GatewaySettings) -> Void = { _ in },
    _ body: @EventLoop (SessionHarness, Job, RedisServer) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = RedisBroker(endpoint: server.endpoint, prefix: "away:", logger: logger)
    try await broker.start()
    try await SessionHarness.run(settings: change, over: broker) { harness in
      let job = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job
      try await body(harness, job, server)
      await server.resume()
    }
    await server.kill()
  }

  @Test("a subscription is refused for now, and pongs are heard meanwhile")
  func subscribing() async throws {
    try await run(settings: {
      $0.pingInterval = .milliseconds(200)
      $0.pongTimeout = .milliseconds(100)
    }) { harness, job, server in
      let (session, connection) = try await harness.connect()
      await server.pause()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      var count = 1
      var answer: JSONValue?
      while answer == nil, connection.closed == nil {
        count += 1
        let frame = try json(await connection.frames(count)[count - 1])
        if frame["id"]?.int == 2 { answer = frame["error"] } else { session.tell("{}") }
      }
      #expect(count > 2, "no ping came before the answer")
      #expect(answer?["code"]?.int == 100 && answer?["temporary"]?.bool == true)
      #expect(connection.closed == nil)
    }
  }

  @Test("who is to be subscribed with connect is asked to come back")
  func connecting() async throws {
    try await run { harness, job, server in
      await server.pause()
      let (session, connection) = try harness.open()
      let token = try harness.token(channels: ["job:\(job.id)"])
      session.tell(#"{"id":1,"connect":{"token":"\#(token)"}}"#)
      #expect(await connection.close() == 3004)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("a stream and a long poll are refused for now", arguments: ["/events", "?wait=30"])
  func streaming(_ form: String) async throws {
    try await run { harness, job, server in
      await server.pause()
      let headers = ["host": "localhost", "authorization": "Bearer \(try harness.token())"]
      let query = form.hasPrefix("?") ? [(name: "wait", value: "30")] : []
      let path = "/v1/jobs/\(job.id)" + (form.hasPrefix("/") ? form : "")
      let exchange = FakeExchange(Request(method: .get, path: path, query: query, headers: headers))
      harness.gateway.handle(exchange)
      #expect(try await exchange.answer().status == 503)
    }
  }
}
