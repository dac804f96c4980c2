package import EventLoop

/// The name of a session, as the protocol's `client`: a random UUID (version 4, RFC 9562), in two words until it is
/// shown.
package struct SessionID: Hashable, Sendable, CustomStringConvertible {
  private let high: UInt64
  private let low: UInt64

  /// A new name.
  @EventLoop package init() {
    high = LoopRandom.shared.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    low = LoopRandom.shared.next() >> 2 | 0x8000_0000_0000_0000
  }

  /// 36 characters, in lower case.
  package var description: String {
    String(unsafeUninitializedCapacity: 36) { text in
      var position = 0
      for index in 0..<32 {
        if [8, 12, 16, 20].contains(index) {
          text[position] = UInt8(ascii: "-")
          position += 1
        }
        let word = index < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index % 16)) & 0xF)
        text[position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        position += 1
      }
      return position
    }
  }
}
