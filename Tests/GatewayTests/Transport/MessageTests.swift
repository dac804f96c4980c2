import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("WebSocket messages") @EventLoop struct MessageTests {
  @Test("carry messages of every length", arguments: [0, 1, 125, 126, 512, 513, 65_535, 65_536, 327_680])
  func lengths(_ length: Int) async throws {
    try await withClient { _, client, _ in
      let text = String(repeating: "a", count: length)
      try await client.send(text)
      #expect(try await client.nextText() == text)
    }
  }

  @Test("join fragments, with control frames between them")
  func fragments() async throws {
    try await withClient { _, client, _ in
      let parts = ["gr\u{FC}", "\u{DF}", "e, ", String(repeating: "x", count: 3000)]
      // A character is cut in two, as senders may.
      let bytes = Array(parts.joined().utf8)
      try await client.send(.text, Array(bytes[..<3]), final: false)
      try await client.ping([1, 2, 3])
      #expect(try await client.receive() == .pong([1, 2, 3]))
      try await client.send(.continuation, Array(bytes[3..<2000]), final: false)
      try await client.send(.continuation, [], final: false)
      try await client.send(.continuation, Array(bytes[2000...]))
      #expect(try await client.nextText() == parts.joined())
    }
  }

  @Test("answer pings of up to 125 bytes, and take pongs that nobody asked for")
  func pings() async throws {
    try await withClient { _, client, _ in
      for length in [0, 1, 125] {
        let payload = [UInt8](repeating: 7, count: length)
        try await client.ping(payload)
        #expect(try await client.receive() == .pong(payload))
      }
      try await client.pong([1])
      try await client.send("on")
      #expect(try await client.nextText() == "on")
    }
  }

  @Test("answer each of many pings that come together, in their order and among messages", arguments: [1, 1000])
  func pingsTogether(_ pieceSize: Int) async throws {
    try await withClient { _, client, _ in
      var bytes: [UInt8] = []
      var expected: [WebSocketClient.Message] = []
      for number in 0..<20 {
        bytes += WebSocketClient.frame(.ping, [UInt8(number)])
        expected.append(.pong([UInt8(number)]))
        guard number.isMultiple(of: 4) else { continue }
        bytes += WebSocketClient.frame(.text, Array("\(number)".utf8), final: false)
        bytes += WebSocketClient.frame(.ping, [1, 2, 3])
        bytes += WebSocketClient.frame(.continuation, Array("!".utf8))
        expected += [.pong([1, 2, 3]), .text("\(number)!")]
      }
      var rest = bytes[...]
      while !rest.isEmpty {
        try await client.socket.send(Array(rest.prefix(pieceSize)))
        rest = rest.dropFirst(pieceSize)
      }
      for message in expected { #expect(try await client.receive() == message) }
    }
  }

  @Test("answer pings that came in one piece with messages of which the first paused the reading")
  func pingsWhilePaused() async throws {
    try await withClient { echo, client, _ in
      let connection = try #require(echo.connection)
      var count = 0
      let paused = Signal()
      echo.receiving = { message in
        count += 1
        connection.send(PreparedFrame(text: message))
        guard count == 1 else { return }
        connection.pauseReading()
        paused.fire()
      }
      try await client.socket.send(
        WebSocketClient.frame(.text, [0x61]) + WebSocketClient.frame(.ping, [1])
          + WebSocketClient.frame(.text, [0x62]) + WebSocketClient.frame(.ping, [2]))
      #expect(await paused.happens())
      #expect(try await client.receive() == .text("a"))
      connection.resumeReading()
      var heard: [WebSocketClient.Message] = []
      for _ in 0..<3 { heard.append(try await client.receive()) }
      // What the library had read it may have handed out meanwhile: then the second pong is earlier.
      #expect(heard.filter { $0 != .text("b") } == [.pong([1]), .pong([2])])
      #expect(heard.contains(.text("b")))
    }
  }

  @Test("are heard before the violation that comes in the same piece, and end with it")
  func messageBeforeViolation() async throws {
    try await withClient { echo, client, server in
      try await client.socket.send(
        WebSocketClient.frame(.ping, [1]) + WebSocketClient.frame(.text, [0x61])
          + WebSocketClient.frame(.text, [0x62], masked: false) + WebSocketClient.frame(.text, [0x63]))
      #expect(try await client.receive() == .pong([1]))
      #expect(try await client.receive() == .text("a"))
      #expect(try await client.receive() == .close(code: 1002, reason: "no mask"))
      // The end follows at once, whatever else the client says.
      #expect(try await client.socket.receiveToEnd().isEmpty)
      client.socket.close()
      #expect(await echo.closed.happens())
      #expect(server.webSocketCount == 0)
    }
  }

  @Test("are not followed by pongs after our close frame")
  func pingAfterClose() async throws {
    try await withClient { echo, client, _ in
      try #require(echo.connection).close(code: 3001, reason: "shutdown")
      for _ in 0..<3 { try await client.ping([1]) }
      #expect(try await client.receive() == .close(code: 3001, reason: "shutdown"))
      try await client.sendClose(code: 3001)
      #expect(try await client.socket.receiveToEnd().isEmpty)
      #expect(await echo.closed.happens())
    }
  }

  struct Violation: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let code: UInt16
  }

  nonisolated static let violations: [Violation] = [
    .init(
      testDescription: "text that is not UTF-8", bytes: WebSocketClient.frame(.text, [0x61, 0xFF]),
      code: 1007),
    .init(
      testDescription: "a surrogate", bytes: WebSocketClient.frame(.text, [0xED, 0xA0, 0x80]),
      code: 1007),
    .init(
      testDescription: "a character cut off", bytes: WebSocketClient.frame(.text, [0xC3]),
      code: 1007),
    .init(
      testDescription: "a reserved bit", bytes: WebSocketClient.frame(.text, [0x61], reserved: 4),
      code: 1002),
    .init(
      testDescription: "a reserved bit on a ping",
      bytes: WebSocketClient.frame(.ping, [], reserved: 4), code: 1002),
    .init(
      testDescription: "text without a mask",
      bytes: WebSocketClient.frame(.text, [0x61], masked: false), code: 1002),
    .init(
      testDescription: "a ping without a mask",
      bytes: WebSocketClient.frame(.ping, [0x61], masked: false), code: 1002),
    .init(
      testDescription: "a length of 5 in two bytes",
      bytes: [0x81, 0xFE, 0, 5, 0, 0, 0, 0, 0x61, 0x61, 0x61, 0x61, 0x61], code: 1002),
    .init(
      testDescription: "a length of 1 in eight bytes",
      bytes: [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x61], code: 1002),
    .init(
      testDescription: "a length of 2^63", bytes: [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      code: 1002),
    .init(
      testDescription: "a ping of 126 bytes", bytes: [0x89, 0xFE, 0, 126, 0, 0, 0, 0], code: 1002),
    .init(
      testDescription: "a reserved bit on a continuation",
      bytes: WebSocketClient.frame(.text, [0x61], final: false)
        + WebSocketClient.frame(.continuation, [0x61], reserved: 4), code: 1002),
    .init(
      testDescription: "a reserved opcode",
      bytes: WebSocketClient.frame(.init(rawValue: 3), [0x61]), code: 1002),
    .init(
      testDescription: "a reserved control opcode",
      bytes: WebSocketClient.frame(.init(rawValue: 11), []), code: 1002),
    .init(
      testDescription: "a fragmented ping", bytes: WebSocketClient.frame(.ping, [], final: false),
      code: 1002),
    .init(
      testDescription: "a continuation of nothing",
      bytes: WebSocketClient.frame(.continuation, [0x61]), code: 1002),
    .init(
      testDescription: "a message inside a message",
      bytes: WebSocketClient.frame(.text, [0x61], final: false)
        + WebSocketClient.frame(.text, [0x61]), code: 1002),
    .init(
      testDescription: "close code 5000", bytes: WebSocketClient.frame(.close, [0x13, 0x88]),
      code: 1002),
    .init(
      testDescription: "close code 1005", bytes: WebSocketClient.frame(.close, [0x03, 0xED]),
      code: 1002),
    .init(
      testDescription: "close code 999", bytes: WebSocketClient.frame(.close, [0x03, 0xE7]),
      code: 1002),
    .init(
      testDescription: "close code 0", bytes: WebSocketClient.frame(.close, [0, 0]), code: 1002),
    .init(
      testDescription: "half a close code", bytes: WebSocketClient.frame(.close, [3]), code: 1002),
    .init(
      testDescription: "a message that is too large",
      bytes: WebSocketClient.frame(.text, [UInt8](repeating: 0x61, count: 327_681)), code: 1009),
    .init(
      testDescription: "fragments that are too large together",
      bytes: WebSocketClient.frame(.text, [UInt8](repeating: 0x61, count: 200_000), final: false)
        + WebSocketClient.frame(.continuation, [UInt8](repeating: 0x61, count: 200_000)), code: 1009),
    .init(
      testDescription: "a frame that says it is 2^62 bytes",
      bytes: [0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]
        + [UInt8](repeating: 0, count: 600), code: 1009),
    // Such a frame is taken for what it is not by some; what follows must not become its payload.
    .init(
      testDescription: "an unmasked empty frame with a long length",
      bytes: [0x82, 126, 0, 0] + [UInt8](repeating: 0x61, count: 600), code: 1002),
  ]

  @Test("end with the code that names what the client did", arguments: violations)
  func violation(_ violation: Violation) async throws {
    try await withClient { echo, client, server in
      try await client.socket.send(violation.bytes)
      guard case .close(let code, _) = try await client.receive() else {
        Issue.record("no close frame")
        return
      }
      #expect(code == violation.code)
      client.socket.close()
      #expect(await echo.closed.happens())
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("of any shape end, or are heard, and others are served among them", arguments: [1, 2, 3] as [UInt64])
  func anyShape(_ seed: UInt64) async throws {
    try await withServer { delegate, server, port in
      delegate.judging = { _ in .accept(subprotocol: nil, Echo(wantsCompression: true)) }
      let other = try await WebSocketClient.connect(to: port)
      var random = SeededRandom(seed: seed)
      for number in 0..<60 {
        let client = try await WebSocketClient.connect(
          to: port, extensions: number.isMultiple(of: 2) ? "permessage-deflate" : nil)
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...30, using: &random) {
          let opcode = UInt8(
            [0, 1, 2, 8, 9, 10, .random(in: 0...15, using: &random)].randomElement(using: &random) ?? 1)
          var frame = WebSocketClient.frame(
            .init(rawValue: opcode), [UInt8](repeating: 0x61, count: .random(in: 0...300, using: &random)),
            final: .random(in: 0...4, using: &random) > 0, masked: .random(in: 0...30, using: &random) > 0,
            reserved: [0, 0, 0, 4, 1].randomElement(using: &random) ?? 0)
          // Now and then one byte is another, the length's too: what follows is read as something else.
          if Int.random(in: 0...9, using: &random) == 0 {
            frame[.random(in: 0..<min(frame.count, 14), using: &random)] = .random(in: 0...255, using: &random)
          }
          bytes += frame
        }
        try await client.socket.send(bytes)
        try await other.send("\(number)")
        #expect(try await other.nextText() == "\(number)")
        #expect(server.heldByteCount < 327_680 + 4 * FrameGate.pongLimit)
        client.socket.reset()
      }
      #expect(await eventually { server.connectionCount == 1 })
      #expect(server.heldByteCount == 0)
    }
  }
}
