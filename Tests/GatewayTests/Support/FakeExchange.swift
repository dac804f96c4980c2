import EventLoop
import Gateway
import Support

import protocol Gateway.Exchange

/// A request without a connection, whose answer can be waited for.
@EventLoop
final class FakeExchange: Exchange {
  let request: Request
  private(set) var isClosed = false
  var whenClosed: (@EventLoop () -> Void)?
  private let body: [UInt8]
  private let answers = Arrivals<Response>()

  init(_ request: Request, body: String = "") {
    self.request = request
    self.body = Array(body.utf8)
  }

  func awaitTurn() async throws(Problem) {}

  func readBody(limit: Int, _ consume: @EventLoop ([UInt8]) async throws -> Void) async throws {
    guard body.count <= limit else { throw RequestBodyError.tooLarge(limit: limit) }
    if !body.isEmpty { try await consume(body) }
  }

  /// How long the answer may take, if that was said.
  private(set) var expectation: Duration?
  func expectAnswer(within time: Duration) { expectation = time }

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
