package import EventLoop

/// One request and its answer. The head has arrived; of the body nothing was taken yet.
@EventLoop
package protocol Exchange: AnyObject {
  var request: Request { get }

  /// The client has gone: an answer would reach nobody.
  var isClosed: Bool { get }

  /// Called once, when the client goes before the answer is whole, or when it is.
  var whenClosed: (@EventLoop () -> Void)? { get set }

  /// Returns when it is this request's turn among those that open a connection which stays: sockets' handshakes, and
  /// streams of pushes. Throws a 429 where its address opens too many.
  func awaitTurn() async throws(Problem)

  /// Hands over the body piece by piece, and reads no further while `consume` is at work.
  ///
  /// Throws `tooLarge` before anything is read where the declared length exceeds `limit`, and
  /// `interrupted` where the client goes or is slower than the transport allows. May be called
  /// once. A body that nobody reads costs the client its connection, not us our memory.
  func readBody(
    limit: Int, _ consume: @EventLoop ([UInt8]) async throws -> Void
  ) async throws

  /// The answer may take so long from now on: whoever waits for an older system's job waits longer than a connection
  /// is otherwise given.
  func expectAnswer(within time: Duration)

  /// Answers. The first answer counts; a second one is a fault of ours and crashes.
  func respond(_ response: Response)
}

/// Why a request's body could not be had.
package enum RequestBodyError: Error, Hashable, Sendable {
  case tooLarge(limit: Int)
  case interrupted
}

extension Exchange {
  /// The whole body, at most `limit` bytes.
  package func body(limit: Int) async throws -> [UInt8] {
    var body: [UInt8] = []
    body.reserveCapacity(min(request.contentLength ?? 0, limit))
    try await readBody(limit: limit) { body += $0 }
    return body
  }

  /// The same of a body that carries payloads: one that is too large is told the limit that its sender knows.
  package func body(limit: Int, ofPayloadsUpTo payloadLimit: Int) async throws -> [UInt8] {
    do { return try await body(limit: limit) } catch RequestBodyError.tooLarge {
      throw Problem(
        .payloadTooLarge, status: 413, detail: "A payload may have at most \(payloadLimit) bytes.")
    }
  }
}

/// An answer under way without a known end: server-sent events.
@EventLoop
package protocol ResponseStream: AnyObject, Sendable {
  /// The socket has not taken what was written: hold back, or conflate, until ``whenDrained``.
  var isBehind: Bool { get }
  var whenDrained: (@EventLoop () -> Void)? { get set }
  var whenClosed: (@EventLoop () -> Void)? { get set }
  /// Writes at once where nothing is pending, else after what is.
  func write(_ bytes: [UInt8])
  /// Ends the answer after what was written.
  func finish()
}
