import EventLoop
import Gateway
import Support

/// A request without a connection and without a body, whose answer can be waited for.
@EventLoop
final class FakeExchange: Exchange {
  let request: Request
  private(set) var isClosed = false
  var whenClosed: (@EventLoop () -> Void)?
  private let answers = Arrivals<Response>()

  init(_ request: Request) { self.request = request }

  func readBody(limit: Int, _ consume: @EventLoop ([UInt8]) async throws -> Void) async throws {}

  func respond(_ response: Response) { answers.append(response) }

  /// The answer, once it is there.
  func answer() async throws -> Response { try await answers.values(atLeast: 1)[0] }

  /// The client goes.
  func leave() {
    isClosed = true
    whenClosed?()
    whenClosed = nil
  }
}
