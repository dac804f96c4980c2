import CHiredis
import DequeModule
package import EventLoop
import Foundation

/// One connection to Redis: commands out, answers back in order.
///
/// Owns a `redisAsyncContext`. All commands of a turn of the loop go out in one write at its end.
/// It does not come back: once closed, by us or by Redis, make another.
@EventLoop
package final class RedisConnection {
  package typealias Completion = @EventLoop (Result<RedisValue, RedisError>) -> Void

  /// Called once, when Redis or the network ended the connection; not for ``close()``.
  package var onClose: (@EventLoop () -> Void)?
  /// Receives what arrives for subscriptions.
  package var onPush: (@EventLoop (RedisValue) -> Void)?
  /// How often something was read: a connection on which it stands still may be half open.
  package private(set) var reads: UInt64 = 0

  private var context: UnsafeMutablePointer<redisAsyncContext>?
  private var watcher: SocketWatcher?
  private var turnEnd: TurnEnd?
  private var wanted: SocketWatcher.Readiness = []
  private var isConnected = false
  private var hasUnsent = false
  private var connected: (@EventLoop (Bool) -> Void)?

  private var pending: Deque<Pending> = []
  private struct Pending {
    var completion: Completion
    var tick: UInt64
  }

  // Answers come in order, so only the oldest is watched: if it is late, all are.
  private var watchdog: LoopTimer?
  private var tick: UInt64 = 0
  private static let ticksToTimeout: UInt64 = 4

  package var isOpen: Bool { context != nil && isConnected }

  private init() { _ = Self.ignoresBrokenPipes }

  // hiredis writes without MSG_NOSIGNAL: without this a Redis that went away ends the process.
  private static let ignoresBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  /// Connects and introduces itself; `answersWithin` limits the connect and later each answer.
  ///
  /// Throws `unavailable` when nobody listens, nobody answers in time, or Redis is still loading;
  /// `refused` for a wrong password or database.
  package static func open(
    to endpoint: RedisEndpoint, answersWithin limit: Duration = .seconds(5)
  ) async throws(RedisError) -> RedisConnection {
    let connection = RedisConnection()
    try await connection.connect(to: endpoint.address, within: limit)
    do {
      try await connection.introduce(as: endpoint)
    } catch {
      connection.close()
      throw error
    }
    return connection
  }

  private func introduce(as endpoint: RedisEndpoint) async throws(RedisError) {
    if let password = endpoint.password {
      var command = RedisCommand("AUTH")
      if let user = endpoint.user { command.append(user) }
      command.append(password)
      _ = try await send(command)
    }
    if endpoint.database != 0 {
      _ = try await send(RedisCommand("SELECT", String(endpoint.database)))
    }
    do {
      _ = try await send(RedisCommand("PING"))
    } catch .refused(let failure) where failure.meansUnavailable {
      throw .unavailable
    }
  }

  // MARK: Commands

  /// Sends a command; it leaves with all others of this turn.
  package func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
    let result = await withUnsafeContinuation { continuation in
      send(command) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }

  /// Sends a command and calls back with its answer, exactly once.
  package func send(_ command: RedisCommand, _ completion: @escaping Completion) {
    guard let context, isConnected else { return completion(.failure(.unavailable)) }
    let code = command.withEncoded { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        redisAsyncFormattedCommand(
          context, answerReceived, nil, characters.baseAddress, characters.count)
      }
    }
    guard code == REDIS_OK else { return completion(.failure(.unavailable)) }
    pending.append(Pending(completion: completion, tick: tick))
  }

  /// The time an answer may take from now on; nil for a connection of blocking commands, which
  /// guards itself.
  package func limitAnswers(to limit: Duration?) {
    guard let limit else { return watchdog = nil }
    watchdog = LoopTimer(every: limit / Int(Self.ticksToTimeout)) { [weak self] in
      self?.checkOldest()
    }
  }

  private func checkOldest() {
    tick += 1
    // A tick has begun when a command is sent, hence one more than the limit has.
    guard let oldest = pending.first, tick - oldest.tick > Self.ticksToTimeout else { return }
    end()
  }

  // MARK: Subscriptions

  /// Subscribes to channels; confirmations and messages arrive at ``onPush``. From then on only
  /// ``subscribe(to:)``, ``unsubscribe(from:)`` and ``ping()`` may be used.
  package func subscribe(to channels: some Collection<String>) {
    sendForPushes("SUBSCRIBE", channels)
  }

  package func unsubscribe(from channels: some Collection<String>) {
    sendForPushes("UNSUBSCRIBE", channels)
  }

  private func sendForPushes(_ name: String, _ channels: some Collection<String>) {
    guard let context, isConnected, !channels.isEmpty else { return }
    var command = RedisCommand(name)
    for channel in channels { command.append(channel) }
    command.withEncoded { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        _ = redisAsyncFormattedCommand(
          context, pushReceived, nil, characters.baseAddress, characters.count)
      }
    }
  }

  /// Asks for a sign of life on a subscribed connection: the answer counts in ``reads``.
  package func ping() {
    guard let context, isConnected else { return }
    // Past hiredis' bookkeeping: it has no place for the answer to a PING between pushes, and
    // would keep a record of each for ever.
    RedisCommand("PING").withEncoded { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        _ = redisAppendFormattedCommand(
          &context.pointee.c, characters.baseAddress, characters.count)
      }
    }
    wantsWrite()
  }

  // MARK: Life

  /// Ends the connection; commands under way fail as unavailable.
  package func close() {
    onClose = nil
    end()
  }

  private func connect(
    to address: RedisEndpoint.Address, within limit: Duration
  ) async throws(RedisError) {
    let opened: UnsafeMutablePointer<redisAsyncContext>?
    switch address {
    case .tcp(let host, let port):
      guard let numeric = await HostResolver.address(of: host) else { throw .unavailable }
      opened = redisAsyncConnect(numeric, CInt(port))
    case .unix(let path):
      opened = redisAsyncConnectUnix(path)
    }
    guard let opened else { throw .unavailable }
    guard opened.pointee.err == 0 else {
      redisAsyncFree(opened)
      throw .unavailable
    }
    adopt(opened)
    let timeout = LoopTimer(after: limit) { [weak self] in self?.end() }
    let isConnected = await withUnsafeContinuation { continuation in
      connected = { continuation.resume(returning: $0) }
    }
    timeout.stop()
    guard isConnected else { throw .unavailable }
    limitAnswers(to: limit)
  }

  private func adopt(_ opened: UnsafeMutablePointer<redisAsyncContext>) {
    context = opened
    let me = Unmanaged.passUnretained(self).toOpaque()
    opened.pointee.data = me
    opened.pointee.ev.data = me
    opened.pointee.ev.addRead = wantsToRead
    opened.pointee.ev.delRead = stopsReading
    opened.pointee.ev.addWrite = wantsToWrite
    opened.pointee.ev.delWrite = stopsWriting
    opened.pointee.ev.cleanup = contextEnds
    watcher = SocketWatcher(descriptor: opened.pointee.c.fd) { [weak self] readiness in
      self?.serve(readiness)
    }
    turnEnd = TurnEnd { [weak self] in self?.writeOut() }
    // Asks for a first write event: it tells that the socket is connected.
    redisAsyncSetConnectCallback(opened, connectEnded)
  }

  private func serve(_ readiness: SocketWatcher.Readiness) {
    guard let context else { return }
    if readiness.contains(.readable) {
      reads &+= 1
      redisAsyncHandleRead(context)
    }
    // What was read may have ended the connection.
    guard readiness.contains(.writable), self.context == context else { return }
    redisAsyncHandleWrite(context)
  }

  private func writeOut() {
    guard hasUnsent, isConnected, let context else { return }
    hasUnsent = false
    redisAsyncHandleWrite(context)
    // Not all of it fitted: the rest leaves when the socket says so.
    if hasUnsent {
      hasUnsent = false
      want(.writable, true)
    }
  }

  private func end() {
    guard let context else { return }
    detach()
    context.pointee.data = nil
    context.pointee.ev.data = nil
    redisAsyncFree(context)
    ended()
  }

  // The descriptor is closed right after: nobody may watch it any more.
  private func detach() {
    context = nil
    watcher?.stop()
    watcher = nil
    turnEnd = nil
    watchdog = nil
  }

  private func ended() {
    isConnected = false
    let unanswered = pending
    pending = []
    for command in unanswered { command.completion(.failure(.unavailable)) }
    let connected = connected
    self.connected = nil
    connected?(false)
    let onClose = onClose
    self.onClose = nil
    onClose?()
  }

  private func want(_ readiness: SocketWatcher.Readiness, _ isWanted: Bool) {
    if isWanted { wanted.insert(readiness) } else { wanted.remove(readiness) }
    watcher?.watch(wanted)
  }

  // MARK: What hiredis says

  fileprivate func wantsRead(_ isWanted: Bool) { want(.readable, isWanted) }

  fileprivate func wantsWrite() {
    if isConnected { hasUnsent = true } else { want(.writable, true) }
  }

  fileprivate func wantsNoWrite() { want(.writable, false) }

  fileprivate func socketConnected(_ status: CInt) {
    // On failure the context ends right after, and that is told there.
    guard status == REDIS_OK, let context else { return }
    isConnected = true
    if context.pointee.c.connection_type == REDIS_CONN_TCP {
      // hiredis leaves Nagle's delay on for connections that were not waited for.
      var on: CInt = 1
      setsockopt(
        context.pointee.c.fd, CInt(IPPROTO_TCP), TCP_NODELAY, &on,
        socklen_t(MemoryLayout<CInt>.size))
      redisEnableKeepAlive(&context.pointee.c)
    }
    let connected = connected
    self.connected = nil
    connected?(true)
  }

  fileprivate func answered(_ value: RedisValue) {
    guard let oldest = pending.popFirst() else {
      preconditionFailure("an answer without a command")
    }
    if case .error(let failure) = value {
      oldest.completion(.failure(.refused(failure)))
    } else {
      oldest.completion(.success(value))
    }
  }

  fileprivate func pushed(_ value: RedisValue) { onPush?(value) }

  fileprivate func lost() {
    detach()
    ended()
  }

  isolated deinit {
    onClose = nil
    end()
  }
}

