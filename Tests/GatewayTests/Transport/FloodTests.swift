import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

/// Frames that a client sends without end and without reading an answer.
struct Flood: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let unit: [UInt8]
  let count: Int
  /// Bytes that may be kept for it at most.
  let limit: Int

  init(_ name: String, _ unit: [UInt8], count: Int, limit: Int) {
    testDescription = name
    self.unit = unit
    self.count = count
    self.limit = limit
  }

  var bytes: [UInt8] { Array([[UInt8]](repeating: unit, count: count).joined()) }

  private static func frame(
    _ opcode: WebSocketClient.Opcode, _ length: Int, final: Bool = true
  ) -> [UInt8] {
    WebSocketClient.frame(opcode, [UInt8](repeating: 0x61, count: length), final: final)
  }

  static let all = [
    // The pongs of two reads, of which the socket may have taken a part.
    Flood("pings", frame(.ping, 125), count: 20_000, limit: 2 * FrameGate.pongLimit),
    Flood("empty pings", frame(.ping, 0), count: 200_000, limit: 2 * FrameGate.pongLimit),
    Flood("pongs that nobody asked for", frame(.pong, 1), count: 100_000, limit: 0),
    Flood("empty messages", frame(.text, 0), count: 200_000, limit: 64),
    Flood("messages whose answers are not read", frame(.text, 3000), count: 3000, limit: 4096),
    Flood("empty fragments without end", frame(.continuation, 0, final: false), count: 100_000, limit: 64),
    Flood(
      "fragments of a byte, without end", frame(.continuation, 1, final: false), count: 300_000,
      limit: 327_680),
  ]
}

@Suite("Floods") @EventLoop struct FloodTests {
  @Test("of frames make us keep next to nothing, and others are served among them", arguments: Flood.all)
  func frames(_ flood: Flood) async throws {
    try await withServer { delegate, server, port in
      delegate.judging = { request in
        request.path == "/flood"
          ? .accept(subprotocol: nil, EchoSession(wantsCompression: false))
          : .accept(subprotocol: nil, Echo())
      }
      let other = try await WebSocketClient.connect(to: port)
      let attacker = try await WebSocketClient.connect(to: port, path: "/flood", receiveBuffer: 65_536)
      if flood.unit[0] & 0x0F == 0 { try await attacker.send(.text, [0x61], final: false) }
      var rest = flood.bytes[...]
      var most = 0
      var served = 0
      var fullTurns = 0
      // Until all is sent, or nothing more is taken because the answers are not.
      while !rest.isEmpty, fullTurns < 20 {
        let count = attacker.socket.sendSome(rest.prefix(100_000))
        try #require(count >= 0, "a flood is no fault")
        rest = rest.dropFirst(count)
        fullTurns = count == 0 ? fullTurns + 1 : 0
        try await other.send("\(served)")
        #expect(try await other.nextText() == "\(served)")
        served += 1
        most = max(most, server.heldByteCount)
      }
      #expect(served > 5)
      #expect(most <= flood.limit + Int(PreambleSize.bytes))
      attacker.socket.reset()
      #expect(await eventually { server.webSocketCount == 1 })
      #expect(server.heldByteCount == 0)
    }
  }

  @Test("of fragments of one byte come to a message, the largest there may be")
  func largestMessageInBytes() async throws {
    try await withServer { delegate, server, port in
      var length = 0
      let whole = Signal()
      let echo = Echo()
      echo.receiving = {
        length = $0.count
        whole.fire()
      }
      delegate.judging = { _ in .accept(subprotocol: nil, echo) }
      let client = try await WebSocketClient.connect(to: port)
      let size = server.limits.messageSize
      let fragment = WebSocketClient.frame(.continuation, [0x61], final: false)
      try await client.send(.text, [0x61], final: false)
      try await client.socket.send(Array([[UInt8]](repeating: fragment, count: size - 2).joined()))
      try await client.send(.continuation, [0x61])
      #expect(await whole.happens())
      #expect(length == size)
      #expect(server.heldByteCount == 0)
    }
  }

  @Test("of connections that say nothing, before and after the handshake, keep nobody waiting")
  func silence() async throws {
    try await withServer { _, server, port in
      var silent: [RawSocket] = []
      for _ in 0..<200 {
        silent.append(try await RawSocket.connect(to: port))
        silent.append(try await WebSocketClient.connect(to: port).socket)
      }
      #expect(await eventually { server.connectionCount == 400 })
      let other = try await WebSocketClient.connect(to: port)
      try await other.send("hello")
      #expect(try await other.nextText() == "hello")
      #expect(server.heldByteCount == 0)
      for socket in silent { socket.reset() }
      #expect(await eventually { server.connectionCount == 1 })
    }
  }

  @Test("for a reader that takes nothing, the library holds the rest of one batch and a close frame at most")
  func partialWrites() async throws {
    try await withClient(receiveBuffer: 65_536) { echo, client, server in
      let connection = try #require(echo.connection as? Connection)
      let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 8182))
      let batch = [PreparedFrame](repeating: frame, count: 8)
      while !connection.isBehind { connection.send(batch) }
      let held = connection.heldByteCount
      #expect((1...(65_536 + PreambleSize.bytes)).contains(held))
      // Pings meanwhile are answered later, the newest of them.
      for _ in 0..<500 { try await client.ping([UInt8](repeating: 1, count: 125)) }
      try await client.send("heard")
      #expect((held...(held + FrameGate.pongLimit)).contains(connection.heldByteCount))
      connection.close(code: 3008, reason: String(repeating: "r", count: 123))
      #expect(connection.heldByteCount == held + 127)
      client.socket.reset()
      #expect(await echo.closed.happens())
      #expect(connection.heldByteCount == 0)
    }
  }
}

/// What stands in front of bytes that are handed to the library.
enum PreambleSize {
  static let bytes = 16
}
