import CHiredis
import EventLoop
import Foundation

/// hiredis at work for one connection, as a guest on the event loop.
///
/// Owns a `redisAsyncContext`: reads and writes when the socket is ready for it, and tells what
/// hiredis has to say. All commands of a turn of the loop go out in one write at its end.
@EventLoop
final class RedisContext {
  /// What hiredis has to say.
  enum Event {
    /// The socket is connected: from now on commands are taken.
    case connected
    /// The answer to the oldest command that has none yet.
    case answered(RedisValue)
    /// Something arrived for a subscription.
    case pushed(RedisValue)
    /// Redis or the network ended the connection, or there never was one. The last event.
    case ended
  }

  private(set) var isConnected = false
  /// How often something was read.
  private(set) var reads: UInt64 = 0

  private var handle: UnsafeMutablePointer<redisAsyncContext>?
  private let hear: @EventLoop (Event) -> Void
  private var watcher: SocketWatcher?
  private var turnEnd: TurnEnd?
  private var wanted: SocketWatcher.Readiness = []
  private var hasUnsent = false

  // hiredis writes without MSG_NOSIGNAL: without this a Redis that went away ends the process.
  private static let ignoresBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  /// Begins to connect to a path or an address in digits; nil where not even that can be done.
  init?(to address: RedisEndpoint.Address, hear: @escaping @EventLoop (Event) -> Void) {
    _ = Self.ignoresBrokenPipes
    let opened: UnsafeMutablePointer<redisAsyncContext>? =
      switch address {
      case .tcp(let host, let port): redisAsyncConnect(host, CInt(port))
      case .unix(let path): redisAsyncConnectUnix(path)
      }
    guard let opened else { return nil }
    guard opened.pointee.err == 0 else {
      redisAsyncFree(opened)
      return nil
    }
    self.hear = hear
    handle = opened
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

  // MARK: Sending

  /// Takes a command whose answer is told as ``Event/answered(_:)``; false where it takes none.
  func send(_ command: RedisCommand) -> Bool {
    send(command, answeredBy: answerReceived)
  }

  /// Takes a SUBSCRIBE or UNSUBSCRIBE: all that comes of it is told as ``Event/pushed(_:)``.
  func sendForPushes(_ command: RedisCommand) {
    _ = send(command, answeredBy: pushReceived)
  }

  private typealias AnswerCallback =
    @convention(c) (
      UnsafeMutablePointer<redisAsyncContext>?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
    ) -> Void

  private func send(_ command: RedisCommand, answeredBy callback: AnswerCallback) -> Bool {
    guard let handle, isConnected else { return false }
    return command.withEncoded { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        redisAsyncFormattedCommand(
          handle, callback, nil, characters.baseAddress, characters.count) == REDIS_OK
      }
    }
  }

  /// Sends past hiredis' bookkeeping, which has no place for an answer between pushes and would keep
  /// a record of each for ever. Nobody is told of the answer, but it counts in ``reads``.
  func sendUnrecorded(_ command: RedisCommand) {
    guard let handle, isConnected else { return }
    command.withEncoded { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        _ = redisAppendFormattedCommand(
          &handle.pointee.c, characters.baseAddress, characters.count)
      }
    }
    wantsWrite()
  }

  /// Ends the connection; nothing is told of it.
  func close() {
    guard let handle else { return }
    detach()
    handle.pointee.data = nil
    handle.pointee.ev.data = nil
    redisAsyncFree(handle)
  }

  // The descriptor is closed right after: nobody may watch it any more.
  private func detach() {
    handle = nil
    isConnected = false
    watcher?.stop()
    watcher = nil
    turnEnd = nil
  }

  // MARK: The socket

  private func serve(_ readiness: SocketWatcher.Readiness) {
    guard let handle else { return }
    if readiness.contains(.readable) {
      reads &+= 1
      redisAsyncHandleRead(handle)
    }
    // What was read may have ended the connection.
    guard readiness.contains(.writable), self.handle == handle else { return }
    redisAsyncHandleWrite(handle)
  }

  private func writeOut() {
    guard hasUnsent, isConnected, let handle else { return }
    hasUnsent = false
    redisAsyncHandleWrite(handle)
    // Not all of it fitted: the rest leaves when the socket says so.
    if hasUnsent {
      hasUnsent = false
      want(.writable, true)
    }
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
    guard status == REDIS_OK, let handle else { return }
    isConnected = true
    if handle.pointee.c.connection_type == REDIS_CONN_TCP {
      // hiredis leaves Nagle's delay on for connections that were not waited for.
      var on: CInt = 1
      setsockopt(
        handle.pointee.c.fd, CInt(IPPROTO_TCP), TCP_NODELAY, &on,
        socklen_t(MemoryLayout<CInt>.size))
      redisEnableKeepAlive(&handle.pointee.c)
    }
    hear(.connected)
  }

  fileprivate func answered(_ value: RedisValue) { hear(.answered(value)) }

  fileprivate func pushed(_ value: RedisValue) { hear(.pushed(value)) }

  fileprivate func lost() {
    detach()
    hear(.ended)
  }

  isolated deinit { close() }
}

// hiredis calls on the loop's thread; assumeIsolated checks it. Without an owner (we let the
// context go ourselves) there is nobody to tell.
private func withOwner(
  _ data: UnsafeMutableRawPointer?, _ body: @EventLoop (RedisContext) -> Void
) {
  nonisolated(unsafe) let data = data
  EventLoop.assumeIsolated {
    guard let data else { return }
    body(Unmanaged<RedisContext>.fromOpaque(data).takeUnretainedValue())
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
