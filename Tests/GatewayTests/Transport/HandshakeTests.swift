import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("WebSocket handshakes") @EventLoop struct HandshakeTests {
  @Test("echo a subprotocol that both know, and ignore others")
  func subprotocols() async throws {
    try await withServer { _, _, port in
      let known = try await WebSocketClient.connect(
        to: port, subprotocols: ["chat", "centrifuge-json", "x"])
      #expect(known.subprotocol == "centrifuge-json")
      try await known.send("a")
      #expect(try await known.nextText() == "a")
      let unknown = try await WebSocketClient.connect(to: port, subprotocols: ["chat"])
      #expect(unknown.subprotocol == nil)
      try await unknown.send("b")
      #expect(try await unknown.nextText() == "b")
    }
  }

  @Test("are answered before anything else is said, whatever is said when they are done")
  func answeredFirst() async throws {
    try await withServer { delegate, server, port in
      let echo = Echo()
      echo.opened = { connection in
        connection.send([PreparedFrame(text: "first".utf8)])
        connection.close(code: 3000, reason: "second")
      }
      delegate.judging = { _ in .accept(subprotocol: nil, echo) }
      let client = try await WebSocketClient.connect(to: port)
      #expect(try await client.receive() == .text("first"))
      #expect(try await client.receive() == .close(code: 3000, reason: "second"))
      try await client.sendClose(code: 3000)
      #expect(await echo.closed.happens())
      // Nothing was held back for the others, nor is told twice.
      delegate.judging = { _ in .accept(subprotocol: nil, Echo()) }
      let many = (0..<20).map { _ in Task { @EventLoop in try await WebSocketClient.connect(to: port) } }
      for one in many {
        let client = try await one.value
        try await client.send("a")
        #expect(try await client.nextText() == "a")
      }
      #expect(server.webSocketCount == 20)
    }
  }

  @Test("are opened whatever extensions are offered")
  func extensions() async throws {
    try await withServer { _, _, port in
      for offer in [
        "permessage-deflate; server_max_window_bits=9", String(repeating: "x", count: 900),
      ] {
        let client = try await WebSocketClient.connect(
          to: port, headers: [("Sec-WebSocket-Extensions", offer)])
        try await client.send("a")
        #expect(try await client.nextText() == "a")
      }
    }
  }

  @Test(
    "are judged with path, query and headers, and refused with an answer",
    arguments: [401, 404, 429])
  func refusal(status: Int) async throws {
    try await withServer { delegate, server, port in
      delegate.judging = { request in
        #expect(request.path == "/socket" && request.parameter("a") == "b")
        #expect(request.headers["origin"] == "https://a.example")
        return .refuse(
          Response(
            status, headers: [("retry-after", "7")], body: .bytes(Array("no entry".utf8))))
      }
      let error = await #expect(throws: WebSocketClient.Failure.self) {
        _ = try await WebSocketClient.connect(
          to: port, path: "/socket?a=b", headers: [("Origin", "https://a.example")])
      }
      guard case .refused(let answer) = error else {
        Issue.record("not refused")
        return
      }
      #expect(answer.status == status && answer.text == "no entry")
      #expect(answer.headers["connection"] == "close" && answer.headers["retry-after"] == "7")
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("are not opened for those who send frames before the answer")
  func tooEager() async throws {
    try await withServer { delegate, _, port in
      let socket = try await RawSocket.connect(to: port)
      let head = BadHead.handshake("", 101, [:]).text
      try await socket.send(Array(head.utf8) + WebSocketClient.frame(.text, [0x61]))
      #expect(try await socket.receiveAnswer().status == 400)
      #expect(delegate.requests.isEmpty)
    }
  }
}
