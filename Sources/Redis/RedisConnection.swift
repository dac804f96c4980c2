import DequeModule
package import EventLoop

/// One connection to Redis: commands out, answers back in order.
///
/// All commands of a turn of the loop go out in one write at its end. It does not come back: once
/// closed, by us or by Redis, make another.
@EventLoop
package final class RedisConnection {
  /// What became of a command.
  package typealias Completion = @EventLoop (Result<RedisValue, RedisError>) -> Void

  /// Called once, when Redis or the network ended the connection; not for ``close()``.
  package var onClose: (@EventLoop () -> Void)?
  /// Receives what arrives for subscriptions.
  package var onPush: (@EventLoop (RedisValue) -> Void)?
  /// How often something was read: a connection on which it stands still may be half open.
  package var reads: UInt64 { context?.reads ?? 0 }

  private var context: RedisContext?
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

  /// Whether commands are taken.
  package var isOpen: Bool { context?.isConnected ?? false }

  private init() {}

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
    let result = await EventLoop.suspend { continuation in
      send(command) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }

  /// Sends a command and calls back with its answer, exactly once.
  package func send(_ command: RedisCommand, _ completion: @escaping Completion) {
    guard let context, context.send(command) else { return completion(.failure(.unavailable)) }
    pending.append(Pending(completion: completion, tick: tick))
  }

  /// The time an answer may take from now on.
  package func limitAnswers(to limit: Duration) {
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

  /// Ends subscriptions; what is under way may still arrive.
  package func unsubscribe(from channels: some Collection<String>) {
    sendForPushes("UNSUBSCRIBE", channels)
  }

  private func sendForPushes(_ name: String, _ channels: some Collection<String>) {
    guard !channels.isEmpty else { return }
    var command = RedisCommand(name)
    for channel in channels { command.append(channel) }
    context?.sendForPushes(command)
  }

  /// Asks for a sign of life on a subscribed connection: the answer counts in ``reads``.
  package func ping() { context?.sendUnrecorded(RedisCommand("PING")) }

  // MARK: Life

  /// Ends the connection; commands under way fail as unavailable.
  package func close() {
    onClose = nil
    end()
  }

  private func connect(
    to address: RedisEndpoint.Address, within limit: Duration
  ) async throws(RedisError) {
    var address = address
    if case .tcp(let host, let port) = address {
      guard let numeric = await HostResolver.address(of: host) else { throw .unavailable }
      address = .tcp(host: numeric, port: port)
    }
    context = RedisContext(to: address) { [weak self] in self?.hear($0) }
    guard context != nil else { throw .unavailable }
    let timeout = LoopTimer(after: limit) { [weak self] in self?.end() }
    let isConnected = await EventLoop.suspend { continuation in
      connected = { continuation.resume(returning: $0) }
    }
    timeout.stop()
    guard isConnected else { throw .unavailable }
    limitAnswers(to: limit)
  }

  private func hear(_ event: RedisContext.Event) {
    switch event {
    case .connected:
      let connected = connected
      self.connected = nil
      connected?(true)
    case .answered(let value): answered(value)
    case .pushed(let value): onPush?(value)
    case .ended: ended()
    }
  }

  private func answered(_ value: RedisValue) {
    guard let oldest = pending.popFirst() else {
      preconditionFailure("an answer without a command")
    }
    if case .error(let failure) = value {
      oldest.completion(.failure(.refused(failure)))
    } else {
      oldest.completion(.success(value))
    }
  }

  private func end() {
    guard let context else { return }
    context.close()
    ended()
  }

  private func ended() {
    context = nil
    watchdog = nil
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

  isolated deinit {
    onClose = nil
    end()
  }
}
