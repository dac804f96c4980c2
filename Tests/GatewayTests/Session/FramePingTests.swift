import EventLoop
import Gateway
import Jobs
import Support
import Testing

@Suite("Pings as frames of WebSocket") struct FramePingTests {
  private static let query = [(name: "cf_ws_frame_ping_pong", value: "true")]

  @Test("are not told of in the connect result, and an empty object is a fault")
  func result() async throws {
    try await SessionHarness.run(settings: { $0.pingInterval = .seconds(25) }) { harness in
      let (session, connection) = try harness.open(query: Self.query)
      session.tell(#"{"id":1,"connect":{"token":"\#(try harness.token())"}}"#)
      let result = try json(await connection.frames(1)[0])["connect"]
      #expect(result?["client"] != nil && result?["ping"] == nil && result?["pong"] == nil)
      session.tell("{}")
      #expect(await connection.close() == 3501)
    }
  }

  @Test("must be answered by pong frames, else 3012", .timeLimit(.minutes(1)))
  func frames() async throws {
    try await SessionHarness.runServed(settings: {
      $0.pingInterval = .milliseconds(600)
      $0.pongTimeout = .milliseconds(300)
    }) { harness, port in
      let socket = try await WebSocketClient.connect(
        to: port, path: "/connection/websocket?cf_ws_frame_ping_pong=true")
      try await socket.send(#"{"id":1,"connect":{"token":"\#(try harness.token())"}}"#)
      guard case .text = try await socket.receive() else {
        Issue.record("connect was not answered")
        return
      }
      // A pong that nobody asked for is no fault (RFC 6455 §5.5.3), and answers nothing.
      try await socket.pong([1])
      for _ in 0..<2 {
        guard case .ping(let payload) = try await socket.receive() else {
          Issue.record("a ping that was answered was followed by none")
          return
        }
        try await socket.pong(payload)
      }
      guard case .ping = try await socket.receive() else {
        Issue.record("the last ping did not come")
        return
      }
      #expect(try await socket.receive() == .close(code: 3012, reason: "no pong"))
      socket.socket.close()
    }
  }
}
