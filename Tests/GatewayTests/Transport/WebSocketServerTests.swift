import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("The server") @EventLoop struct WebSocketServerTests {
  @Test("answers a GET, a POST with a body, and echoes over a WebSocket")
  func happyPath() async throws {
    try await withServer { _, _, port in
      let socket = try await RawSocket.connect(to: port)
      let get = try await socket.exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(get.status == 200 && get.text == "/hello")
      let post = try await socket.exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
      #expect(post.status == 200 && post.text == "hello")
      let client = try await WebSocketClient.connect(to: port, subprotocols: ["centrifuge-json"])
      #expect(client.subprotocol == "centrifuge-json")
      try await client.send("hello")
      #expect(try await client.nextText() == "hello")
      #expect(try await client.close() == .close(code: 1000, reason: ""))
    }
  }
}
