package import EventLoop
import Jobs

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
  package var description: String { String(uuid: high, low) }
}
