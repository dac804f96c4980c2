/// Cuts what a Redis says into its replies (RESP2), as bytes.
package struct RedisReplies {
  private var bytes: ArraySlice<UInt8> = []

  package init() {}

  package mutating func append(_ more: some Sequence<UInt8>) { bytes += more }

  /// The next reply, once it is whole.
  package mutating func next() -> ArraySlice<UInt8>? {
    guard let end = Self.end(of: 1, in: bytes, from: bytes.startIndex) else { return nil }
    defer { bytes = bytes[end...] }
    return bytes[..<end]
  }

  /// What has come of a reply that is not whole.
  package mutating func takeRest() -> ArraySlice<UInt8> {
    defer { bytes = [] }
    return bytes
  }

  /// Whether it is something published, told to who subscribed.
  package static func isMessage(_ reply: ArraySlice<UInt8>) -> Bool {
    reply.starts(with: "*3\r\n$7\r\nmessage\r\n".utf8)
  }

  /// Where so many replies end; nil while they are not whole.
  private static func end(of count: Int, in bytes: ArraySlice<UInt8>, from start: Int) -> Int? {
    var index = start
    var missing = count
    while missing > 0 {
      guard let line = bytes[index...].firstRange(of: [0x0D, 0x0A]) else { return nil }
      missing -= 1
      let number = Int(String(decoding: bytes[(index + 1)..<line.lowerBound], as: UTF8.self)) ?? 0
      switch bytes[index] {
      case UInt8(ascii: "*"): missing += max(0, number)
      case UInt8(ascii: "$") where number >= 0:
        guard line.upperBound + number + 2 <= bytes.endIndex else { return nil }
        index = line.upperBound + number + 2
        continue
      default: break
      }
      index = line.upperBound
    }
    return index
  }
}
