/// Asks servers of the web by HTTP/1.1, with or without TLS.
///
/// All clients of a process share one thread, which does the transfers (docs/decisions/0012); nothing here holds up
/// the caller's. A transfer has at most some 200 KiB in memory, whatever its size. No proxy, no `.netrc`, no protocol
/// but http and https is heard; certificates are checked. A task that is cancelled ends its transfer.
package struct HTTPClient: Sendable {
  package init() {}

  /// Sends the request and returns when the answer's head is there; its body is then read from the answer.
  ///
  /// Redirections are followed within the request's limits, for GET and HEAD alone.
  package func open(_ request: HTTPRequest) async throws(HTTPError) -> HTTPDownload {
    var request = request
    let limit = request.limits.redirections
    precondition(
      limit == 0 || ((request.method == .get || request.method == .head) && request.signature == nil),
      "only what anybody may ask for is asked for elsewhere")
    for _ in 0...limit {
      let transfer = Transfer(request)
      TransferThread.shared.begin(transfer)
      let download = HTTPDownload(try await transfer.head().get(), transfer)
      guard limit > 0, download.head.leadsOn else { return download }
      guard let location = download.head["location"] else { throw .leadsNowhere }
      do throws(WebAddress.Fault) {
        request.address = try request.address.leading(to: location)
      } catch {
        throw .leadsAstray(error)
      }
    }
    throw .tooManyRedirections(limit: limit)
  }

  /// The whole answer, of at most `limits.size` bytes, which must be set.
  package func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPAnswer {
    precondition(request.limits.size != nil, "an answer without a limit is kept")
    let download = try await open(request)
    var body: [UInt8] = []
    while let piece = try await download.next() { body += piece }
    return HTTPAnswer(head: download.head, body: body)
  }
}

/// An answer whose body is on its way. Let go, it ends the transfer.
package final class HTTPDownload: Sendable {
  package let head: HTTPHead
  private let transfer: Transfer

  init(_ head: HTTPHead, _ transfer: Transfer) {
    self.head = head
    self.transfer = transfer
  }

  /// What has come of the body, at least a byte; nil at its end. The server waits while nobody asks.
  package func next() async throws(HTTPError) -> [UInt8]? { try await transfer.piece().get() }

  /// Ends the transfer: whoever waits for a piece is told `cancelled`.
  package func cancel() { transfer.cancel() }

  deinit { transfer.cancel() }
}