// hiredis calls on the loop's thread; assumeIsolated checks it. Without an owner (we let the
// context go ourselves) there is nobody to tell.
private func withOwner(
  _ data: UnsafeMutableRawPointer?, _ body: @EventLoop (RedisConnection) -> Void
) {
  nonisolated(unsafe) let data = data
  EventLoop.assumeIsolated {
    guard let data else { return }
    body(Unmanaged<RedisConnection>.fromOpaque(data).takeUnretainedValue())
  }
}

@c private func wantsToRead(_ data: UnsafeMutableRawPointer?) {
  withOwner(data) { $0.wantsRead(true) }
}

@c private func stopsReading(_ data: UnsafeMutableRawPointer?) {
  withOwner(data) { $0.wantsRead(false) }
}

@c private func wantsToWrite(_ data: UnsafeMutableRawPointer?) {
  withOwner(data) { $0.wantsWrite() }
}

@c private func stopsWriting(_ data: UnsafeMutableRawPointer?) {
  withOwner(data) { $0.wantsNoWrite() }
}

@c private func contextEnds(_ data: UnsafeMutableRawPointer?) { withOwner(data) { $0.lost() } }

@c private func connectEnded(_ context: UnsafePointer<redisAsyncContext>?, _ status: CInt) {
  withOwner(context?.pointee.data) { $0.socketConnected(status) }
}

