/// Bytes that a socket has not taken yet.
struct PendingBytes {
  private var bytes: [UInt8] = []
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: more.assumingMemoryBound(to: UInt8.self))
  }

  /// The first `count` were taken. With the last of them the memory goes too.
  mutating func removeFirst(_ count: Int) {
    start += count
    if isEmpty { self = PendingBytes() }
  }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }
}
