import EventLoop
import Jobs
import Logging

/// A request on its connection, and the answer to it.
@EventLoop
final class HTTPExchange: Exchange {
  private enum Answer { case none, underWay, whole }

  let request: Request
  private(set) var isClosed = false
  var whenClosed: (@EventLoop () -> Void)?

  private weak var connection: HTTPConnection?
  private let limits: Limits
  private let keepsAlive: Bool
  private var awaitsContinue: Bool
  /// Bytes of the body that were not taken yet.
  private(set) var bodyLeft: Int
  private var bodyIsTaken = false
  private var pieceWaiter: CheckedContinuation<[UInt8], any Error>?
  private var drainWaiter: LoopContinuation<Void>?
  private var turnWaiter: LoopContinuation<Void>?
  private var isTurn = true
  private var answer = Answer.none
  private var stream: HTTPStream?
  /// What is relayed at present.
  private var source: (any PieceSource)?
  /// The connection ends with this answer, whatever the client would like.
  var endsConnection = false

  init(_ head: RequestHead, on connection: HTTPConnection) {
    request = head.request
    keepsAlive = head.keepsAlive
    awaitsContinue = head.awaitsContinue
    bodyLeft = head.request.contentLength ?? 0
    limits = connection.limits
    self.connection = connection
  }

  /// For the answer to a request whose head could not be used.
  init(refusedOn connection: HTTPConnection) {
    request = Request(method: .get, path: "/", peer: connection.peer.host)
    keepsAlive = false
    awaitsContinue = false
    bodyLeft = 0
    limits = connection.limits
    endsConnection = true
    self.connection = connection
  }

  var hasAnswered: Bool { answer != .none }
  var isStreaming: Bool { stream != nil }

  // MARK: Its turn

  func awaitTurn() async throws(Problem) {
    guard !isClosed, let connection else { return }
    isTurn = false
    try connection.server.handshakes.enter(self, from: connection.peer) { [weak self] in self?.turnCame() }
    if !isTurn { await EventLoop.suspend { turnWaiter = $0 } }
  }

  private func turnCame() {
    isTurn = true
    turnWaiter?.resume()
    turnWaiter = nil
  }

  // MARK: The body

  var awaitsPiece: Bool { pieceWaiter != nil }

  func readBody(
    limit: Int, _ consume: @EventLoop ([UInt8]) async throws -> Void
  ) async throws {
    precondition(!bodyIsTaken, "a body is read twice")
    bodyIsTaken = true
    guard (request.contentLength ?? 0) <= limit else {
      throw RequestBodyError.tooLarge(limit: limit)
    }
    while bodyLeft > 0 { try await consume(nextPiece()) }
  }

  private func nextPiece() async throws -> [UInt8] {
    guard !isClosed, answer == .none, let connection else { throw RequestBodyError.interrupted }
    if let piece = connection.takeInput(limit: min(bodyLeft, limits.pieceSize)) {
      awaitsContinue = false
      bodyLeft -= piece.count
      return piece
    }
    if awaitsContinue {
      awaitsContinue = false
      connection.write(Array((StatusLine.text(100) + "\r\n").utf8))
      guard !isClosed else { throw RequestBodyError.interrupted }
    }
    return try await withCheckedThrowingContinuation { continuation in
      pieceWaiter = continuation
      connection.expectPiece()
    }
  }

  /// The connection has read a piece that was awaited.
  func deliver(_ piece: [UInt8]) {
    bodyLeft -= piece.count
    pieceWaiter?.resume(returning: piece)
    pieceWaiter = nil
  }

  // MARK: The answer

  func expectAnswer(within time: Duration) {
    guard answer == .none else { return }
    connection?.expectAnswer(within: time)
  }

  func respond(_ response: Response) {
    precondition(answer == .none, "a request is answered twice")
    answer = .underWay
    guard !isClosed, let connection else { return }
    precondition((200...599).contains(response.status), "an answer with status \(response.status)")
    connection.answerBegan()
    connection.isPatient = response.isAskedAgain
    // Whoever waits for more of the body waits in vain: the answer ends the connection.
    pieceWaiter?.resume(throwing: RequestBodyError.interrupted)
    pieceWaiter = nil
    switch response.body {
    case .none:
      begin(response, length: 0)
      finish()
    case .bytes(let bytes):
      begin(response, length: Int64(bytes.count), with: bytes)
      finish()
    case .file(let path, let offset, let length):
      Task { await send(response, path: path, offset: offset, length: length) }
    case .relayed(let length, let open):
      Task { await relay(response, length: length, open) }
    case .stream(let start):
      endsConnection = true
      begin(response, length: nil)
      guard request.method != .head else { return finish() }
      guard !isClosed else { return }
      let stream = HTTPStream(self, connection)
      self.stream = stream
      start(stream)
    }
  }

