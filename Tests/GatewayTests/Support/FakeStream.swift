import EventLoop
import Gateway
import Support

/// A stream of server-sent events without a connection, whose reader is behind when the test says so.
@EventLoop
final class FakeStream: ResponseStream {
  var isBehind = false
  var whenDrained: (@EventLoop () -> Void)?
  var whenClosed: (@EventLoop () -> Void)?
  private(set) var isFinished = false
  private let blocks = Arrivals<String>()

  func write(_ bytes: [UInt8]) {
    for block in String(decoding: bytes, as: UTF8.self).split(separator: "\n\n") {
      blocks.append(String(block))
    }
  }

  func finish() {
    isFinished = true
    blocks.append("")
  }

  /// Everything that came until the stream was finished: `id: 1\nevent: …`.
  func all() async throws -> [String] {
    Array(try await blocks.values { $0.last == "" }.dropLast())
  }

  /// What came, once it is so much.
  func blocks(atLeast count: Int) async throws -> [String] { try await blocks.values(atLeast: count) }
}
