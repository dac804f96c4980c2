package import EventLoop
package import Logging

/// Commands to one Redis over one connection that is made again whenever it is lost.
///
/// While there is none, commands fail at once as `unavailable`: waiting is the caller's decision.
/// Attempts to reconnect go on for ever, with growing, jittered pauses.
@EventLoop
package final class RedisClient {
  package nonisolated let endpoint: RedisEndpoint
  private let logger: Logger
  private let limit: Duration

  private var connection: RedisConnection?
  private var backoff = Backoff()
  private var attempt: Task<Void, Never>?
  private var retry: LoopTimer?
  private var isClosed = false
  private let connected = Bell()
  /// Connections of blocking commands: those that wait for another, and those at work.
  private var idle: [RedisConnection] = []
  private var blocking: [UInt64: RedisConnection] = [:]
  private var lastBlocking: UInt64 = 0

  /// A client that is not connected yet; an answer later than `answersWithin` counts as a loss of
  /// the connection.
  package init(endpoint: RedisEndpoint, answersWithin limit: Duration = .seconds(5), logger: Logger) {
    self.endpoint = endpoint
    self.limit = limit
    self.logger = logger
  }

  /// Whether there is a connection now.
  package var isConnected: Bool { connection != nil }

  /// Makes the first connection. When that fails it throws, and goes on trying all the same.
  package func start() async throws(RedisError) {
    do {
      adopt(try await RedisConnection.open(to: endpoint, answersWithin: limit))
    } catch {
      report(error)
      reconnectLater()
      throw error
    }
  }

  /// Sends a command and returns its answer.
  ///
  /// Throws `unavailable` while there is no connection, `refused` with Redis's words for an error.
  package func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
    guard let connection else { throw .unavailable }
    do {
      return try await connection.send(command)
    } catch .refused(let failure) where failure.meansUnavailable {
      if failure.mustReconnect, connection === self.connection { drop(connection, failure) }
      throw .unavailable
    }
  }

  /// Calls a function. A Redis that does not have it yet is given it, and asked again.
  package func call(
    _ function: RedisFunction, keys: [String], arguments: [[UInt8]] = []
  ) async throws(RedisError) -> RedisValue {
    try await call(function) { command in
      command.append(keys.count)
      for key in keys { command.append(key) }
      for argument in arguments { command.append(argument) }
    }
  }

  /// Calls a function; `input` appends the number of keys, the keys and the arguments.
  package func call(
    _ function: RedisFunction, _ input: (inout RedisCommand) -> Void
  ) async throws(RedisError) -> RedisValue {
    while true {
      var command = RedisCommand("FCALL", reserving: 512)
      command.append(function.name)
      input(&command)
      do {
        return try await send(command)
      } catch .refused(let failure) where failure.isUnknownFunction {
        try await load(function)
      }
    }
  }

  /// Gives Redis functions before they are called: one whose memory is full would not take them then.
  package func provide(_ functions: [RedisFunction]) async throws(RedisError) {
    for function in functions { try await load(function) }
  }

  private func load(_ function: RedisFunction) async throws(RedisError) {
    if let loading = function.loading { return try await loading.value.get() }
    let loading = Task { @EventLoop in
      defer { function.loading = nil }
      do throws(RedisError) {
        _ = try await send(RedisCommand("FUNCTION", "LOAD", "REPLACE", function.library))
        return Result<Void, RedisError>.success(())
      } catch { return .failure(error) }
    }
    function.loading = loading
    try await loading.value.get()
  }

  /// Sends a command that may take up to `patience`, on a connection of its own.
  ///
  /// When the task is cancelled the connection is closed, and with it the command.
  package func block(
    on command: RedisCommand, for patience: Duration
  ) async throws(RedisError) -> RedisValue {
    guard connection != nil, !isClosed else { throw .unavailable }
    let own: RedisConnection
    idle.removeAll { !$0.isOpen }
    if let one = idle.popLast() {
      own = one
    } else {
      own = try await RedisConnection.open(to: endpoint, answersWithin: limit)
    }
    guard !isClosed else {
      own.close()
      throw .unavailable
    }
    own.limitAnswers(to: patience + limit)
    lastBlocking += 1
    let number = lastBlocking
    blocking[number] = own
    let result: Result<RedisValue, RedisError> = await withTaskCancellationHandler {
      do throws(RedisError) { return .success(try await own.send(command)) } catch {
        return .failure(error)
      }
    } onCancel: {
      // Not the connection itself: a late call must not end another command that it serves by then.
      Task { @EventLoop [weak self] in self?.blocking[number]?.close() }
    }
    blocking[number] = nil
    if own.isOpen, !isClosed, idle.count < 4 { idle.append(own) } else { own.close() }
    do {
      return try result.get()
    } catch .refused(let failure) where failure.meansUnavailable {
      own.close()
      throw .unavailable
    }
  }

  /// Returns when there is a connection, or after `limit` at the latest; at once when the task is cancelled.
  package func waitUntilConnected(upTo limit: Duration) async {
    guard connection == nil, !isClosed, limit > .zero else { return }
    await connected.waitUnlessCancelled(upTo: limit)
  }

  /// Ends all connections for good; commands under way fail as unavailable.
  package func close() {
    isClosed = true
    attempt?.cancel()
    retry?.stop()
    retry = nil
    connection?.close()
    connection = nil
    for connection in idle { connection.close() }
    idle = []
    for connection in blocking.values { connection.close() }
    connected.ring()
  }

  // MARK: Reconnecting

  private func adopt(_ connection: RedisConnection) {
    guard !isClosed else { return connection.close() }
    backoff.reset()
    connection.onClose = { [weak self, weak connection] in
      guard let self, let connection, connection === self.connection else { return }
      self.connection = nil
      self.logger.warning("Redis is away", metadata: ["endpoint": "\(self.endpoint)"])
      self.reconnectLater()
    }
    self.connection = connection
    logger.debug("connected to Redis", metadata: ["endpoint": "\(endpoint)"])
    connected.ring()
  }

  private func drop(_ connection: RedisConnection, _ failure: RedisFailure) {
    logger.warning("Redis cannot serve", metadata: ["error": "\(failure)"])
    self.connection = nil
    connection.close()
    reconnectLater()
  }

  private func reconnectLater() {
    guard !isClosed else { return }
    for connection in idle { connection.close() }
    idle = []
    retry = LoopTimer(after: backoff.next()) { [weak self] in self?.reconnect() }
  }

  private func reconnect() {
    attempt = Task { @EventLoop [weak self] in
      guard let self, !isClosed else { return }
      do throws(RedisError) {
        adopt(try await RedisConnection.open(to: endpoint, answersWithin: limit))
      } catch {
        report(error)
        reconnectLater()
      }
    }
  }

  private func report(_ error: RedisError) {
    logger.debug(
      "no connection to Redis", metadata: ["endpoint": "\(endpoint)", "error": "\(error)"])
  }
}
