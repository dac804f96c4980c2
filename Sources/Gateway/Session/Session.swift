import DequeModule
package import EventLoop
import Foundation
import Jobs
import Logging

/// One WebSocket client, from its first command to its close: commands in strict order, replies and
/// publications out, pings, the life of its token.
@EventLoop
package final class Session {
  package let id = SessionID()

  let environment: SessionEnvironment
  /// From the handshake's header; `connect` may then do without a token.
  let handshakeIdentity: Identity?
  var state = SessionState()
  var identity: Identity?
  var subscriptions: [Channel: Subscription] = [:]
  /// Those of them that the gateway made by itself.
  var serverSide: Set<Channel> = []
  /// Those of them that a subscription token gave.
  var grants: [Channel: SubscriptionLife] = [:]
  let pings: Pings

  private var connection: (any ClientConnection)?
  private var outbox = Outbox()
  private var isAwaitingFlush = false
  private var holdEnd: TimerWheel.Deadline?
  private var patience = ReaderPatience()

  private var inbox: Deque<[UInt8]> = []
  private var isWorking = false
  private var isReadingPaused = false

  private var heartbeat: TimerWheel.Deadline?
  var expiry: TimerWheel.Deadline?
  private let whenClosed: @EventLoop (Session) -> Void

  /// What a ping is: an empty object and an empty answer, or frames of WebSocket itself, as a person at a terminal
  /// wants them (`?cf_ws_frame_ping_pong=true`, spec §1).
  package enum Pings: Sendable { case commands, frames }

  /// `whenClosed` is called once, after the connection has gone.
  package init(
    environment: SessionEnvironment, handshakeIdentity: Identity?, pings: Pings = .commands,
    whenClosed: @escaping @EventLoop (Session) -> Void
  ) {
    self.environment = environment
    self.handshakeIdentity = handshakeIdentity
    self.pings = pings
    self.whenClosed = whenClosed
  }

  isolated deinit {
    // One that never heard of its connection's end: nothing that would still call it may be left.
    cancelDeadlines()
  }

  private func cancelDeadlines() {
    for deadline in [heartbeat, expiry, holdEnd] { deadline?.cancel() }
    heartbeat = nil
    expiry = nil
    holdEnd = nil
    patience.cancel()
  }

  var settings: GatewaySettings { environment.settings }

  // MARK: Out

  /// Adds a frame that must arrive; it goes out at the end of the loop's turn.
  func send(_ frame: PreparedFrame) {
    guard state.phase != .closed else { return }
    outbox.append(frame)
    scheduleFlush()
  }

  private func scheduleFlush() {
    guard !isAwaitingFlush, holdEnd == nil else { return }
    isAwaitingFlush = true
    environment.flushes.add(self)
  }

  /// Replies to the commands of one message go out together: a client that comes back connects and subscribes in one,
  /// and each time something goes out both sides are woken. Not for long: one command may have to wait.
  private func holdReplies() {
    holdEnd = environment.wheel.schedule(after: .milliseconds(50)) { [unowned self] in letRepliesGo() }
  }

  private func letRepliesGo() {
    guard let end = holdEnd else { return }
    end.cancel()
    holdEnd = nil
    if state.phase != .closed, !outbox.isEmpty, connection?.isBehind == false { scheduleFlush() }
  }

  /// Ends the connection: what waits is sent first, unless the reader is too slow to take it.
  package func disconnect(_ disconnect: Disconnect) {
    guard state.phase != .closed, let connection else { return }
    if disconnect != .slow { writeOut(to: connection) }
    environment.logger.debug(
      "disconnecting", metadata: ["session": "\(id)", "code": "\(disconnect.code)"])
    state.closed()
    release()
    connection.close(code: disconnect.code, reason: disconnect.reason)
  }

  /// Lets go of everything that would call back.
  private func release() {
    for subscription in subscriptions.values { environment.hub.leave(subscription) }
    for life in grants.values { life.cancel() }
    subscriptions.removeAll()
    serverSide.removeAll()
    grants.removeAll()
    inbox.removeAll()
    outbox.removeAll()
    if let identity { environment.authenticator.release(self, of: identity) }
    cancelDeadlines()
  }

  private func writeOut(to connection: any ClientConnection, isCatchingUp: Bool = false) {
    // One batch a system call; the socket's buffer, not we, decides when it is enough.
    while !outbox.isEmpty, !connection.isBehind {
      if let frame = outbox.takeOnly() {
        connection.send(frame)
      } else if isCatchingUp {
        connection.send(outbox.takeMerged(limit: Outbox.mostAtOnce))
      } else {
        connection.send(outbox.takeBatch(limit: Outbox.mostAtOnce))
      }
    }
    if connection.isBehind || patience.isTried { watchSlowness(of: connection) }
  }

  private func watchSlowness(of connection: any ClientConnection) {
    let isOver = patience.isOver(with: outbox, isBehind: connection.isBehind, in: environment) {
      [unowned self] in
      if let connection = self.connection { watchSlowness(of: connection) }
    }
    if isOver { disconnect(.slow) }
  }

  // MARK: Time

  // Deadlines do not hold the session, nor weakly, which would make each retain of it dearer: they are
  // cancelled before it goes.

  /// Pings on schedule, busy or not: some SDKs restart their timer on nothing else.
  func startHeartbeat() {
    guard settings.pingInterval > .zero else { return }
    // The first at a random moment, so that connections made together are not pinged together.
    schedulePing(after: settings.pingInterval * Double.random(in: 0.5...1, using: &LoopRandom.shared))
  }

  private func schedulePing(after delay: Duration) {
    heartbeat = environment.wheel.schedule(after: delay) { [unowned self] in
      guard state.phase != .closed else { return }
      ping()
      heartbeat = environment.wheel.schedule(after: settings.pongTimeout) { [unowned self] in
        // One that came with commands is looked at after those before it; and what we do not read may be one.
        if state.awaitsPong, !isReadingPaused, !inbox.contains(where: Command.hasPong) {
          return disconnect(.noPong)
        }
        schedulePing(after: settings.pingInterval - settings.pongTimeout)
      }
    }
  }

  private func ping() {
    switch pings {
    case .commands:
      state.pinged(by: .command)
      send(Reply.ping)
    case .frames:
      state.pinged(by: .frame)
      connection?.ping()
    }
  }
}

