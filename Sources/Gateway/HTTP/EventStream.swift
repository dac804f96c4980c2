package import EventLoop
import Foundation
import Jobs

/// An answer that goes on for as long as the client listens: publications of one channel or of several, as they
/// happen, in one of the forms of ``StreamRendering``.
@EventLoop
package final class EventStream {
  /// Names the connection, as a session's does.
  let id = SessionID()

  private let environment: SessionEnvironment
  private let rendering: StreamRendering
  private let identity: Identity
  private var openings: [ChannelOpening] = []
  private var stream: (any ResponseStream)?
  private var outbox = Outbox()
  private var isAwaitingFlush = false
  /// The last event is in the outbox: nothing comes after it.
  private var isComplete = false
  private var isClosed = false
  private var heartbeat: TimerWheel.Deadline?
  private var patience = ReaderPatience()
  private var expiry: TimerWheel.Deadline?
  private var ticket: Drain.Ticket?

  init(_ rendering: StreamRendering, for identity: Identity, in environment: SessionEnvironment) {
    self.rendering = rendering
    self.identity = identity
    self.environment = environment
  }

  /// A channel to be shown from the start on.
  func add(_ opening: ChannelOpening) { openings.append(opening) }

  /// Adds a frame that must arrive.
  func append(_ frame: PreparedFrame) { outbox.append(frame) }

  func append(_ publication: Publication, countedBy counters: DeliveryCounters? = nil) {
    outbox.append(
      publication, as: rendering.frame(of: publication), isConflating: stream?.isBehind ?? true,
      countedBy: counters)
    // A stream of the protocol goes on behind an end: other channels may be shown, and a job may be redriven.
    if publication.isTerminal, !rendering.isProtocol { isComplete = true }
  }

  /// The answer to `call`, which begins with what was appended and goes on with what happens.
  func response(to call: Call) -> Response {
    // Until the stream starts, only the exchange knows that the client has gone.
    call.exchange.whenClosed = { self.close() }
    return Response(
      200,
      headers: [
        ("content-type", rendering.contentType), ("cache-control", "no-store"), ("x-accel-buffering", "no"),
      ],
      body: .stream { self.start($0) })
  }

  private func start(_ stream: any ResponseStream) {
    guard !isClosed else { return stream.finish() }
    self.stream = stream
    guard !environment.authenticator.isVoid(identity) else { return end(.invalidToken) }
    environment.authenticator.hold(self, of: identity)
    stream.whenClosed = { [self] in close() }
    stream.whenDrained = { [weak self] in
      self?.patience.readerTook()
      self?.flush()
    }
    let opening = rendering.opening
    if !opening.isEmpty { stream.write(opening) }
    ticket = environment.drain.enter { [weak self] in self?.goAway() }
    let left = Duration.seconds(identity.expiresAt.timeIntervalSince(environment.now()))
    expiry = environment.wheel.schedule(after: left + environment.settings.refreshGrace) {
      [weak self] in self?.end(.expired)
    }
    for opening in openings { opening.goLive() }
    guard !isClosed else { return }
    scheduleHeartbeat()
    writeOut()
  }

  private func writeOut() {
    guard let stream else { return }
    while !outbox.isEmpty, !stream.isBehind { writeBatch(to: stream) }
    if isComplete, outbox.isEmpty { return finish() }
    watchSlowness(of: stream)
  }

  private func writeBatch(to stream: any ResponseStream) {
    stream.write(outbox.takeBatch(limit: Outbox.mostAtOnce).flatMap(\.bytes))
  }

  private func watchSlowness(of stream: any ResponseStream) {
    let isOver = patience.isOver(with: outbox, isBehind: stream.isBehind, in: environment) { [weak self] in
      if let self, let stream = self.stream { watchSlowness(of: stream) }
    }
    if isOver { end(.slow) }
  }

  private func scheduleHeartbeat() {
    let interval: Duration
    if rendering.isProtocol {
      interval = environment.settings.pingInterval
      guard interval > .zero else { return }
    } else {
      interval = .seconds(15)
    }
    heartbeat = environment.wheel.schedule(after: interval) { [weak self] in
      guard let self, let stream else { return }
      if !stream.isBehind { stream.write(rendering.ping) }
      scheduleHeartbeat()
    }
  }

  /// Ends the stream after what waits, and says why where the form has words for it. A reader too slow to take what
  /// waits is told nothing: it would not read that either.
  func end(_ disconnect: Disconnect) {
    if disconnect != .slow, let stream {
      if rendering.isProtocol { outbox.append(rendering.frame(ofPush: Reply.disconnectPush(disconnect))) }
      while !outbox.isEmpty { writeBatch(to: stream) }
    }
    finish()
  }

  /// The gateway goes: the client is to come back, elsewhere, and goes on behind the last event that it has.
  private func goAway() {
    // Another pause for each, or those that are told together come back together.
    if !rendering.isProtocol { stream?.write(Array("retry: \(Int.random(in: 500...3000))\n\n".utf8)) }
    end(.shutdown)
  }

  private func finish() {
    stream?.finish()
    close()
  }

  /// Leaves everything; also for a stream that never started.
  func close() {
    isClosed = true
    environment.authenticator.release(self, of: identity)
    if let ticket { environment.drain.leave(ticket) }
    for opening in openings { environment.hub.leave(opening.subscription) }
    openings = []
    stream?.whenDrained = nil
    stream?.whenClosed = nil
    stream = nil
    for deadline in [heartbeat, expiry] { deadline?.cancel() }
    patience.cancel()
  }
}

extension EventStream: Subscriber {
  package func receive(_ batch: PublicationBatch) {
    for publication in batch.publications where !isClosed && !isComplete {
      append(publication, countedBy: batch.counters)
    }
    guard !isClosed, !isAwaitingFlush else { return }
    isAwaitingFlush = true
    environment.flushes.add(self)
  }

  /// The client comes back with its cursor, and is told then that it is good no more.
  package func lost(_ subscription: Subscription) { end(.insufficientState) }
}

extension EventStream: WatchingClient {
  package var present: PresentClient? { PresentClient(id: id.description, user: identity.user) }
}

extension EventStream: TokenHolder {
  package var heldToken: (any RevocableToken)? { isClosed ? nil : identity }

  /// The stream ends; a client that comes back is refused.
  package func tokenWasRevoked() { end(.invalidToken) }
}

extension EventStream: Flushable {
  package func flush() {
    isAwaitingFlush = false
    writeOut()
  }
}
