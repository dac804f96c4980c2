import CZlib
import EventLoop

/// Reads messages that were compressed for permessage-deflate (RFC 7692 §7.2.2), each by itself and
/// whole: one serves all connections, and none holds anything of zlib's between messages.
@EventLoop
final class Inflater {
  /// Why a message cannot be read.
  enum Failure: Error {
    /// Not what DEFLATE writes, or not all of it.
    case corrupt
    /// Longer than the limit; what it would have become was not made.
    case tooLarge
  }

  // zlib's state points back to it: it must stay where it is.
  private let stream: UnsafeMutablePointer<z_stream>
  private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // The largest window reads what was written with any.
    let code = inflateInit2_(stream, -15, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    precondition(code == Z_OK, "zlib did not start")
  }

  isolated deinit {
    inflateEnd(stream)
    stream.deallocate()
    piece.deallocate()
  }

  /// The message, at most `limit` bytes. Costs no more than `limit` allows, whatever it was packed from.
  func inflate(_ packed: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
    inflateReset(stream)
    // The four bytes that every message ends with and nobody sends.
    let input = packed + [0, 0, 0xFF, 0xFF]
    var message: [UInt8] = []
    var failure: Failure?
    var isWhole = false
    input.withUnsafeBytes { input in
      stream.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.pointee.avail_in = UInt32(input.count)
      repeat {
        stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(piece.count)
        let code = CZlib.inflate(stream, Z_SYNC_FLUSH)
        let made = piece.count - Int(stream.pointee.avail_out)
        guard message.count + made <= limit else {
          failure = .tooLarge
          return
        }
        message += piece[..<made]
        // Between two blocks, with no bit over. Said once: a call that finds nothing to do says otherwise.
        isWhole = stream.pointee.avail_in == 0 && stream.pointee.data_type & 0xFF == 128
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        // A block may say that it is the last, and others follow it (RFC 7692 §7.2.3.4).
        case Z_STREAM_END: inflateReset(stream)
        default:
          failure = .corrupt
          return
        }
      } while !isWhole && (stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0)
    }
    if let failure { throw failure }
    guard isWhole else { throw .corrupt }
    return message
  }
}
