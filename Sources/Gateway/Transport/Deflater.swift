import CZlib
import EventLoop

/// Compresses messages for permessage-deflate (RFC 7692 §7.2.1), each by itself: one serves every
/// connection with the same window.
@EventLoop
final class Deflater {
  /// Bytes of a message below which it goes out as it is: little would be saved.
  static let threshold = 256

  // zlib's state points back to it: it must stay where it is.
  private let stream: UnsafeMutablePointer<z_stream>
  private var packed: [UInt8] = []

  /// A window of 2 to the `windowBits` bytes, 9 to 15.
  init(windowBits: Int) {
    precondition((9...15).contains(windowBits), "a window of 2^\(windowBits) bytes")
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // Negative: without zlib's header. Level 1: what is pushed is small, and pushed in the loop's turn.
    let code = deflateInit2_(
      stream, 1, Z_DEFLATED, CInt(-windowBits), 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      CInt(MemoryLayout<z_stream>.size))
    precondition(code == Z_OK, "zlib did not start")
  }

  isolated deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Appends the frame to `bytes`, compressed where that makes it smaller.
  ///
  /// Frames that hold no message (pings) are never compressed (RFC 7692 §6).
  func append(_ frame: PreparedFrame, to bytes: inout [UInt8]) {
    let opcode = (frame.bytes.first ?? 0) & 0x0F
    guard frame.payloadOffset > 0, opcode == 1 || opcode == 2,
      frame.bytes.count - frame.payloadOffset >= Self.threshold
    else {
      bytes += frame.bytes
      return
    }
    let packed = deflate(frame.payload)
    guard packed.count < frame.payload.count else {
      bytes += frame.bytes
      return
    }
    // RSV1 says that the message is compressed.
    bytes.append(0xC0 | opcode)
    PreparedFrame.appendLength(packed.count, to: &bytes)
    bytes += packed
  }

  /// The payload compressed, without the four bytes that every message ends with and nobody sends.
  func deflate(_ payload: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    deflateReset(stream)
    // A flush adds five bytes to what the bound speaks of.
    let bound = Int(deflateBound(stream, UInt(payload.count))) + 16
    if packed.count < bound { packed = [UInt8](repeating: 0, count: bound) }
    let left = payload.withUnsafeBytes { input in
      packed.withUnsafeMutableBytes { output in
        stream.pointee.next_in = UnsafeMutablePointer(
          mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let code = CZlib.deflate(stream, Z_SYNC_FLUSH)
        precondition(code == Z_OK && stream.pointee.avail_in == 0, "zlib did not take a message whole")
        return Int(stream.pointee.avail_out)
      }
    }
    return packed[..<(packed.count - left - 4)]
  }
}
