import EventLoop
import Logging
import Redis

/// Publishes through the command connection, and expects it on the subscriber connection: the only proof that events
/// arrive is that something does.
@EventLoop
final class RedisCanary {
  private let client: RedisClient
  private let subscriber: RedisSubscriber
  private let channel: String
  private let interval: Duration
  private let logger: Logger
  private let changed: @EventLoop () -> Void
  private var state: CanaryState
  private var subscription: RedisSubscription?
  private var timer: LoopTimer?
  private var isClosed = false

  /// `changed` is called when ``isLate`` is another than it was.
  init(
    client: RedisClient, subscriber: RedisSubscriber, channel: String, interval: Duration, patience: Duration,
    logger: Logger, changed: @escaping @EventLoop () -> Void
  ) {
    self.client = client
    self.subscriber = subscriber
    self.channel = channel
    self.interval = interval
    self.logger = logger
    self.changed = changed
    state = CanaryState(patience: patience)
  }

  /// Whether what is published may not arrive at present.
  var isLate: Bool { state.isLate }
  /// How long the last canary took.
  var delay: Duration? { state.delay }

  /// Begins once the subscriber listens to the canary's channel, however long that takes.
  func start() {
    Task { @EventLoop [weak self] in await self?.listen() }
  }

  private func listen() async {
    do throws(RedisError) {
      let subscription = try await subscriber.subscribe(to: channel) { [weak self] in self?.hear($0) }
      guard !isClosed else { return subscription.cancel() }
      self.subscription = subscription
      timer = LoopTimer(every: interval, first: .milliseconds(1)) { [weak self] in self?.tick() }
    } catch {
      // Only a subscriber that was closed refuses; then nobody waits for a canary either.
      logger.debug("no canary", metadata: ["error": "\(error)"])
    }
  }

  func close() {
    isClosed = true
    timer = nil
    subscription?.cancel()
    subscription = nil
  }

  /// All subscriptions stand on a new connection: whether they deliver is found out at once.
  func connectionRestored() { if timer != nil { tick() } }

  func connectionLost() { state.connectionLost() }

  private func tick() {
    // Without a connection there is nothing to prove.
    guard subscriber.isLive else { return }
    let step = change { $0.tick(at: Self.now) }
    if step.dropsConnection {
      logger.warning("Redis takes what is published, and the subscriber connection does not bring it")
      return subscriber.reconnect()
    }
    Task { @EventLoop [weak self] in await self?.publish(step.publish) }
  }

  private func publish(_ number: Int) async {
    do throws(RedisError) {
      _ = try await client.send(RedisCommand("PUBLISH", channel, String(number)))
      state.taken(number, at: Self.now)
    } catch { state.failed(number) }
  }

  private func hear(_ message: [UInt8]) {
    guard let number = Int(String(decoding: message, as: UTF8.self)) else { return }
    change { $0.arrived(number, at: Self.now) }
  }

  @discardableResult
  private func change<Answer>(_ body: (inout CanaryState) -> Answer) -> Answer {
    let wasLate = state.isLate
    let answer = body(&state)
    if state.isLate != wasLate { changed() }
    return answer
  }

  private static let beginning = ContinuousClock.now
  private static var now: Duration { ContinuousClock.now - beginning }
}
