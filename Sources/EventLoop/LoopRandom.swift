import Foundation

/// Random numbers of the system's generator, asked for in larger pieces than one: a connection needs three, and each
/// would be a system call.
package struct LoopRandom: RandomNumberGenerator, Sendable {
  /// The loop's.
  @EventLoop package static var shared = LoopRandom()

  private var words = [UInt64](repeating: 0, count: 32)
  private var left = 0

  /// One that has asked for nothing yet.
  package init() {}

  /// The next 64 bits, as good as the system's, and never given twice.
  package mutating func next() -> UInt64 {
    if left == 0 { refill() }
    left -= 1
    defer { words[left] = 0 }
    return words[left]
  }

  private mutating func refill() {
    left = words.count
    // 256 bytes are what a call gives whole (getentropy(3)).
    let code = words.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
    precondition(code == 0, "the system has no random numbers: \(String(cString: strerror(errno)))")
  }
}
