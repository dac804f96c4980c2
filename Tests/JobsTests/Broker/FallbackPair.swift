import EventLoop
import Jobs
import Support

/// A fallback over two brokers of a test's own: the first plays the shared one, and can be taken away.
@EventLoop
final class FallbackPair {
  let shared: EmbeddedBroker
  let local: EmbeddedBroker
  let broker: FallbackBroker
  private let line: Line

  /// The connection to the shared broker.
  @EventLoop final class Line { var isUp = true }

  init(shared: EmbeddedBroker, local: EmbeddedBroker, broker: FallbackBroker, line: Line) {
    self.shared = shared
    self.local = local
    self.broker = broker
    self.line = line
  }

  static func open(
    _ folder: TemporaryFolder, shared: EmbeddedBroker? = nil, isUp: Bool = true
  ) async throws -> FallbackPair {
    let line = Line()
    line.isUp = isUp
    let first: EmbeddedBroker
    if let shared {
      first = shared
    } else {
      first = try await EmbeddedBroker.open(at: folder.path + "/shared", logger: .silent)
    }
    let local = try await EmbeddedBroker.open(at: folder.path + "/local", logger: .silent)
    let broker = try await FallbackBroker.open(
      shared: first, local: local, isReachable: { line.isUp }, logger: .silent)
    return FallbackPair(shared: first, local: local, broker: broker, line: line)
  }

  func goAway() { line.isUp = false }

  func comeBack() async {
    line.isUp = true
    await broker.handOver()
  }
}