@c private func answerReceived(
  _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
  _ data: UnsafeMutableRawPointer?
) {
  // No reply: the connection ends, and all that is pending is told then.
  guard let reply = reply?.assumingMemoryBound(to: redisReply.self) else { return }
  let value = RedisValue(reply.pointee)
  withOwner(context?.pointee.data) { $0.answered(value) }
}

@c private func pushReceived(
  _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
  _ data: UnsafeMutableRawPointer?
) {
  guard let reply = reply?.assumingMemoryBound(to: redisReply.self) else { return }
  let value = RedisValue(reply.pointee)
  withOwner(context?.pointee.data) { $0.pushed(value) }
}

extension RedisValue {
  /// Copies an answer out of hiredis' memory.
  fileprivate init(_ reply: redisReply) {
    switch reply.type {
    case REDIS_REPLY_STRING: self = .bytes(reply.bytes)
    case REDIS_REPLY_STATUS: self = .status(String(decoding: reply.bytes, as: UTF8.self))
    case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
    case REDIS_REPLY_ERROR:
      self = .error(RedisFailure(String(decoding: reply.bytes, as: UTF8.self)))
    case REDIS_REPLY_ARRAY:
      let elements = UnsafeBufferPointer(start: reply.element, count: reply.elements)
      self = .array(elements.map { $0.map { RedisValue($0.pointee) } ?? .null })
    default: self = .null
    }
  }
}

extension redisReply {
  fileprivate var bytes: [UInt8] {
    guard let str else { return [] }
    return Array(UnsafeRawBufferPointer(start: str, count: len))
  }
}
