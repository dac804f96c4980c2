import EventLoop
import Support
import Testing

@testable import Gateway

@Suite("Floods of commands") @EventLoop struct SessionFloodTests {
  @Test("are read no faster than they are carried out, and others are served among them")
  func subscribes() async throws {
    try await SessionHarness.runUnlimited { harness in
      let (session, connection) = try await harness.connect()
      let (other, otherConnection) = try await harness.connect("bob")
      var next = 0
      // As the transport does, which reads no more while it is told so.
      @EventLoop func tellOn() {
        while next < 1000, !connection.isReadingPaused {
          let verb = next.isMultiple(of: 2) ? "subscribe" : "unsubscribe"
          session.tell(#"{"id":\#(next + 2),"\#(verb)":{"channel":"user:alice"}}"#)
          next += 1
        }
      }
      tellOn()
      #expect(next == 64)
      other.tell(#"{"id":2,"subscribe":{"channel":"user:bob"}}"#)
      _ = await otherConnection.frames(2)
      #expect(connection.sent.count <= 65)
      while next < 1000 {
        tellOn()
        await turn()
      }
      _ = await connection.frames(1001)
      #expect(connection.sent.count == 1001 && connection.closed == nil)
      #expect(!connection.isReadingPaused)
      // The last one left again; bob stayed.
      #expect(harness.gateway.hub.subscriptionCount == 1)
    }
  }

  @Test("without a meaning end with the first of them")
  func nonsense() async throws {
    for text in ["{}", "", "[]", "x", #"{"id":2,"connect":{}}"#] {
      try await SessionHarness.runUnlimited { harness in
        let (session, connection) = try await harness.connect()
        for _ in 0..<500 { session.tell(text) }
        session.tell(#"{"id":9,"subscribe":{"channel":"user:alice"}}"#)
        #expect(await connection.close() == 3501)
        #expect(connection.sent.count == 1)
      }
    }
  }
}

@Suite("Users who open sockets too often") @EventLoop struct HandshakeBudgetTests {
  @Test("are refused with 429 in the handshake, and with 3013 where connect tells who they are")
  func perUser() async throws {
    try await SessionHarness.runUnlimited(settings: { $0.handshakesPerUser = 1 }) { harness in
      let headers = ["authorization": "Bearer \(try harness.token())", "host": "localhost"]
      for _ in 0..<9 { _ = try harness.open(headers: headers) }
      // The tenth says in connect who it is, and is counted once.
      let (_, tenth) = try await harness.connect()
      #expect(tenth.closed == nil)
      let (session, eleventh) = try harness.open()
      session.tell(#"{"id":1,"connect":{"token":"\#(try harness.token())"}}"#)
      #expect(await eleventh.close() == 3013)
      let request = Request(method: .get, path: "/connection/websocket", headers: headers)
      guard case .refuse(let response) = harness.gateway.judge(request) else {
        Issue.record("let in")
        return
      }
      #expect(response.status == 429)
      #expect(response.headers.contains { $0.name == "retry-after" && Int($0.value).map { $0 >= 1 } == true })
      let (_, other) = try await harness.connect("bob")
      #expect(other.closed == nil)
    }
  }
}
