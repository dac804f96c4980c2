import EventLoop
import Support
import Testing

@testable import Gateway

@Suite("The echo for conformance suites") @EventLoop struct EchoSessionTests {
  @Test("is there only where it was switched on, and compression too")
  func switches() async throws {
    let request = Request(method: .get, path: "/debug/echo", headers: ["host": "localhost"])
    try await SessionHarness.run { harness in
      guard case .refuse(let response) = harness.gateway.judge(request) else {
        Issue.record("let in")
        return
      }
      #expect(response.status == 404)
      let session = try harness.open().session
      #expect(!session.wantsCompression)
    }
    try await SessionHarness.run(settings: {
      $0.echoes = true
      $0.compresses = true
    }) { harness in
      guard case .accept(nil, let session) = harness.gateway.judge(request) else {
        Issue.record("refused")
        return
      }
      #expect(session is EchoSession && session.wantsCompression)
      let other = try harness.open().session
      #expect(other.wantsCompression)
    }
  }

  @Test("sends text back as text and binary as binary, in order, to slow readers too")
  func echoes() async throws {
    try await withServer { delegate, server, port in
      delegate.judging = { _ in .accept(subprotocol: nil, EchoSession(wantsCompression: false)) }
      let client = try await WebSocketClient.connect(to: port, receiveBuffer: 65_536)
      try await client.send(.binary, [0, 0xFF, 0x80])
      #expect(try await client.nextMessage() == .binary([0, 0xFF, 0x80]))
      try await client.send("")
      #expect(try await client.nextMessage() == .text(""))
      try await client.send(.binary, [1], final: false)
      try await client.send(.continuation, [2])
      #expect(try await client.nextMessage() == .binary([1, 2]))
      // What is not read is not echoed, and what is not echoed is not taken.
      let message = [UInt8](repeating: 7, count: 60_000)
      let frame = WebSocketClient.frame(.binary, message)
      var rest = Array([[UInt8]](repeating: frame, count: 300).joined())[...]
      var fullTurns = 0
      while fullTurns < 20 {
        let count = client.socket.sendSome(rest)
        rest = rest.dropFirst(count)
        fullTurns = count == 0 ? fullTurns + 1 : 0
        await turn()
      }
      #expect(!rest.isEmpty)
      for _ in 0..<300 {
        rest = rest.dropFirst(client.socket.sendSome(rest))
        guard try await client.nextMessage() == .binary(message) else {
          Issue.record("not what was sent")
          return
        }
      }
      try await client.close()
      #expect(await eventually { server.connectionCount == 0 })
    }
  }
}
