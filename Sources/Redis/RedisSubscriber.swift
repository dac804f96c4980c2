package import EventLoop
package import Logging

/// Subscriptions to channels of one Redis, over a connection of their own that is made again
/// whenever it is lost or silent.
///
/// A channel is subscribed once, however many listen. After a reconnect all channels are
/// subscribed again, in batches; only when Redis confirmed every one does ``isLive`` turn true.
/// What was published in between is lost: ``onLive`` is the moment to read what may have changed.
@EventLoop
package final class RedisSubscriber {
  package typealias Receiver = @EventLoop (_ message: [UInt8]) -> Void

  /// Called each time all subscriptions stand after a new connection, the first one included.
  package var onLive: (@EventLoop () -> Void)?
  /// Called when the connection is lost.
  package var onLost: (@EventLoop () -> Void)?
  /// Whether what is published now arrives on every channel.
  package private(set) var isLive = false

  private let endpoint: RedisEndpoint
  private let logger: Logger
  private let silence: Duration
  // One channel is always subscribed: hiredis forgets that it is subscribed when the last is gone,
  // and takes the answer to a PING for an answer without a command.
  private let heartbeat: String

  private var connection: RedisConnection?
  private var backoff = Backoff()
  private var attempt: Task<Void, Never>?
  private var timer: LoopTimer?
  private var lastReads: UInt64 = 0
  /// What was read on the connection when a confirmation had been waited for in vain; inside, nil without a connection.
  private var silentSince: UInt64??
  private var isClosed = false

  private var channels: [String: Subscribed] = [:]
  private var isHeartbeatConfirmed = false
  private var missing = 0
  private var checksWithMissing = 0
  private var lastListener: UInt64 = 0

  private let live = Bell()

  @EventLoop
  private struct Subscribed {
    var state = SubscriptionState()
    var listeners: [(number: UInt64, receive: Receiver)] = []
    /// Rung when Redis has confirmed, and when nothing more will come of it.
    let told = Bell()
  }

  /// A subscriber that is not connected yet. Nothing heard for `silence`, not even the answer to a
  /// PING, counts as a loss of the connection.
  package init(
    endpoint: RedisEndpoint, heartbeat: String = "fanfare:heartbeat",
    silence: Duration = .seconds(10), logger: Logger
  ) {
    self.endpoint = endpoint
    self.heartbeat = heartbeat
    self.silence = silence
    self.logger = logger
  }

  /// Starts to connect, and to reconnect for ever.
  package func start() { connect() }

  /// Returns when ``isLive`` is true, or after `limit` at the latest.
  package func waitUntilLive(upTo limit: Duration) async {
    guard !isLive, !isClosed else { return }
    await live.wait(upTo: limit)
  }

  /// Ends all subscriptions; who waits for one gets `unavailable`.
  package func close() {
    isClosed = true
    attempt?.cancel()
    timer?.stop()
    connection?.close()
    connection = nil
    isLive = false
    live.ring()
    let waiting = channels.values.map(\.told)
    channels = [:]
    for bell in waiting { bell.ring() }
  }

  // MARK: Listening

  /// Delivers every message of `channel` from now on, until cancelled.
  ///
  /// Returns when Redis has confirmed; while Redis is away that is after its return. Throws
  /// `unavailable` when the subscriber is closed and, given a `limit`, when Redis has not confirmed by then: at once
  /// where it did not confirm to somebody else before, and has said nothing since.
  package func subscribe(
    to channel: String, within limit: Duration? = nil, _ receive: @escaping Receiver
  ) async throws(RedisError) -> RedisSubscription {
    guard !isClosed, limit == nil || !isKnownSilent else { throw .unavailable }
    lastListener += 1
    let subscription = RedisSubscription(channel: channel, number: lastListener, in: self)
    channels[channel, default: Subscribed()].listeners.append((lastListener, receive))
    if channels[channel]!.state.listenerAdded(isConnected: connection != nil) == .subscribe {
      missing += 1
      connection?.subscribe(to: [channel])
    }
    let clock = ContinuousClock()
    let deadline = limit.map { clock.now + $0 }
    while let entry = channels[channel], !entry.state.isLive {
      let left = deadline.map { $0 - clock.now }
      if let left, left <= .zero {
        silentSince = .some(connection?.reads)
        subscription.cancel()
        throw .unavailable
      }
      await entry.told.wait(upTo: left)
    }
    guard !isClosed else { throw .unavailable }
    return subscription
  }

  /// A confirmation was waited for in vain, and on the same connection, or without one, nothing was heard since.
  private var isKnownSilent: Bool {
    guard let reads = silentSince else { return false }
    return reads == connection?.reads
  }

  fileprivate func remove(_ number: UInt64, from channel: String) {
    guard var entry = channels[channel],
      let index = entry.listeners.firstIndex(where: { $0.number == number })
    else { return }
    entry.listeners.remove(at: index)
    let action = entry.state.listenerRemoved(isConnected: connection != nil)
    channels[channel] = entry.state.isIdle ? nil : entry
    if action == .unsubscribe { connection?.unsubscribe(from: [channel]) }
  }

  // MARK: The connection

  private func connect() {
    attempt = Task { @EventLoop [weak self] in
      guard let self, !isClosed else { return }
      do throws(RedisError) {
        adopt(try await RedisConnection.open(to: endpoint, answersWithin: silence))
      } catch {
        logger.debug(
          "no subscriber connection", metadata: ["endpoint": "\(endpoint)", "error": "\(error)"])
        connectLater()
      }
    }
  }

  private func connectLater() {
    guard !isClosed else { return }
    timer = LoopTimer(after: backoff.next()) { [weak self] in self?.connect() }
  }

  private func adopt(_ opened: RedisConnection) {
    guard !isClosed else { return opened.close() }
    connection = opened
    lastReads = opened.reads
    opened.onPush = { [weak self] value in self?.receive(value) }
    opened.onClose = { [weak self] in self?.lost() }
    silentSince = nil
    isHeartbeatConfirmed = false
    opened.subscribe(to: [heartbeat])
    var wanted: [String] = []
    for name in channels.keys where channels[name]!.state.connectionRestored() == .subscribe {
      wanted.append(name)
    }
    missing = wanted.count
    checksWithMissing = 0
    for start in stride(from: 0, to: wanted.count, by: 500) {
      opened.subscribe(to: wanted[start..<min(start + 500, wanted.count)])
    }
    // Twice within the time of silence: one PING, and the time to answer it.
    timer = LoopTimer(every: silence / 2) { [weak self] in self?.checkLife() }
  }

  private func checkLife() {
    guard let connection else { return }
    // Redis may also answer, but not with a confirmation: it refused the channel.
    if missing == 0 { checksWithMissing = 0 } else { checksWithMissing += 1 }
    guard connection.reads != lastReads, checksWithMissing < 3 else {
      logger.warning("the subscriber connection is silent or not confirmed")
      return reconnect()
    }
    lastReads = connection.reads
    ping()
  }

  /// Lets the connection go and makes another: for who knows that this one does not bring what it should.
  package func reconnect() {
    guard let connection else { return }
    connection.close()
    lost()
  }

  /// Asks Redis for a sign of life; done regularly without being told.
  package func ping() { connection?.ping() }

  private func lost() {
    connection = nil
    isLive = false
    missing = 0
    for name in channels.keys {
      channels[name]!.state.connectionLost()
      if channels[name]!.state.isIdle { channels[name] = nil }
    }
    onLost?()
    connectLater()
  }

  // MARK: What arrives

  private func receive(_ value: RedisValue) {
    // Answers to PING have two elements, everything else three.
    guard let parts = value.elements, parts.count == 3, let word = parts[0].text,
      let channel = parts[1].text
    else { return }
    switch word {
    case "message":
      guard let entry = channels[channel], let message = parts[2].bytes else { return }
      for listener in entry.listeners {
        // One that an earlier listener of this message cancelled hears nothing more.
        guard isListening(listener.number, on: channel) else { continue }
        listener.receive(message)
      }
    case "subscribe": confirm(channel)
    case "unsubscribe":
      // One of ours is told of before the SUBSCRIBE that may have followed it is confirmed.
      guard channel == heartbeat || channels[channel]?.state.isLive == true else { return }
      logger.warning("Redis ended a subscription that nobody ended here", metadata: ["channel": "\(channel)"])
      reconnect()
    default: break
    }
  }

  private func isListening(_ number: UInt64, on channel: String) -> Bool {
    channels[channel]?.listeners.contains { $0.number == number } ?? false
  }

  private func confirm(_ channel: String) {
    if channel == heartbeat { isHeartbeatConfirmed = true }
    if var entry = channels[channel] {
      let before = entry.state.unconfirmed
      let isNowLive = entry.state.confirmed()
      missing -= before - entry.state.unconfirmed
      channels[channel] = entry.state.isIdle ? nil : entry
      if isNowLive { entry.told.ring() }
    }
    guard missing == 0, isHeartbeatConfirmed, !isLive else { return }
    isLive = true
    backoff.reset()
    live.ring()
    onLive?()
  }
}

/// One listener of a channel; ends when cancelled, and only then.
@EventLoop
package final class RedisSubscription {
  package let channel: String
  private let number: UInt64
  private weak var subscriber: RedisSubscriber?

  fileprivate init(channel: String, number: UInt64, in subscriber: RedisSubscriber) {
    self.channel = channel
    self.number = number
    self.subscriber = subscriber
  }

  /// Nothing is received after this returns; harmless when repeated.
  package func cancel() { subscriber?.remove(number, from: channel) }
}
