import Support
import Testing

@testable import Gateway

@Suite("What passes from a WebSocket to libwebsockets") struct FrameGateTests {
  /// What passes of the bytes, read in pieces of so many.
  private func passed(_ bytes: [UInt8], through gate: inout FrameGate, inPiecesOf size: Int = .max) -> [UInt8] {
    var passed: [UInt8] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      var piece = Array(rest.prefix(size))
      rest = rest.dropFirst(piece.count)
      let count = piece.withUnsafeMutableBytes { gate.pass($0) }
      passed += piece[..<count]
    }
    return passed
  }

  private static func frame(
    _ opcode: WebSocketClient.Opcode, _ length: Int = 1, final: Bool = true, masked: Bool = true, reserved: UInt8 = 0
  ) -> [UInt8] {
    WebSocketClient.frame(
      opcode, [UInt8](repeating: 0x61, count: length), final: final, masked: masked, reserved: reserved)
  }

  private static func pong(_ payload: [UInt8]) -> [UInt8] { [0x8A, UInt8(payload.count)] + payload }

  @Test("is every frame of a message, and every control frame but pings", arguments: [1, 2, 3, 7, 512, .max])
  func others(_ size: Int) {
    var frames: [[UInt8]] = []
    for length in [0, 1, 125, 126, 65_535, 65_536] { frames.append(Self.frame(.binary, length)) }
    frames += [
      Self.frame(.text, 3, final: false), Self.frame(.pong, 125), Self.frame(.continuation, 0, final: false),
      Self.frame(.continuation, 200), Self.frame(.text, 1, reserved: 4),
      Self.frame(.text, 1, final: false, reserved: 4), Self.frame(.continuation, 1), Self.frame(.close, 2),
    ]
    let bytes = Array(frames.joined())
    var gate = FrameGate(takesMark: true)
    #expect(passed(bytes, through: &gate, inPiecesOf: size) == bytes)
    #expect(!gate.hasWork)
  }

  @Test("is not a ping: it is owed a pong once what came before it was heard", arguments: [1, 2, 3, 7, 512, .max])
  func pings(_ size: Int) {
    var gate = FrameGate(takesMark: true)
    let (first, second) = (Self.frame(.text, 300, final: false), Self.frame(.continuation, 2))
    let bytes =
      WebSocketClient.frame(.ping, [1]) + first + WebSocketClient.frame(.ping, [2, 3]) + Self.frame(.pong)
      + WebSocketClient.frame(.ping, []) + second + WebSocketClient.frame(.ping, [UInt8](repeating: 4, count: 125))
    let rest = passed(bytes, through: &gate, inPiecesOf: size)
    #expect(rest.count == first.count + second.count + Self.frame(.pong).count)
    #expect(rest.starts(with: first) && rest.suffix(second.count) == second[...])
    #expect(gate.duePongs() == Self.pong([1]))
    #expect(gate.duePongs() == [])
    gate.frameHeard()
    #expect(gate.duePongs() == Self.pong([2, 3]) + Self.pong([]))
    #expect(gate.owedByteCount == 127)
    gate.frameHeard()
    #expect(gate.duePongs() == Self.pong([UInt8](repeating: 4, count: 125)))
    #expect(!gate.hasWork)
  }

  @Test("leaves a bounded number of pongs to be owed, the newest")
  func flood() {
    var gate = FrameGate(takesMark: true)
    for number in 0..<10_000 {
      #expect(passed(WebSocketClient.frame(.ping, [UInt8(number & 0xFF), 0]), through: &gate) == [])
      #expect(gate.owedByteCount <= FrameGate.pongLimit)
    }
    let pongs = gate.duePongs()
    #expect(pongs.count == FrameGate.pongLimit)
    #expect(pongs.suffix(4) == Self.pong([UInt8(9999 & 0xFF), 0])[...])
    for _ in 0..<3 { _ = passed(WebSocketClient.frame(.ping, [1]), through: &gate) }
    gate.forgetPongs()
    #expect(gate.duePongs() == [] && !gate.hasWork)
  }

  struct Refused: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let violation: FrameGate.Violation

    init(_ name: String, _ bytes: [UInt8], _ violation: FrameGate.Violation) {
      (testDescription, self.bytes, self.violation) = (name, bytes, violation)
    }
  }

  static let refused: [Refused] = [
    .init("text without a mask", frame(.text, 5, masked: false), .mask),
    .init("an empty frame without a mask", frame(.binary, 0, masked: false), .mask),
    .init("a ping without a mask", frame(.ping, 5, masked: false), .mask),
    .init("a close frame without a mask", frame(.close, 2, masked: false), .mask),
    .init(
      "a continuation without a mask", frame(.text, final: false) + frame(.continuation, 70_000, masked: false), .mask),
    .init("125 in two bytes", [0x82, 0xFE, 0, 125, 1, 2, 3, 4], .length),
    .init("0 in two bytes", [0x81, 0xFE, 0, 0, 1, 2, 3, 4], .length),
    .init("65535 in eight bytes", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4], .length),
    .init("5 in eight bytes", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4], .length),
    .init("2^63 bytes", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], .length),
    .init("a ping of 126 bytes", [0x89, 0xFE, 0, 126, 1, 2, 3, 4], .length),
    .init("a close frame of 65536 bytes", [0x88, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], .length),
    .init("RSV1 on a ping", frame(.ping, 1, reserved: 4), .reservedBits),
    .init("RSV1 on a pong", frame(.pong, 1, reserved: 4), .reservedBits),
    .init("RSV1 on a close frame", frame(.close, 2, reserved: 4), .reservedBits),
    .init("RSV2 on a ping", frame(.ping, 1, reserved: 2), .reservedBits),
    .init("RSV2 on a message", frame(.text, 1, reserved: 2), .reservedBits),
    .init("RSV1 and RSV3 on a message", frame(.binary, 1, reserved: 5), .reservedBits),
    .init(
      "RSV1 on a continuation", frame(.text, 1, final: false) + frame(.continuation, 1, reserved: 4), .reservedBits),
    .init("opcode 3", frame(.init(rawValue: 3)), .opcode),
    .init("opcode 7 in the middle of a message", frame(.text, final: false) + frame(.init(rawValue: 7)), .opcode),
    .init("opcode 11", frame(.init(rawValue: 11)), .opcode),
    .init("opcode 15 in parts", frame(.init(rawValue: 15), final: false), .opcode),
    .init("a part of a ping", frame(.ping, final: false), .fragment),
    .init("a part of a close frame", frame(.close, 2, final: false), .fragment),
    .init("a continuation of nothing", frame(.continuation), .fragment),
    .init(
      "a continuation after the end", frame(.text, final: false) + frame(.continuation) + frame(.continuation),
      .fragment),
    .init("a message within a message", frame(.text, final: false) + frame(.text), .fragment),
  ]

  @Test("is nothing from the frame on that breaks the protocol", arguments: refused)
  func refusals(_ refused: Refused) {
    let before = Self.frame(.text, 3)
    for size in [1, 5, .max] {
      var gate = FrameGate(takesMark: true)
      let rest = passed(
        before + refused.bytes + Self.frame(.text, 9) + Self.frame(.ping), through: &gate, inPiecesOf: size)
      // Of its head a part may have passed in an earlier read, of which the library makes nothing.
      #expect(rest.starts(with: before))
      #expect((before + refused.bytes).starts(with: rest) && rest.count < before.count + refused.bytes.count)
      #expect(gate.violation == refused.violation)
      #expect(gate.owedByteCount == 0)
    }
  }

  @Test("are marks of compression only where it was agreed on")
  func marks() {
    for takesMark in [true, false] {
      var gate = FrameGate(takesMark: takesMark)
      let frame = Self.frame(.text, 1, reserved: 4)
      #expect(passed(frame, through: &gate) == (takesMark ? frame : []))
      #expect(gate.violation == (takesMark ? nil : .reservedBits))
    }
  }

  @Test("is the same in whatever pieces it comes")
  func pieces() {
    var random = SeededRandom(seed: 11)
    for _ in 0..<200 {
      var bytes: [UInt8] = []
      var messages: [UInt8] = []
      for _ in 0..<8 {
        let length = Int.random(in: 0...200, using: &random)
        let frame = Self.frame(.binary, length)
        if Bool.random(using: &random) {
          bytes += WebSocketClient.frame(.ping, [UInt8](repeating: 7, count: length % 126))
        }
        bytes += frame
        messages += frame
      }
      var gate = FrameGate(takesMark: true)
      var rest = bytes[...]
      var got: [UInt8] = []
      while !rest.isEmpty {
        let size = Int.random(in: 1...60, using: &random)
        got += passed(Array(rest.prefix(size)), through: &gate)
        rest = rest.dropFirst(size)
      }
      #expect(got == messages)
    }
  }
}
