/// A WebSocket frame (RFC 6455 §5): as a client writes it, and as one reads it.
struct WebSocketFrame: Hashable, Sendable {
  enum Opcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    var isControl: Bool { rawValue >= 8 }
  }

  var isFinal = true
  var opcode: Opcode
  var payload: [UInt8]

  /// The close frame of a client that is done.
  static func close(code: UInt16) -> WebSocketFrame {
    WebSocketFrame(opcode: .close, payload: [UInt8(code >> 8), UInt8(code & 0xFF)])
  }

  /// The code and the reason in a close frame; 1005, "none given", where it is empty.
  var closeReason: (code: Int, reason: String) {
    guard payload.count >= 2 else { return (1005, "no reason given") }
    let code = Int(payload[0]) << 8 | Int(payload[1])
    return (code, String(decoding: payload.dropFirst(2), as: UTF8.self))
  }

  /// The frame's bytes, masked with `mask`, as everything a client sends must be.
  func encoded(mask: (UInt8, UInt8, UInt8, UInt8)) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(payload.count + 14)
    bytes.append((isFinal ? 0x80 : 0) | opcode.rawValue)
    switch payload.count {
    case ..<126: bytes.append(0x80 | UInt8(payload.count))
    case ..<65_536:
      bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    default:
      bytes.append(0x80 | 127)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
      }
    }
    let mask = [mask.0, mask.1, mask.2, mask.3]
    bytes += mask
    for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index & 3]) }
    return bytes
  }

  /// The frame's bytes with a random mask (§10.3).
  var encoded: [UInt8] {
    let mask = UInt32.random(in: 0 ... .max)
    return encoded(
      mask: (
        UInt8(truncatingIfNeeded: mask >> 24), UInt8(truncatingIfNeeded: mask >> 16),
        UInt8(truncatingIfNeeded: mask >> 8), UInt8(truncatingIfNeeded: mask)
      ))
  }
}

/// Finds a server's frames in the bytes as they arrive.
struct WebSocketFrameReader: Sendable {
  /// The largest payload that is taken; a gateway's frames are far smaller.
  static let largestPayload = 16 << 20

  private var pending: [UInt8] = []

  mutating func append(_ bytes: some Sequence<UInt8>) { pending += bytes }

  /// The next whole frame; nil until more has come. Throws on what no server may send: a mask,
  /// reserved bits, an unknown opcode, a control frame that is long or in parts.
  mutating func next() throws(ClientError) -> WebSocketFrame? {
    guard pending.count >= 2 else { return nil }
    guard pending[0] & 0x70 == 0, let opcode = WebSocketFrame.Opcode(rawValue: pending[0] & 0x0F)
    else { throw .notUnderstood("a WebSocket frame of an unknown kind") }
    guard pending[1] & 0x80 == 0 else { throw .notUnderstood("a masked frame from a server") }
    let isFinal = pending[0] & 0x80 != 0

    var length = Int(pending[1])
    var start = 2
    let lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0
    if lengthBytes > 0 {
      start += lengthBytes
      guard pending.count >= start else { return nil }
      guard lengthBytes == 2 || pending[2..<5].allSatisfy({ $0 == 0 }) else {
        throw .notUnderstood("a WebSocket frame that is too large")
      }
      length = pending[2..<start].reduce(0) { $0 << 8 | Int($1) }
    }
    guard length <= Self.largestPayload else {
      throw .notUnderstood("a WebSocket frame of \(length) bytes")
    }
    guard !opcode.isControl || (isFinal && length < 126) else {
      throw .notUnderstood("a control frame that is long or in parts")
    }
    guard pending.count >= start + length else { return nil }
    let payload = Array(pending[start..<start + length])
    pending.removeFirst(start + length)
    return WebSocketFrame(isFinal: isFinal, opcode: opcode, payload: payload)
  }
}
