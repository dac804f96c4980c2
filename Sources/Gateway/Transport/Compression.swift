import EventLoop

/// permessage-deflate for the connections of a server: they share what compresses and what inflates, because
/// no message refers to another, and so an idle connection holds nothing of either.
@EventLoop
final class Compression {
  private lazy var inflater = Inflater()
  private var deflaters: [Int: Deflater] = [:]
  /// What ``bytes(of:_:)`` answered last, and to what.
  private var last: (frames: [PreparedFrame], windowBits: Int, bytes: [UInt8]) = ([], 0, [])

  /// The frames one behind the other, compressed where that pays.
  ///
  /// Watchers of the same jobs are sent the same frames one after the other: these are compressed once.
  func bytes(of frames: [PreparedFrame], _ agreement: CompressionAgreement) -> [UInt8] {
    let windowBits = agreement.windowBits ?? 15
    if last.windowBits == windowBits, frames.elementsEqual(last.frames, by: ===) { return last.bytes }
    let deflater = deflaters[windowBits] ?? Deflater(windowBits: windowBits)
    deflaters[windowBits] = deflater
    var bytes: [UInt8] = []
    for message in frames.lazy.flatMap(\.messages) { deflater.append(message, to: &bytes) }
    last = (frames, windowBits, bytes)
    return bytes
  }

  /// A message of a client as it was before it was compressed, at most `limit` bytes.
  func message(_ packed: [UInt8], limit: Int) throws(Inflater.Failure) -> [UInt8] {
    try inflater.inflate(packed, limit: limit)
  }

  /// The most bytes that a message of `size` may have when compressed: stored blocks cost five bytes each.
  static func bound(for size: Int) -> Int { size + size / 512 + 64 }
}
