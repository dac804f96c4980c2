import EventLoop
package import Jobs

/// An HTTP answer.
package struct Response: Sendable {
  package enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// Part of a file, read off the loop in bounded pieces. `length` bytes from `offset`.
    case file(path: String, offset: Int64, length: Int64)
    /// `length` bytes from elsewhere, asked for piece by piece as the client takes them. Opened when the answer
    /// begins; nil: it is gone.
    case relayed(length: Int64, open: @Sendable () async throws -> (any PieceSource)?)
    /// Written piece by piece, for as long as the client listens: `start` is called on the loop
    /// once the head is out. Sent without a length; the connection closes after it.
    case stream(start: @EventLoop @Sendable (any ResponseStream) -> Void)
  }

  package var status: Int
  /// Names in lower case. `content-length`, `connection` and `date` are the transport's.
  package var headers: [(name: String, value: String)]
  package var body: Body
  /// Its question will come again, and again: the next on its connection can wait a moment for others like it.
  package var isAskedAgain = false
  /// What is left of the user's budget, where the answer spent more than the one request that it is to.
  package var budget: BudgetStanding?

  package init(
    _ status: Int, headers: [(name: String, value: String)] = [], body: Body = .none
  ) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The same answer with one more header.
  package func with(_ name: String, _ value: String) -> Response {
    var copy = self
    copy.headers.append((name, value))
    return copy
  }
}
