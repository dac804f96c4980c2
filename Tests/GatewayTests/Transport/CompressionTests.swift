import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("Compressed connections") @EventLoop struct CompressionTests {
  /// Runs `body` with an echo that would compress, its client, which offers it, and the server.
  private func withCompression(
    _ offer: String = "permessage-deflate; client_max_window_bits", limits: Limits = .patient,
    receiveBuffer: Int? = nil,
    _ body: @EventLoop (Echo, WebSocketClient, WebSocketServer) async throws -> Void
  ) async throws {
    try await withServer(limits: limits) { delegate, server, port in
      let echo = Echo(wantsCompression: true)
      delegate.judging = { _ in .accept(subprotocol: nil, echo) }
      let client = try await WebSocketClient.connect(
        to: port, extensions: offer, receiveBuffer: receiveBuffer)
      let inflater = Inflater()
      client.inflate = { try inflater.inflate($0, limit: 1 << 24) }
      #expect(await eventually { echo.connection != nil })
      try await body(echo, client, server)
    }
  }

  /// The frame of a message as a client compresses it.
  private func packed(_ text: String, final: Bool = true) -> [UInt8] {
    WebSocketClient.frame(.text, deflated(text), final: final, reserved: 4)
  }

  private func deflated(_ text: String) -> [UInt8] {
    Array(Deflater(windowBits: 15).deflate(Array(text.utf8)[...]))
  }

  static let long = String(repeating: "a message that is said again, ", count: 40)

  // MARK: Agreeing

  @Test("say what was agreed on, and only to those who offered it")
  func agreement() async throws {
    try await withServer { delegate, _, port in
      delegate.judging = { _ in .accept(subprotocol: nil, Echo(wantsCompression: true)) }
      for (offer, answer) in [
        ("permessage-deflate", CompressionOfferTests.plain),
        (
          "x; y=1, permessage-deflate; server_max_window_bits=10",
          CompressionOfferTests.plain + "; server_max_window_bits=10"
        ),
        ("permessage-deflate; unknown", nil),
        (String(repeating: "permessage-deflate; server_max_window_bits=8, ", count: 200), nil),
        (String(repeating: "x", count: 401), nil),
      ] as [(String, String?)] {
        let client = try await WebSocketClient.connect(to: port, extensions: offer)
        #expect(client.extensions == answer)
        try await client.send("on")
        #expect(try await client.nextText() == "on")
      }
      let plain = try await WebSocketClient.connect(to: port)
      try await plain.send(.text, [0x61])
      #expect(try await plain.nextText() == "a")
      try await plain.socket.send(packed(Self.long))
      #expect(try await plain.receive() == .close(code: 1002, reason: "rsv bits"))
    }
  }

  // MARK: Messages

  @Test("read what RFC 7692 shows as examples, a text of \"Hello\" each")
  func examples() async throws {
    try await withCompression { _, client, _ in
      let hello: [[UInt8]] = [
        [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        // A block without compression, and a block that says that it is the last.
        [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
        [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
        // Two blocks.
        [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
      ]
      for bytes in hello {
        try await client.socket.send(WebSocketClient.frame(.text, bytes, reserved: 4))
        #expect(try await client.nextText() == "Hello")
      }
      // In two frames, of which the first says it, with a ping and an answer nobody waits for between.
      try await client.socket.send(
        WebSocketClient.frame(.text, Array(hello[0][..<3]), final: false, reserved: 4)
          + WebSocketClient.frame(.ping, [1]) + WebSocketClient.frame(.pong, [2, 3])
          + WebSocketClient.frame(.continuation, [], final: false)
          + WebSocketClient.frame(.continuation, Array(hello[0][3...])))
      #expect(try await client.nextText() == "Hello")
      // A message of no length is packed into one byte.
      try await client.socket.send(WebSocketClient.frame(.text, [0], reserved: 4))
      #expect(try await client.nextText() == "")
    }
  }

  @Test("carry messages of every length, packed and not, both ways", arguments: [nil, 9, 12, 15] as [Int?])
  func lengths(windowBits: Int?) async throws {
    let bound = windowBits.map { "; server_max_window_bits=\($0)" } ?? ""
    try await withCompression("permessage-deflate" + bound) { _, client, _ in
      for length in [0, 1, 255, 256, 600, 5_000, 65_535, 65_536, 66_000, 131_072, 327_680] {
        var random = SeededRandom(seed: UInt64(length))
        for letters in [2, 60] {
          let text = String(
            decoding: (0..<length).map { _ in UInt8.random(in: 0..<UInt8(letters), using: &random) + 0x40 },
            as: UTF8.self)
          let before = client.compressedCount
          try await client.socket.send(packed(text))
          #expect(try await client.nextText() == text)
          // Few letters say little; many are sent as they are where nothing is gained.
          if letters == 2 { #expect(client.compressedCount - before == (length < 256 ? 0 : 1)) }
          // Unpacked, a message is still checked as text.
          try await client.send(text)
          #expect(try await client.nextText() == text)
        }
      }
    }
  }

  @Test("leave as it is what does not become smaller")
  func incompressible() async throws {
    try await withCompression { echo, client, _ in
      var random = SeededRandom(seed: 7)
      let bytes = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
      try #require(echo.connection).send(PreparedFrame(binary: bytes))
      #expect(try await client.nextMessage() == .binary(bytes))
      #expect(client.compressedCount == 0)
    }
  }

  @Test("are sent the same bytes where they were agreed on alike, packed once")
  func shared() {
    let compression = Compression()
    let frames = [PreparedFrame(text: Self.long.utf8), PreparedFrame(text: "short".utf8)]
    let first = compression.bytes(of: frames, CompressionAgreement())
    #expect(compression.bytes(of: frames, CompressionAgreement(windowBits: 15)) == first)
    #expect(compression.bytes(of: frames, CompressionAgreement(windowBits: 9)) != [])
    #expect(compression.bytes(of: [frames[0]], CompressionAgreement()) == Array(first.dropLast(7)))
    let ping = PreparedFrame(raw: [0x89, 0])
    #expect(compression.bytes(of: [ping], CompressionAgreement()) == [0x89, 0])
  }

  // MARK: Violations

  @Test(
    "end with the code that names what the client did",
    arguments: [
      // Cut off, no DEFLATE, and text that is not UTF-8 once unpacked (the byte 0xFF, stored).
      (WebSocketClient.frame(.text, [0xF2, 0x48, 0xCD], reserved: 4), 1007),
      (WebSocketClient.frame(.text, [0xFF, 0xFF, 0xFF, 0xFF], reserved: 4), 1007),
      (WebSocketClient.frame(.text, [0, 1, 0, 0xFE, 0xFF, 0xFF, 0], reserved: 4), 1007),
      // Uncompressed text beside it is checked as ever.
      (WebSocketClient.frame(.text, [0x61, 0xFF]), 1007),
      (WebSocketClient.frame(.text, [0xC3]), 1007),
      // RSV1 on a continuation, of a packed message and of another; RSV2.
      (
        WebSocketClient.frame(.text, [0xF2, 0x48], final: false, reserved: 4)
          + WebSocketClient.frame(.continuation, [0xCD, 0xC9, 0xC9, 7, 0], reserved: 4), 1002
      ),
      (
        WebSocketClient.frame(.text, [0x61], final: false)
          + WebSocketClient.frame(.continuation, [0x61], reserved: 4), 1002
      ),
      (WebSocketClient.frame(.ping, [0x61], reserved: 4), 1002),
      (WebSocketClient.frame(.pong, [0x61], reserved: 4), 1002),
      (WebSocketClient.frame(.close, [3, 0xE8], reserved: 4), 1002),
      (WebSocketClient.frame(.text, [0x61], masked: false, reserved: 4), 1002),
      (WebSocketClient.frame(.text, [0x61], reserved: 2), 1002),
      (WebSocketClient.frame(.text, [0x61], reserved: 6), 1002),
    ] as [([UInt8], UInt16)])
  func violations(_ bytes: [UInt8], _ expected: UInt16) async throws {
    try await withCompression { echo, client, server in
      try await client.socket.send(bytes)
      guard case .close(let code, _) = try await client.receive() else {
        Issue.record("no close frame")
        return
      }
      #expect(code == expected)
      client.socket.close()
      #expect(await echo.closed.happens())
    }
  }

  @Test("refuse a bomb with 1009, without making what it would become")
  func bomb() async throws {
    // A gigabyte of zeros is a megabyte packed; these are 32 MiB in 32 KiB.
    let bomb = deflated(String(repeating: "\0", count: 32 << 20))
    #expect(bomb.count < 200_000)
    #expect(throws: Inflater.Failure.tooLarge) { try Inflater().inflate(bomb, limit: 327_680) }
    try await withCompression { _, client, _ in
      try await client.socket.send(WebSocketClient.frame(.text, bomb, reserved: 4))
      #expect(try await client.receive() == .close(code: 1009, reason: "message too large"))
    }
    try await withCompression { _, client, _ in
      let noise = [UInt8](repeating: 0x55, count: 200_000)
      try await client.socket.send(
        WebSocketClient.frame(.text, noise, final: false, reserved: 4)
          + WebSocketClient.frame(.continuation, noise))
      #expect(try await client.receive() == .close(code: 1009, reason: "message too large"))
    }
  }

  // MARK: Slow readers and the end

  @Test("keep every message whole and in order for a reader that stalls among pings")
  func stalledReader() async throws {
    try await withCompression(receiveBuffer: 65_536) { echo, client, _ in
      let connection = try #require(echo.connection)
      let total = 3000
      var next = 0
      var random = SeededRandom(seed: 3)
      // Sixteen letters: two of them go into a byte.
      let letters = String(
        decoding: (0..<20_000).map { _ in 0x61 + UInt8.random(in: 0..<16, using: &random) }, as: UTF8.self)
      func text(_ number: Int) -> String { "\(number):" + letters.dropLast(number * 37 % 19_900) }
      @EventLoop func sendOn() {
        while next < total, !connection.isBehind {
          let batch = next.isMultiple(of: 3) ? min(5, total - next) : 1
          connection.send((next..<(next + batch)).map { PreparedFrame(text: text($0).utf8) })
          next += batch
        }
      }
      echo.drained = { sendOn() }
      sendOn()
      #expect(connection.isBehind)
      for number in 0..<20 { try await client.ping([UInt8(number)]) }
      var expected = 0
      while expected < total {
        switch try await client.receive() {
        case .text(let got):
          guard got == text(expected) else {
            Issue.record("message \(expected) is not whole, or not in order")
            return
          }
          expected += 1
        case .pong: break
        case let other:
          Issue.record("\(other)")
          return
        }
      }
      #expect(client.compressedCount > total / 2)
      connection.close(code: 3001, reason: "shutdown")
      #expect(try await client.nextMessage() == .close(code: 3001, reason: "shutdown"))
    }
  }

  @Test("vanish in the middle of a message, theirs and ours, and are let go")
  func vanishing() async throws {
    try await withServer { delegate, server, port in
      for number in 0..<200 {
        let echo = Echo(wantsCompression: true)
        delegate.judging = { _ in .accept(subprotocol: nil, echo) }
        let client = try await WebSocketClient.connect(
          to: port, extensions: "permessage-deflate", receiveBuffer: 4096)
        if number.isMultiple(of: 2) {
          try await client.socket.send(packed(Self.long, final: false))
        } else {
          #expect(await eventually { echo.connection != nil })
          let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
          for _ in 0..<3 { echo.connection?.send(frame) }
        }
        client.socket.reset()
      }
      #expect(await eventually { server.connectionCount == 0 })
    }
  }
}
