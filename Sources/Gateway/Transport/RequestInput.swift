/// What a connection has read and not used yet: a head or its beginning, and what came with it.
struct RequestInput {
  private var bytes: [UInt8] = []
  /// So much of a head that is not whole was searched for its end.
  private var searched = 0

  var isEmpty: Bool { bytes.isEmpty }
  var count: Int { bytes.count }
  /// The beginning of a head was looked at already.
  var hasBegun: Bool { searched > 0 }

  mutating func append(_ more: UnsafeBufferPointer<UInt8>) { bytes.append(contentsOf: more) }

  /// Takes the next head, once it is whole. Throws where what came is none, or can become none.
  mutating func takeHead(
    from peer: String, limits: Limits
  ) throws(Refusal) -> RequestHead? {
    guard let end = try RequestHead.end(in: bytes[...], searched: searched) else {
      guard bytes.count <= limits.headSize else { throw Refusal(431, "The head is too large.") }
      searched = bytes.count
      return nil
    }
    guard end <= limits.headSize else { throw Refusal(431, "The head is too large.") }
    let head = try RequestHead(bytes[..<end], peer: peer, limits: limits)
    bytes.removeFirst(end)
    searched = 0
    return head
  }

  /// Takes what came behind a head, at most `limit` bytes; nil where there are none.
  mutating func take(limit: Int) -> [UInt8]? {
    guard !bytes.isEmpty else { return nil }
    let count = min(limit, bytes.count)
    defer { bytes.removeFirst(count) }
    return Array(bytes[..<count])
  }

  /// Forgets it all, and the memory with it.
  mutating func removeAll() { self = RequestInput() }
}
