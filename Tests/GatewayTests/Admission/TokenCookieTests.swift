import EventLoop
import Gateway
import Jobs
import Support
import Testing

@Suite("A cookie that holds the token") struct TokenCookieTests {
  /// The pages of one listed origin may act, all others may open sockets and read answers.
  private static func settings(_ settings: inout GatewaySettings) {
    settings.tokenCookie = "session"
    settings.allowedOrigins = ["https://app.example.com", "*"]
    settings.corsOrigins = ["https://reader.example.com", "*"]
  }

  /// The status of a request with alice's token in a cookie, and nothing in `Authorization`.
  @EventLoop private func status(
    _ harness: SessionHarness, _ method: Request.Method, _ headers: [String: String], cookie: String = "session"
  ) async throws -> Int {
    var headers = headers
    headers["host"] = "push.example.com"
    headers["cookie"] = "theme=dark; \(cookie)=\(try harness.token())"
    let exchange = FakeExchange(
      Request(method: method, path: "/v1/jobs", headers: headers), body: method == .post ? #"{"kind":"echo"}"# : "")
    harness.gateway.handle(exchange)
    return try await exchange.answer().status
  }

  @Test(
    "counts for pages of the own host and of origins that are named, and for plain reads that no foreign site asks for",
    arguments: [
      (.get, [:], 200), (.get, ["sec-fetch-site": "same-origin"], 200), (.get, ["sec-fetch-site": "same-site"], 200),
      (.get, ["sec-fetch-site": "cross-site"], 401), (.get, ["origin": "https://push.example.com"], 200),
      (.get, ["origin": "https://app.example.com", "sec-fetch-site": "cross-site"], 200),
      (.get, ["origin": "https://evil.example.org"], 401), (.get, ["origin": "null"], 401),
      (.get, ["origin": "*"], 401), (.post, [:], 401), (.post, ["sec-fetch-site": "same-origin"], 401),
      (.post, ["origin": "https://push.example.com"], 202), (.post, ["origin": "https://reader.example.com"], 202),
      (.post, ["origin": "https://evil.example.org"], 401),
      (.post, ["origin": "https://push.example.com.evil.example.org"], 401),
    ] as [(Request.Method, [String: String], Int)])
  func requests(method: Request.Method, headers: [String: String], expected: Int) async throws {
    try await SessionHarness.run(settings: Self.settings) { harness in
      let found = try await status(harness, method, headers)
      #expect(found == expected)
    }
  }

  @Test("is not looked at unless it is configured, nor under another name, nor beside a header")
  func silent() async throws {
    try await SessionHarness.run { harness in
      let plain = try await status(harness, .get, [:])
      #expect(plain == 401)
    }
    try await SessionHarness.run(settings: Self.settings) { harness in
      let other = try await status(harness, .get, [:], cookie: "sessions")
      let beside = try await status(harness, .get, ["authorization": "Bearer nonsense"])
      #expect(other == 401 && beside == 401)
    }
  }

  @Test("connects the socket of a page that is named, not one that only may open it")
  func sockets() async throws {
    try await SessionHarness.run(settings: Self.settings) { harness in
      let cookie = "session=\(try harness.token())"
      for (origin, isTaken) in [("https://app.example.com", true), ("https://evil.example.org", false)] {
        let (session, connection) = try harness.open(headers: ["origin": origin, "cookie": cookie])
        session.tell(#"{"id":1,"connect":{}}"#)
        if isTaken {
          let reply = try json(await connection.frames(1)[0])
          #expect(reply["connect"]?["data"]?["user"]?.string == "alice")
        } else {
          #expect(await connection.close() == 3501)
        }
      }
      #expect(throws: SessionHarness.Refused.self, "a bad one is refused as a bad header is") {
        try harness.open(headers: ["cookie": "session=nonsense"])
      }
    }
  }

  @Test("opens a browser's event source, which has no other way to say who asks")
  func events() async throws {
    try await SessionHarness.runServed(settings: Self.settings) { harness, port in
      let job = try await harness.enqueue()
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(
        """
        GET /v1/jobs/\(job.id)/events HTTP/1.1\r
        Host: 127.0.0.1:\(port)\r
        Accept: text/event-stream\r
        Sec-Fetch-Site: same-origin\r
        Cookie: theme=dark; session=\(try harness.token())\r
        \r\n
        """)
      let head = try HTTPAnswer(head: try await socket.receive(until: "\r\n\r\n"))
      #expect(head.status == 200 && head.headers["content-type"] == "text/event-stream")
      let first = try await socket.receive(until: "snapshot")
      #expect(String(decoding: first, as: UTF8.self).contains("id: \(job.position.epoch)-1"))
      socket.close()
    }
  }

  @Test("lets pages of origins that are named read the answers, others not with a cookie")
  func credentials() {
    var settings = GatewaySettings()
    Self.settings(&settings)
    func allows(_ origin: String) -> Bool {
      let request = Request(method: .get, path: "/", headers: ["host": "push.example.com", "origin": origin])
      let policy = OriginPolicy(settings: settings)
      let preflight = policy.preflight(request, allowing: ["GET"])
      return [policy.headers(for: request), preflight.headers].allSatisfy { headers in
        headers.contains { $0 == ("access-control-allow-credentials", "true") }
      }
    }
    #expect(allows("https://reader.example.com"))
    #expect(!allows("https://evil.example.org"))
    settings.tokenCookie = nil
    #expect(!allows("https://reader.example.com"))
  }
}
