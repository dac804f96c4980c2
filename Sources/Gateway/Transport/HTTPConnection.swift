import CWebSockets
import EventLoop
import Foundation
import Logging

/// A connection for as long as it speaks HTTP: it reads heads, hands each request to an exchange,
/// writes the answer, and becomes a WebSocket where that was asked for and allowed.
///
/// One request is in hand at a time: what a client sends ahead waits in the kernel, so that a
/// connection holds a head, a piece of a body and a piece of an answer, and no more.
@EventLoop
final class HTTPConnection {
  private enum Phase {
    /// Between requests, or a head is on its way.
    case head
    case answering(HTTPExchange)
    /// The last answer is out; what still comes is thrown away.
    case draining
    case closed
  }

  let peer: SocketAddress
  let limits: Limits
  private unowned let server: WebSocketServer
  private var descriptor: Int32
  private let watcher: SocketWatcher
  private let deadline: MovingDeadline
  private let clock = ContinuousClock()
  private var phase = Phase.head
  private var isAdvancing = false

  /// Read and not yet used: a head, and what came with it.
  private var input: [UInt8] = []
  private var searched = 0
  private var inputHasEnded = false
  private var drained = 0
  private var bodyPace: Pace
  private var bodyIsDue: ContinuousClock.Instant?

  private var output = PendingBytes()
  private var outputPace: Pace

  /// Takes over `descriptor`, which must not block.
  init(_ descriptor: Int32, peer: SocketAddress, server: WebSocketServer) {
    self.descriptor = descriptor
    self.peer = peer
    self.server = server
    limits = server.limits
    bodyPace = Pace(limits.bodyRate, in: limits.rateWindow)
    outputPace = Pace(limits.answerRate, in: limits.rateWindow)
    deadline = MovingDeadline(wheel: server.wheel)
    let handler = Handler()
    watcher = SocketWatcher(descriptor: descriptor) { handler.connection?.ready($0) }
    handler.connection = self
    deadline.whenMet = { [weak self] in self?.deadlineMet() }
    deadline.set(after: limits.headDeadline)
    watcher.watch(.readable)
  }

  /// Holds the connection weakly for the watcher that the connection holds.
  @EventLoop private final class Handler {
    weak var connection: HTTPConnection?
  }

  // MARK: Events

  private func ready(_ readiness: SocketWatcher.Readiness) {
    if readiness.contains(.writable) { flush() }
    if readiness.contains(.readable) { read() }
    watch()
  }

  /// Asks the loop for what the phase needs.
  private func watch() {
    guard descriptor >= 0 else { return }
    var wanted: SocketWatcher.Readiness = hasOutput ? .writable : []
    if !inputHasEnded {
      switch phase {
      case .head: if !hasOutput { wanted.insert(.readable) }
      // While an answer is made, the end of a client is heard, and one head's worth of requests
      // sent ahead is read; no more of them, and nothing of a body that nobody asks for.
      case .answering(let exchange):
        if exchange.awaitsPiece || (exchange.bodyLeft == 0 && input.count < limits.headSize) {
          wanted.insert(.readable)
        }
      case .draining: wanted.insert(.readable)
      case .closed: return
      }
    }
    watcher.watch(wanted)
  }

  private func deadlineMet() {
    guard !hasMovedMeanwhile() else { return watch() }
    switch phase {
    case .head:
      // An idle connection just ends; who began a request is told.
      if input.isEmpty { close() } else { refuse(Refusal(408, "The head took too long.")) }
    case .answering(let exchange):
      if hasOutput || exchange.hasAnswered { return close() }
      let isBodyDue = exchange.awaitsPiece || isBodyLate
      if !isBodyDue {
        logger.error(
          "a request was not answered in time", metadata: ["path": "\(exchange.request.path)"])
      }
      exchange.interrupt()
      refuse(
        isBodyDue
          ? Refusal(408, "The body came too slowly.")
          : Refusal(503, "The answer took too long.", headers: ["retry-after": "1"]))
    case .draining: close()
    case .closed: break
    }
  }