extension Session: Subscriber {
  package func receive(_ batch: PublicationBatch) {
    guard state.phase != .closed, let connection else { return }
    // Where nothing waits and nothing else is to come in this turn, the shared bytes go straight out.
    if outbox.isEmpty, !connection.isBehind, batch.isAlone || subscriptions.count == 1,
      batch.push.bytes.count <= Outbox.mostAtOnce
    {
      connection.send(batch.push)
      batch.counters?.census.delivered += batch.publications.count
      if connection.isBehind { watchSlowness(of: connection) }
      return
    }
    for publication in batch.publications {
      outbox.append(
        publication, as: publication.push, isConflating: connection.isBehind, countedBy: batch.counters)
    }
    if outbox.mustDeliverByteCount > settings.slowConsumerLimit { return disconnect(.slow) }
    // Behind, it is written when the socket has drained.
    if !connection.isBehind { scheduleFlush() }
  }
}

extension Session: WatchingClient {
  package var present: PresentClient? { identity.map { PresentClient(id: id.description, user: $0.user) } }
}

extension Session: Flushable {
  package func flush() {
    isAwaitingFlush = false
    guard state.phase != .closed, let connection else { return }
    writeOut(to: connection)
  }
}

extension Session: ClientConnectionDelegate {
  package var wantsCompression: Bool { settings.compresses }

  package func connectionOpened(_ connection: any ClientConnection) {
    self.connection = connection
    heartbeat = environment.wheel.schedule(after: settings.connectTimeout) { [unowned self] in
      disconnect(.stale)
    }
  }

  package func received(_ message: [UInt8]) {
    guard state.phase != .closed else { return }
    // A sign of life does not stand in line behind a command that takes its time.
    if Command.isPong(message) {
      if let fault = state.pongArrived() { disconnect(fault) }
      return
    }
    inbox.append(message)
    if inbox.count >= 64, !isReadingPaused {
      isReadingPaused = true
      connection?.pauseReading()
    }
    guard !isWorking else { return }
    isWorking = true
    Task { @EventLoop in await work() }
  }

  /// One message after the other, one command after the other: a command sees what those before
  /// it did.
  private func work() async {
    while let message = inbox.popFirst() {
      if isReadingPaused, inbox.count < 16 {
        isReadingPaused = false
        connection?.resumeReading()
      }
      let lines = Command.lines(of: message)
      if lines.count > 1 { holdReplies() }
      for line in lines {
        guard state.phase != .closed else { break }
        await carryOut(line)
      }
      letRepliesGo()
    }
    isWorking = false
  }

  private func carryOut(_ line: Command.Line) async {
    switch line {
    case .pong: if let fault = state.pongArrived() { disconnect(fault) }
    case .malformed(let reason):
      environment.logger.debug("malformed command", metadata: ["session": "\(id)", "reason": "\(reason)"])
      disconnect(.badRequest)
    case .command(let command):
      if let fault = state.judge(command.method) { return disconnect(fault) }
      await carryOut(command)
    }
  }

  /// `connect` was accepted: the deadline for it gives way to pings.
  func hasConnected(as identity: Identity) {
    state.connected()
    heartbeat?.cancel()
    live(by: identity)
    startHeartbeat()
  }

  package func pongFrameArrived() { state.pongFrameArrived() }

  package func connectionDrained() {
    patience.readerTook()
    guard state.phase != .closed, let connection else { return }
    writeOut(to: connection, isCatchingUp: true)
  }

  package func connectionClosed() {
    state.closed()
    release()
    connection = nil
    whenClosed(self)
  }
}
