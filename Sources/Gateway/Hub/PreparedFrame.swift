/// A message as the bytes that go over the wire, made once and shared by all who get it.
///
/// WebSocket frames of a server are not masked (RFC 6455 §5.1), so that the bytes are the same for
/// everybody; so are those of a server-sent event.
package final class PreparedFrame: Sendable {
  /// Header and payload.
  package let bytes: [UInt8]
  /// Where the payload begins: for transports that frame by themselves (TLS, compression).
  package let payloadOffset: Int
  /// The frames of which it is made, where it is more than one; for the same transports.
  package let parts: [PreparedFrame]

  /// A text frame around `payload`, which must be valid UTF-8.
  package convenience init(text payload: some Collection<UInt8>) { self.init(0x81, payload) }

  /// A binary frame around `payload`.
  package convenience init(binary payload: some Collection<UInt8>) { self.init(0x82, payload) }

  private init(_ mark: UInt8, _ payload: some Collection<UInt8>) {
    var bytes = Self.header(mark, of: payload.count)
    payloadOffset = bytes.count
    bytes.append(contentsOf: payload)
    self.bytes = bytes
    parts = []
  }

  /// Bytes that go out as they are: a server-sent event.
  package init(raw bytes: [UInt8]) {
    self.bytes = bytes
    payloadOffset = 0
    parts = []
  }

  /// Several frames one behind the other, to be handed to a socket at once.
  package init(concatenating parts: [PreparedFrame]) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(parts.reduce(0) { $0 + $1.bytes.count })
    for part in parts { bytes += part.bytes }
    self.bytes = bytes
    payloadOffset = 0
    self.parts = parts
  }

  /// The payloads of several text frames as one message, parted by line feeds (spec §1).
  package init(merging frames: some Collection<PreparedFrame>) {
    let count = frames.reduce(frames.count - 1) { $0 + $1.payload.count }
    var bytes = Self.header(0x81, of: count)
    payloadOffset = bytes.count
    for frame in frames {
      if bytes.count > payloadOffset { bytes.append(0x0A) }
      bytes += frame.payload
    }
    self.bytes = bytes
    parts = []
  }

  /// The header of a whole message that is not masked, with room for the payload (RFC 6455 §5.2).
  private static func header(_ mark: UInt8, of count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 10)
    bytes.append(mark)
    appendLength(count, to: &bytes)
    return bytes
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

  /// The message without its frame header.
  package var payload: ArraySlice<UInt8> { bytes[payloadOffset...] }

  /// What goes out, message by message.
  package var messages: [PreparedFrame] { parts.isEmpty ? [self] : parts }
}