  /// Whether the client did its part in time and we were late to look: timers come before sockets
  /// in a turn of the loop, and the turn may have been long. A trickle that happens to arrive just
  /// now is still one.
  private func hasMovedMeanwhile() -> Bool {
    switch phase {
    case .head where input.isEmpty:
      read()
      return !input.isEmpty || !isWaitingForHead
    case .answering(let exchange) where hasOutput:
      flush()
      return exchange.isClosed || !hasOutput || !outputPace.isLost
    case .answering(let exchange) where exchange.awaitsPiece:
      read()
      return exchange.isClosed || !(exchange.awaitsPiece || isBodyLate)
    case .head, .answering, .draining, .closed: return false
    }
  }

  private var isBodyLate: Bool {
    guard case .answering(let exchange) = phase, exchange.bodyLeft > 0 else { return false }
    return bodyPace.isLost || bodyIsDue.map { $0 <= clock.now } ?? false
  }

  private var isWaitingForHead: Bool { if case .head = phase { true } else { false } }

  // MARK: Reading

  private func read() {
    let scratch = server.scratch
    var most = min(scratch.count, limits.headSize)
    if case .answering(let exchange) = phase, exchange.bodyLeft > 0 {
      guard exchange.awaitsPiece else { return }
      most = min(scratch.count, exchange.bodyLeft)
    }
    guard descriptor >= 0 else { return }
    let count = recv(descriptor, scratch.baseAddress, most, 0)
    if count < 0 {
      if errno != EAGAIN && errno != EINTR { close() }
      return
    }
    if count == 0 {
      inputHasEnded = true
      return inputEnded()
    }
    let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[..<count])
      .assumingMemoryBound(to: UInt8.self)
    switch phase {
    case .head:
      input.append(contentsOf: bytes)
      advance()
    case .answering(let exchange):
      if exchange.awaitsPiece {
        bodyPace.moved(count, at: clock.now)
        setDeadlineForAnswer()
        exchange.deliver(Array(bytes))
      } else {
        input.append(contentsOf: bytes)
      }
    case .draining:
      drained += count
      if drained > limits.drainSize { close() }
    case .closed: break
    }
  }

  /// The client sends no more. It may still be listening: an answer in the making is given, but a
  /// stream without an end has nobody to go to.
  private func inputEnded() {
    switch phase {
    case .head, .draining: close()
    case .answering(let exchange):
      if exchange.bodyLeft > 0 || exchange.isStreaming { close() }
    case .closed: break
    }
  }

  /// Bytes of the body that came together with the head, at most `limit`; nil where there are none.
  func takeInput(limit: Int) -> [UInt8]? {
    guard !input.isEmpty else { return nil }
    let count = min(limit, input.count)
    defer { input.removeFirst(count) }
    return Array(input[..<count])
  }

  /// The exchange waits for a piece of its body.
  func expectPiece() {
    let now = clock.now
    let due = bodyIsDue ?? now + limits.bodyDeadline
    bodyIsDue = due
    deadline.set(after: max(.zero, min(bodyPace.waits(at: now), due - now)))
    watch()
  }

  /// An interim answer is out; the body is awaited again.
  func bodyMayGoOn() {
    if case .answering(let exchange) = phase, exchange.awaitsPiece {
      expectPiece()
    } else {
      setDeadlineForAnswer()
    }
  }

  private func setDeadlineForAnswer() { deadline.set(after: limits.answerDeadline) }

  /// Takes up the next request, and the next, while there are any whole and the one before is
  /// answered.
  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    defer { isAdvancing = false }
    while case .head = phase, !hasOutput {
      do throws(Refusal) {
        guard let end = try RequestHead.end(in: input[...], searched: searched) else {
          guard input.count <= limits.headSize else {
            throw Refusal(431, "The head is too large.")
          }
          if inputHasEnded { return close() }
          if input.isEmpty {
            deadline.set(after: limits.idle)
          } else if searched == 0 {
            deadline.set(after: limits.headDeadline)
          }
          searched = input.count
          return
        }
        guard end <= limits.headSize else { throw Refusal(431, "The head is too large.") }
        let head = try RequestHead(input[..<end], peer: peer.host, limits: limits)
        input.removeFirst(end)
        searched = 0
        begin(head)
      } catch {
        refuse(error)
      }
    }
  }

  private func begin(_ head: RequestHead) {
    let exchange = HTTPExchange(head, on: self)
    phase = .answering(exchange)
    bodyPace.restart()
    bodyIsDue = nil
    setDeadlineForAnswer()
    guard let upgrade = head.upgrade else { return server.handle(exchange) }
    // A client must wait for the answer to its handshake (RFC 6455 §4.1).
    guard input.isEmpty else { return refuse(Refusal(400, "Frames came before the handshake.")) }
    switch server.judge(head.request) {
    case .refuse(let response):
      exchange.endsConnection = true
      exchange.respond(response)
    case .accept(let subprotocol, let delegate):
      let descriptor = self.descriptor
      letGo()
      server.upgrade(
        descriptor, upgrade, peer: peer,
        subprotocol: subprotocol.flatMap { upgrade.subprotocols.contains($0) ? $0 : nil },
        delegate: delegate)
    }
  }

  /// Answers in place of those above, and ends the connection.
  private func refuse(_ refusal: Refusal) {
    if case .closed = phase { return }
    let exchange = HTTPExchange(refusedOn: self)
    phase = .answering(exchange)
    setDeadlineForAnswer()
    exchange.respond(refusal.response)
  }

  // MARK: Writing

  /// Bytes that wait for the socket.
  var pendingOutput: Int { output.count }
  var hasOutput: Bool { !output.isEmpty }
  var isAcceptingMore: Bool { !server.isStopping }
  var date: String { server.date }
  var logger: Logger { server.logger }

  /// Writes at once what the socket takes, where nothing is pending, and keeps the rest.
  func write(_ bytes: UnsafeRawBufferPointer) {
    guard descriptor >= 0 else { return }
    var rest = bytes
    if !hasOutput {
      guard let count = sendSome(rest) else { return close() }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    guard !rest.isEmpty else { return }
    output.append(rest)
    deadline.set(after: max(.zero, outputPace.waits(at: clock.now)))
    watch()
  }

  func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

  /// How many bytes went out; nil where the connection is gone.
  private func sendSome(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let count = CWebSocketsSend(descriptor, bytes.baseAddress, bytes.count)
    if count >= 0 { return count }
    return errno == EAGAIN || errno == EINTR ? 0 : nil
  }

  private func flush() {
    guard descriptor >= 0, hasOutput else { return }
    guard let count = output.withUnsafeBytes({ sendSome($0) }) else { return close() }
    output.removeFirst(count)
    outputPace.moved(count, at: clock.now)
    guard !hasOutput else {
      deadline.set(after: max(.zero, outputPace.waits(at: clock.now)))
      return
    }
    outputPace.restart()
    deadline.clear()
    if case .answering(let exchange) = phase { exchange.outputDrained() }
  }

  /// The answer has begun: from here on only the client can be too slow.
  func answerBegan() { deadline.clear() }

  /// The exchange's answer has gone out whole.
  func answerEnded(keepsAlive: Bool) {
    guard descriptor >= 0 else { return }
    if keepsAlive {
      phase = .head
      deadline.set(after: limits.idle)
      advance()
      watch()
    } else {
      drain()
    }
  }

  /// Tells the client that nothing more comes, and reads away what it is still sending for a while:
  /// closing with bytes unread would reset the connection and lose it the answer.
  private func drain() {
    guard !inputHasEnded else { return close() }
    phase = .draining
    input = []
    shutdown(descriptor, Int32(SHUT_WR))
    deadline.set(after: limits.drainDeadline)
    watch()
  }

  // MARK: The end

  /// A connection that waits for a request has nothing to lose.
  func closeIfIdle() {
    if case .head = phase, input.isEmpty { close() }
  }

  func close() {
    guard descriptor >= 0 else { return }
    let descriptor = self.descriptor
    let phase = self.phase
    letGo()
    Foundation.close(descriptor)
    server.connectionClosed(peer)
    if case .answering(let exchange) = phase { exchange.connectionClosed() }
  }

  /// Gives the descriptor up without closing it.
  private func letGo() {
    watcher.stop()
    deadline.cancel()
    descriptor = -1
    phase = .closed
    input = []
    output = PendingBytes()
    server.remove(self)
  }
}
