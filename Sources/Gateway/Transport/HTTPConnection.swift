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
  /// The name of the listener that accepted it; nil: the gateway's own.
  private let listener: String?
  let limits: Limits
  unowned let server: WebSocketServer
  private(set) var descriptor: Int32
  /// Made when there is something to wait for: most handshakes are there when the connection is.
  private lazy var watcher = SocketWatcher(descriptor: descriptor) { [weak self] in self?.ready($0) }
  private var isWatching = false
  /// Requests may wait a moment for those of others (``WebSocketServer/patient``).
  var isPatient = false
  private var isInCrowd = false
  private let deadline: MovingDeadline
  private let clock = ContinuousClock()
  private var phase = Phase.head
  private var isAdvancing = false
  /// A request was made on it.
  private var hasRequested = false

  private(set) var input = RequestInput()
  private(set) var inputHasEnded = false
  private var bodyPatience: BodyPatience
  private var output: SocketOutput
  /// Bytes that were thrown away at the end.
  private var drained = 0

  /// Takes over `descriptor`, which must not block.
  init(_ descriptor: Int32, peer: SocketAddress, listener: String?, server: WebSocketServer) {
    self.descriptor = descriptor
    self.peer = peer
    self.listener = listener
    self.server = server
    limits = server.limits
    bodyPatience = BodyPatience(limits)
    output = SocketOutput(limits)
    deadline = MovingDeadline(wheel: server.wheel)
    deadline.whenMet = { [weak self] in self?.deadlineMet() }
    deadline.set(after: limits.headDeadline)
  }

  /// Reads what is there already, and waits for what is not.
  func begin() {
    read()
    watch()
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
    if isPatient, wanted == .readable, awaitsHeads {
      joinCrowd()
      if isInCrowd { return }
    }
    leaveCrowd()
    isWatching = true
    watcher.watch(wanted)
  }

  /// What there is to read can only be a request.
  private var awaitsHeads: Bool {
    switch phase {
    case .head: true
    case .answering(let exchange): exchange.bodyLeft == 0
    case .draining, .closed: false
    }
  }

  private func joinCrowd() {
    guard !isInCrowd else { return }
    if isWatching { watcher.watch([]) }
    isInCrowd = server.patient.add(descriptor) { [weak self] in self?.ready(.readable) }
  }

  private func leaveCrowd() {
    guard isInCrowd else { return }
    isInCrowd = false
    server.patient.remove(descriptor)
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
      return exchange.isClosed || !hasOutput || !output.isTooSlow
    case .answering(let exchange) where exchange.awaitsPiece:
      read()
      return exchange.isClosed || !(exchange.awaitsPiece || isBodyLate)
    case .head, .answering, .draining, .closed: return false
    }
  }

  private var isBodyLate: Bool {
    guard case .answering(let exchange) = phase, exchange.bodyLeft > 0 else { return false }
    return bodyPatience.isLost(at: clock.now)
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
      input.append(bytes)
      advance()
    case .answering(let exchange):
      if exchange.awaitsPiece {
        bodyPatience.moved(count, at: clock.now)
        setDeadlineForAnswer()
        exchange.deliver(Array(bytes))
      } else {
        input.append(bytes)
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
  func takeInput(limit: Int) -> [UInt8]? { input.take(limit: limit) }

  /// The exchange waits for a piece of its body.
  func expectPiece() {
    deadline.set(after: bodyPatience.waits(at: clock.now))
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

  /// The answer in hand may take so long.
  func expectAnswer(within time: Duration) { deadline.set(after: max(time, limits.answerDeadline)) }

  private func setDeadlineForAnswer() { deadline.set(after: limits.answerDeadline) }

  /// Takes up the next request, and the next, while there are any whole and the one before is
  /// answered.
  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    defer { isAdvancing = false }
    while case .head = phase, !hasOutput {
      do throws(Refusal) {
        let isNew = !input.hasBegun
        guard let head = try input.takeHead(from: peer.host, limits: limits) else {
          if inputHasEnded { return close() }
          if input.isEmpty {
            deadline.set(after: limits.idle)
          } else if isNew {
            deadline.set(after: limits.headDeadline)
          }
          return
        }
        begin(head)
      } catch {
        refuse(error)
      }
    }
  }

  private func begin(_ head: RequestHead) {
    hasRequested = true
    var head = head
    head.request.listener = listener
    let exchange = HTTPExchange(head, on: self)
    phase = .answering(exchange)
    bodyPatience = BodyPatience(limits)
    setDeadlineForAnswer()
    if let upgrade = head.upgrade { askToShakeHands(exchange, upgrade) } else { server.handle(exchange) }
  }

  /// Answers in place of those above, and ends the connection.
  func refuse(_ refusal: Refusal) {
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
    do throws(SocketOutput.Broken) { try output.write(bytes, to: descriptor) } catch { return close() }
    guard hasOutput else { return }
    deadline.set(after: output.waits())
    watch()
  }

  func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

  private func flush() {
    guard descriptor >= 0, hasOutput else { return }
    do throws(SocketOutput.Broken) { try output.flush(to: descriptor) } catch { return close() }
    guard !hasOutput else { return deadline.set(after: output.waits()) }
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
    input.removeAll()
    shutdown(descriptor, Int32(SHUT_WR))
    deadline.set(after: limits.drainDeadline)
    watch()
  }

  // MARK: The end

  /// A connection that waits for a request has nothing to lose, unless one has come and was not read yet; or is on
  /// its way, as it must be where none was made before: such are spared where that is wanted.
  func closeIfIdle(sparingNew: Bool) {
    guard case .head = phase, input.isEmpty, hasRequested || !sparingNew else { return }
    var byte: UInt8 = 0
    if recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) <= 0 { close() }
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
  func letGo() {
    leaveCrowd()
    if isWatching { watcher.stop() }
    deadline.cancel()
    descriptor = -1
    phase = .closed
    input.removeAll()
    output.removeAll()
    server.remove(self)
  }
}