  /// Writes the head, and `body` where it goes along in the same call.
  private func begin(_ response: Response, length: Int64?, with body: [UInt8] = []) {
    guard let connection else { return }
    // A body that was not read whole would be taken for the next request.
    if !keepsAlive || bodyLeft > 0 || !connection.isAcceptingMore { endsConnection = true }
    var bytes = ResponseHead.bytes(
      response, length: length, date: connection.date, closes: endsConnection,
      logger: connection.logger)
    if ResponseHead.hasBody(response.status, to: request.method) { bytes += body }
    connection.write(bytes)
  }

  private func send(_ response: Response, path: String, offset: Int64, length: Int64) async {
    let file: FileReader
    do {
      file = try await FileReader(path)
    } catch {
      connection?.logger.error("a file cannot be sent", metadata: ["reason": "\(error)"])
      guard !isClosed else { return }
      let refusal =
        error.isMissing ? Refusal(404, "This is gone.") : Refusal(500, "It cannot be read.")
      begin(refusal.response, length: nil, body: refusal.response.body)
      return finish()
    }
    defer { file.close() }
    begin(response, length: length)
    guard ResponseHead.hasBody(response.status, to: request.method) else { return finish() }
    var sent: Int64 = 0
    while sent < length, !isClosed {
      let piece: [UInt8]
      do {
        piece = try await file.read(
          at: offset + sent, count: Int(min(length - sent, Int64(limits.pieceSize))))
      } catch {
        connection?.logger.error("a file cannot be read", metadata: ["reason": "\(error)"])
        connection?.close()
        return
      }
      // The length is promised: a file that has become shorter can only break the connection off.
      guard !piece.isEmpty else {
        connection?.close()
        return
      }
      sent += Int64(piece.count)
      connection?.write(piece)
      await drained()
    }
    finish()
  }

  /// Sends what comes from elsewhere as fast as the client takes it, and no more is asked for meanwhile.
  private func relay(
    _ response: Response, length: Int64, _ open: @Sendable () async throws -> (any PieceSource)?
  ) async {
    guard ResponseHead.hasBody(response.status, to: request.method) else {
      begin(response, length: length)
      return finish()
    }
    let source: (any PieceSource)?
    do {
      source = try await open()
    } catch {
      connection?.logger.error("an object cannot be sent", metadata: ["reason": "\(error)"])
      guard !isClosed else { return }
      let refusal = Refusal(503, "It cannot be read at present.").response
      begin(refusal, length: nil, body: refusal.body)
      return finish()
    }
    guard !isClosed else {
      source?.close()
      return
    }
    guard let source else {
      let refusal = Refusal(404, "This is gone.").response
      begin(refusal, length: nil, body: refusal.body)
      return finish()
    }
    self.source = source
    defer { source.close() }
    begin(response, length: length)
    var sent: Int64 = 0
    do {
      while sent < length, !isClosed, let piece = try await source.next(), !isClosed {
        // The length is promised.
        let piece = piece.prefix(Int(min(length - sent, Int64(piece.count))))
        sent += Int64(piece.count)
        connection?.write(Array(piece))
        await drained()
      }
    } catch {
      if !isClosed { connection?.logger.error("an object cannot be read", metadata: ["reason": "\(error)"]) }
    }
    self.source = nil
    guard sent == length else {
      connection?.close()
      return
    }
    finish()
  }

  private func begin(_ response: Response, length: Int64?, body: Response.Body) {
    guard case .bytes(let bytes) = body else { return begin(response, length: length) }
    begin(response, length: Int64(bytes.count), with: bytes)
  }

  /// Waits until the socket has taken everything, or is gone.
  private func drained() async {
    guard !isClosed, connection?.hasOutput == true else { return }
    await EventLoop.suspend { drainWaiter = $0 }
  }

  /// Everything of the answer was handed over.
  func finish() {
    guard !isClosed, answer == .underWay else { return }
    answer = .whole
    stream = nil
    if connection?.hasOutput == false { ended() }
  }

  /// The socket has taken what it was given.
  func outputDrained() {
    drainWaiter?.resume()
    drainWaiter = nil
    switch answer {
    case .whole: ended()
    case .underWay: stream?.drained()
    case .none: connection?.bodyMayGoOn()
    }
  }

  private func ended() {
    guard !isClosed else { return }
    let connection = connection
    closed()
    connection?.answerEnded(keepsAlive: !endsConnection)
  }

  // MARK: The end

  /// The connection is gone.
  func connectionClosed() { closed() }

  /// The transport has answered in our place.
  func interrupt() { closed() }

  private func closed() {
    guard !isClosed else { return }
    isClosed = true
    connection = nil
    turnCame()
    pieceWaiter?.resume(throwing: RequestBodyError.interrupted)
    pieceWaiter = nil
    drainWaiter?.resume()
    drainWaiter = nil
    source?.close()
    source = nil
    let stream = stream
    self.stream = nil
    let whenClosed = whenClosed
    self.whenClosed = nil
    stream?.closed()
    whenClosed?()
  }
}
