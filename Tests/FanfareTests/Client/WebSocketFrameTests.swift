import Testing

@testable import Fanfare

@Suite("WebSocket frames") struct WebSocketFrameTests {
  /// A frame as a server writes it: without a mask.
  private func server(_ opcode: UInt8, _ payload: [UInt8], final: Bool = true) -> [UInt8] {
    var bytes = [(final ? 0x80 : 0) | opcode]
    switch payload.count {
    case ..<126: bytes.append(UInt8(payload.count))
    case ..<65_536: bytes += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    default:
      bytes +=
        [127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
    }
    return bytes + payload
  }

  @Test("are masked as RFC 6455 §5.7 shows it")
  func masked() {
    let frame = WebSocketFrame(opcode: .text, payload: Array("Hello".utf8))
    #expect(
      frame.encoded(mask: (0x37, 0xFA, 0x21, 0x3D))
        == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
  }

  @Test("tell their length in 7, 16 or 64 bits", arguments: [0, 125, 126, 65_535, 65_536])
  func lengths(_ count: Int) throws {
    let payload = [UInt8](repeating: 7, count: count)
    let written = WebSocketFrame(opcode: .binary, payload: payload).encoded(mask: (0, 0, 0, 0))
    #expect(written.count == count + 4 + (count < 126 ? 2 : count < 65_536 ? 4 : 10))
    #expect(written[1] & 0x80 != 0)

    var reader = WebSocketFrameReader()
    reader.append(server(2, payload))
    #expect(try reader.next() == WebSocketFrame(opcode: .binary, payload: payload))
    #expect(try reader.next() == nil)
  }

  @Test("are found byte by byte, several in a row")
  func piecemeal() throws {
    var reader = WebSocketFrameReader()
    var found: [WebSocketFrame] = []
    for byte in server(1, Array("one".utf8)) + server(9, [])
      + server(1, [UInt8](repeating: 65, count: 300))
    {
      reader.append([byte])
      while let frame = try reader.next() { found.append(frame) }
    }
    #expect(found.map(\.opcode) == [.text, .ping, .text])
    #expect(found.map(\.payload.count) == [3, 0, 300])
  }

  @Test(
    "of forms that no server may send are refused",
    arguments: [
      [0x81, 0x80, 1, 2, 3, 4],  // masked
      [0xC1, 0x00],  // a reserved bit
      [0x83, 0x00],  // an unknown opcode
      [0x09, 0x00],  // a ping in parts
      [0x89, 126, 0, 126],  // a long ping
      [0x82, 127, 1, 0, 0, 0, 0, 0, 0, 0],  // beyond all bounds
      [0x82, 127, 0, 0, 0, 0, 0xFF, 0, 0, 0],  // larger than is taken
    ] as [[UInt8]])
  func malformed(_ bytes: [UInt8]) {
    var reader = WebSocketFrameReader()
    reader.append(bytes)
    #expect(throws: ClientError.self) { try reader.next() }
  }

  @Test("of a close tell code and reason")
  func close() {
    let frame = WebSocketFrame(opcode: .close, payload: [0x0B, 0xB9] + Array("shutdown".utf8))
    #expect(frame.closeReason == (3001, "shutdown"))
    #expect(WebSocketFrame(opcode: .close, payload: []).closeReason.code == 1005)
  }

  @Test("follow a handshake that answers the key of RFC 6455 §1.3")
  func acceptance() {
    #expect(
      WebSocketStream.acceptance(of: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }
}
