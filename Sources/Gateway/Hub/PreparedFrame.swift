/// A message as the bytes that go over the wire, made once and shared by all who get it.
///
/// WebSocket frames of a server are not masked (RFC 6455 §5.1), so that the bytes are the same for
/// everybody; so are those of a server-sent event.
package final class PreparedFrame: Sendable {
  /// Header and payload.
  package let bytes: [UInt8]
  /// Where the payload begins: for transports that frame by themselves (TLS, compression).
  package let payloadOffset: Int

  /// A text frame around `payload`, which must be valid UTF-8.
  package convenience init(text payload: some Collection<UInt8>) { self.init(0x81, payload) }

  /// A binary frame around `payload`.
  package convenience init(binary payload: some Collection<UInt8>) { self.init(0x82, payload) }

  private init(_ mark: UInt8, _ payload: some Collection<UInt8>) {
    let count = payload.count
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 10)
    bytes.append(mark)
    Self.appendLength(count, to: &bytes)
    payloadOffset = bytes.count
    bytes.append(contentsOf: payload)
    self.bytes = bytes
  }

  /// The length of a payload as an unmasked frame's header has it (RFC 6455 §5.2).
  static func appendLength(_ count: Int, to bytes: inout [UInt8]) {
    if count < 126 {
      bytes.append(UInt8(count))
    } else if count <= 0xFFFF {
      bytes.append(126)
      bytes.append(UInt8(count >> 8))
      bytes.append(UInt8(count & 0xFF))
    } else {
      bytes.append(127)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: count >> shift))
      }
    }
  }

  /// Bytes that go out as they are: a server-sent event.
  package init(raw bytes: [UInt8]) {
    self.bytes = bytes
    payloadOffset = 0
  }

  /// The message without its frame header.
  package var payload: ArraySlice<UInt8> { bytes[payloadOffset...] }
}
