import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("A unidirectional connection", .timeLimit(.minutes(1))) struct UnidirectionalTests {
  enum Form: CaseIterable, Sendable { case getEvents, postEvents, postLines }

  /// Asks for a stream with a connect request; the stream is nil where the answer is whole at once.
  @EventLoop private func answer(
    _ harness: SessionHarness, _ form: Form, _ connect: String, headers: [String: String] = [:]
  ) async throws -> (response: Response, stream: FakeStream?, exchange: FakeExchange) {
    var headers = headers
    headers["host"] = "localhost"
    let path = form == .postLines ? "/connection/uni_http_stream" : "/connection/uni_sse"
    let isGet = form == .getEvents
    let exchange = FakeExchange(
      Request(
        method: isGet ? .get : .post, path: path, query: isGet ? [("cf_connect", connect)] : [], headers: headers),
      body: isGet ? "" : connect)
    harness.gateway.handle(exchange)
    let response = try await exchange.answer()
    guard case .stream(let start) = response.body else { return (response, nil, exchange) }
    let stream = FakeStream()
    start(stream)
    return (response, stream, exchange)
  }

  /// The objects of a stream: blocks of server-sent events, or lines.
  private func objects(_ blocks: [String]) throws -> [JSONValue] {
    try blocks.flatMap { $0.split(separator: "\n") }.map {
      try json(String($0.hasPrefix("data: ") ? $0.dropFirst(6) : $0))
    }
  }

  private func objects(of response: Response) throws -> [JSONValue] {
    guard case .bytes(let bytes) = response.body else { return [] }
    return try objects([String(decoding: bytes, as: UTF8.self)])
  }

  @Test("begins with connect, goes on with bare pushes, and stays behind an end", arguments: Form.allCases)
  func life(form: Form) async throws {
    try await SessionHarness.run(settings: { $0.pingInterval = .seconds(25) }) { harness in
      let job = try await harness.enqueue()
      let connect = #"{"token":"\#(try harness.token())","subs":{"job:\#(job.id)":{}}}"#
      let (response, stream, _) = try await answer(harness, form, connect)
      let kind = response.headers.first { $0.name == "content-type" }?.value
      #expect(response.status == 200)
      #expect(kind == (form == .postLines ? "application/x-ndjson" : "text/event-stream"))
      let events = try #require(stream)
      let leased = try await harness.lease()
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      let told = try objects(await events.blocks(atLeast: 3))
      let result = told[0]["connect"]
      #expect(result?["client"]?.string?.isEmpty == false && result?["ping"]?.int == 25 && result?["pong"] == nil)
      #expect(result?["expires"]?.bool == true && result?["data"]?["user"]?.string == "alice")
      #expect(result?["subs"]?["job:\(job.id)"]?["data"]?["state"]?.string == "queued")
      #expect(told[1...].allSatisfy { $0["channel"]?.string == "job:\(job.id)" && $0["push"] == nil })
      #expect(told[1...].map { $0["pub"]?["offset"]?.int } == [2, 3])
      #expect(told[2]["pub"]?["data"]?["state"]?.string == "completed")
      #expect(!events.isFinished, "another channel may be shown, and the job may run again")
    }
  }

  @Test("is recovered by the positions in subs, as a socket is", arguments: Form.allCases)
  func recovered(form: Form) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      try await harness.report(30, of: try await harness.lease())
      for (position, count) in [
        (#""offset":1,"epoch":"\#(job.position.epoch)""#, 1), (#""offset":3,"epoch":"\#(job.position.epoch)""#, 0),
        (#""offset":3,"epoch":"00000000""#, nil),
      ] as [(String, Int?)] {
        let connect = #"{"token":"\#(try harness.token())","subs":{"job:\#(job.id)":{"recover":true,\#(position)}}}"#
        let stream = try #require(try await answer(harness, form, connect).stream)
        let result = try objects(await stream.blocks(atLeast: 1))[0]["connect"]?["subs"]?["job:\(job.id)"]
        #expect(result?["recovered"]?.bool == (count == nil ? nil : true))
        #expect(result?["publications"]?.array?.count ?? 0 == count ?? 0)
        #expect(result?["data"]?["percent"]?.double == 30)
      }
    }
  }

  @Test("is refused in words: a disconnect push, and the end", arguments: Form.allCases)
  func refused(form: Form) async throws {
    try await SessionHarness.run { harness in
      let old = try harness.token(lifetime: .seconds(1), issuedAt: Date(timeIntervalSinceNow: -60))
      for (connect, code) in [
        (#"{"token":"nonsense"}"#, 3500), (#"{"token":"\#(old)"}"#, 3005), ("{}", 3501), ("", 3501),
        ("nonsense", 3501), ("[]", 3501),
      ] {
        let response = try await answer(harness, form, connect).response
        let told = try objects(of: response)
        #expect(response.status == 200 && told.count == 1)
        #expect(told.first?["disconnect"]?["code"]?.int == code)
        #expect(told.first?["disconnect"]?["reason"]?.string?.isEmpty == false)
      }
    }
  }

  @Test("is asked to come back where its token cannot be judged yet", arguments: Form.allCases)
  func unjudged(form: Form) async throws {
    try await SessionHarness.run { harness in
      // Its key is not among ours, and could not be fetched.
      let other = TokenIssuer(key: try SigningKey.generate(.es256, id: "other"))
      let token = try other.connectionToken(user: "alice", lifetime: .seconds(60), now: Date())
      harness.gateway.refreshKeys { .failed }
      let told = try objects(of: try await answer(harness, form, #"{"token":"\#(token)"}"#).response)
      #expect(told.first?["disconnect"]?["code"]?.int == 3004, "3500 would be for good")
      let headers = ["authorization": "Bearer \(token)"]
      #expect(try await answer(harness, form, "{}", headers: headers).response.status == 503)
      let request = Request(method: .get, path: "/connection/websocket", headers: headers)
      guard case .refuse(let response) = harness.gateway.judge(request) else {
        Issue.record("let in")
        return
      }
      #expect(response.status == 503, "a socket is told the same")
    }
  }

  @Test("is counted with the user's sockets", arguments: Form.allCases)
  func handshakes(form: Form) async throws {
    try await SessionHarness.runUnlimited(settings: { $0.handshakesPerUser = 1 }) { harness in
      let headers = ["authorization": "Bearer \(try harness.token())"]
      let connect = #"{"token":"\#(try harness.token())"}"#
      for number in 0..<10 {
        // Whoever names itself twice is counted once.
        let isTwice = number.isMultiple(of: 2)
        let stream = try await answer(harness, form, connect, headers: isTwice ? headers : [:]).stream
        #expect(stream != nil)
      }
      let told = try objects(of: try await answer(harness, form, connect).response)
      #expect(told.first?["disconnect"]?["code"]?.int == 3013)
      let refused = try await answer(harness, form, "{}", headers: headers).response
      #expect(refused.status == 429 && refused.headers.contains { $0.name == "retry-after" })
      let other = #"{"token":"\#(try harness.token("bob"))"}"#
      #expect(try await answer(harness, form, other).stream != nil)
    }
  }

  @Test("is not let in where sockets are not: 503 once the gateway is on its way out", arguments: Form.allCases)
  func draining(form: Form) async throws {
    try await SessionHarness.run { harness in
      harness.gateway.stopAdmitting()
      let connect = #"{"token":"\#(try harness.token())"}"#
      #expect(try await answer(harness, form, connect).response.status == 503)
    }
  }

  @Test("takes the token of the header, where a bad one is a 401")
  func header() async throws {
    try await SessionHarness.run { harness in
      let good = ["authorization": "Bearer \(try harness.token("bob"))"]
      let stream = try #require(try await answer(harness, .postLines, "", headers: good).stream)
      #expect(try objects(await stream.blocks(atLeast: 1))[0]["connect"]?["data"]?["user"]?.string == "bob")
      let bad = try await answer(harness, .postLines, "{}", headers: ["authorization": "Bearer nonsense"])
      #expect(bad.response.status == 401)
      let page = try await answer(harness, .getEvents, "{}", headers: ["origin": "https://elsewhere.example"])
      #expect(page.response.status == 403, "a page of another origin opens no socket either")
    }
  }

  @Test("is no request: it costs nothing of the budget")
  func budget() async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 1 }) { harness in
      for _ in 0..<3 {
        let connect = #"{"token":"\#(try harness.token())"}"#
        let stream = try #require(try await answer(harness, .getEvents, connect).stream)
        let limits = try objects(await stream.blocks(atLeast: 1))[0]["connect"]?["data"]?["limits"]
        #expect(limits?["remaining"]?.int == 1)
      }
    }
  }

  @Test("is pinged with an empty object", arguments: Form.allCases)
  func ping(form: Form) async throws {
    try await SessionHarness.run(settings: { $0.pingInterval = .milliseconds(200) }) { harness in
      let connect = #"{"token":"\#(try harness.token())"}"#
      let stream = try #require(try await answer(harness, form, connect).stream)
      let told = try objects(await stream.blocks(atLeast: 3))
      #expect(told[1...].allSatisfy { $0.object?.isEmpty == true })
    }
  }

  @Test("ends with its token, and says so", arguments: Form.allCases)
  func expired(form: Form) async throws {
    try await SessionHarness.run(settings: { $0.refreshGrace = .milliseconds(100) }) { harness in
      let job = try await harness.enqueue()
      let connect = #"{"token":"\#(try harness.token(lifetime: .seconds(1)))","subs":{"job:\#(job.id)":{}}}"#
      let stream = try #require(try await answer(harness, form, connect).stream)
      let told = try objects(await stream.all())
      #expect(told.last?["disconnect"]?["code"]?.int == 3005)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("gives a reader that is behind the newest progress and every change of state")
  func conflation() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let connect = #"{"token":"\#(try harness.token())","subs":{"job:\#(job.id)":{}}}"#
      let stream = try #require(try await answer(harness, .postLines, connect).stream)
      _ = try await stream.blocks(atLeast: 1)
      stream.isBehind = true
      let leased = try await harness.lease()
      for percent in 1...80 { try await harness.report(Double(percent), of: leased) }
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      // Handed out at the turn's end: all of it while the reader is still behind.
      harness.gateway.hub.flush()
      stream.isBehind = false
      stream.whenDrained?()
      let blocks = try await stream.blocks(atLeast: 2)
      let told = try objects(blocks).dropFirst().map { $0["pub"]?["data"] }
      #expect(told.map { $0?["state"]?.string } == ["running", "running", "completed"])
      #expect(told[told.startIndex + 1]?["percent"]?.double == 80)
    }
  }

  @Test("leaves nothing behind when the client goes, whenever that is")
  func goes() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let connect = #"{"token":"\#(try harness.token())","subs":{"job:\#(job.id)":{}}}"#
      for turns in 0..<20 {
        let exchange = FakeExchange(
          Request(method: .get, path: "/connection/uni_sse", query: [("cf_connect", connect)]))
        harness.gateway.handle(exchange)
        try await harness.subscriptions(1)
        for _ in 0..<turns { await Task.yield() }
        exchange.leave()
        try await harness.subscriptions(0)
      }
    }
  }
}
