import EventLoop
import Logging
import Redis

extension RedisBroker {
  /// Someone who watches a channel.
  struct Watcher {
    var channel: Channel
    var receive: @EventLoop (Delivery) -> Void
    /// Whether the subscription stood once: what came before is nobody's loss.
    var stands = false
  }

  /// The reading anew after an interruption, and what arrived while it went on.
  struct Reconciliation {
    /// Those who were watching when events were interrupted: whoever came later missed nothing.
    var owed: Set<UInt64> = []
    var newest: [JobID: StreamPosition] = [:]
    var newestGroups: [GroupID: StreamPosition] = [:]
    /// When events were first known to be lost.
    var lostAt: ContinuousClock.Instant
  }

  package var mayLoseEvents: Bool { true }

  package var isDelivering: Bool { subscriber.isLive && reconciliation == nil && !canary.isLate }

  package var deliveryReport: DeliveryReport {
    var report = losses
    report.delay = canary.delay
    return report
  }

  /// The canary is late, or back: then nothing was lost, or the connection is made anew and that is told, too.
  func canaryChanged() {
    if canary.isLate { logger.warning("what is published does not arrive") }
    deliveryChanged()
  }

  package func whenDeliveryChanges(_ tell: @escaping @EventLoop () -> Void) {
    deliveryListeners.append(tell)
  }

  func deliveryChanged() { for tell in deliveryListeners { tell() } }

  package func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    lastWatcher += 1
    let number = lastWatcher
    watchers[number] = Watcher(channel: channel, receive: receive)
    do {
      let subscription = try await subscriber.subscribe(to: keys.channel(channel), within: Self.subscribing) {
        [weak self] message in self?.deliver(message, of: channel, to: number)
      }
      watchers[number]?.stands = true
      return RedisEventSubscription(subscription) { [weak self] in self?.watchers[number] = nil }
    } catch {
      watchers[number] = nil
      throw BrokerError(error)
    }
  }

  /// How long who wants to watch waits for Redis: less than SDKs wait for an answer.
  private static let subscribing = Duration.seconds(2)

  package func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    do {
      let subscription = try await subscriber.subscribe(
        to: keys.key(.directives, worker.description)
      ) { message in
        guard let directive = WorkerDirective(message: message) else { return }
        receive(directive)
      }
      return RedisEventSubscription(subscription) {}
    } catch { throw BrokerError(error) }
  }

  private func deliver(_ message: [UInt8], of channel: Channel, to number: UInt64) {
    if case .group = channel { return deliverGroup(message, to: number) }
    // All listeners of a channel get the same message, one after the other: read it once.
    let event: JobEvent
    if let last = lastDecoded, last.message == message {
      event = last.event
    } else {
      guard let decoded = JobEvent(message: message) else {
        logger.error("an event has another form", metadata: ["bytes": "\(message.count)"])
        return
      }
      event = decoded
      lastDecoded = (message, decoded)
    }
    reconciliation?.newest[event.id] = event.position
    watchers[number]?.receive(.event(event))
  }

  private func deliverGroup(_ message: [UInt8], to number: UInt64) {
    guard let group = JobGroup(message: message) else {
      logger.error("a group has another form", metadata: ["bytes": "\(message.count)"])
      return
    }
    reconciliation?.newestGroups[group.id] = group.position
    watchers[number]?.receive(.group(group))
  }

  // MARK: After an interruption

  func sourceLost() {
    logger.warning("events are interrupted")
    losses.interrupted(at: .now)
    canary.connectionLost()
    reconciling?.cancel()
    reconciling = nil
    // Until everything was read anew nothing is said to be delivered, even once Redis is back.
    let standing = watchers.filter(\.value.stands).map(\.key)
    reconciliation = Reconciliation(
      owed: (reconciliation?.owed ?? []).union(standing), lostAt: reconciliation?.lostAt ?? .now)
    deliveryChanged()
  }

  /// Reads every watched job and group anew and delivers it; until then ``isDelivering`` is false.
  func reconcile() {
    guard reconciliation != nil else {
      deliveryChanged()
      return
    }
    reconciling = Task { @EventLoop [weak self] in
      while let self, !Task.isCancelled {
        do throws(BrokerError) {
          try await deliverSnapshots()
          guard !Task.isCancelled else { return }
          reconciliation = nil
          logger.info("events are delivered again")
          deliveryChanged()
          return
        } catch {
          logger.debug("watched jobs could not be read", metadata: ["error": "\(error)"])
          guard await prepareToRepeat() else { return }
        }
      }
    }
  }

  /// Waits until another attempt makes sense; false when the subscriptions were lost as well.
  private func prepareToRepeat() async -> Bool {
    await EventLoop.pause(for: .milliseconds(100))
    await client.waitUntilConnected(upTo: .seconds(5))
    return subscriber.isLive
  }

  private func deliverSnapshots() async throws(BrokerError) {
    var ids: Set<JobID> = []
    var users: Set<String> = []
    var groupIDs: Set<GroupID> = []
    for number in reconciliation?.owed ?? [] {
      guard let watcher = watchers[number] else { continue }
      switch watcher.channel {
      case .job(let id): ids.insert(id)
      case .user(let user): users.insert(user)
      case .group(let id): groupIDs.insert(id)
      }
    }
    for batch in Self.batches(of: ids) {
      for (id, answer) in try await read(batch, withPayload: false) {
        try passingOver(.job(id)) { () throws(BrokerError) in
          if let job = try answer.get() { deliver(job, on: .job(id)) }
        }
      }
    }
    try await deliverMissedJobs(of: users)
    for batch in Self.batches(of: groupIDs) { try await deliverGroups(batch) }
  }

  private func deliverGroups(_ ids: [GroupID]) async throws(BrokerError) {
    let found = await result { () async throws(BrokerError) in try await groups(ids) }
    if case .failure(.corrupt) = found, ids.count > 1 {
      // One of them: each by itself.
      for id in ids { try await deliverGroups([id]) }
    } else {
      try passingOver(.group(ids[0])) { () throws(BrokerError) in for group in try found.get() { deliver(group) } }
    }
  }

  /// What is damaged must not keep all others from being told: it is logged, and its watchers find out when they ask.
  func passingOver(
    _ channel: Channel, _ deliver: () throws(BrokerError) -> Void
  ) throws(BrokerError) {
    do throws(BrokerError) { try deliver() } catch {
      guard case .corrupt = error else { throw error }
      logger.error(
        "what is watched cannot be read", metadata: ["channel": "\(channel)", "error": "\(error)"])
    }
  }

  func result<Value>(
    _ read: () async throws(BrokerError) -> Value
  ) async -> Result<Value, BrokerError> {
    do throws(BrokerError) { return .success(try await read()) } catch { return .failure(error) }
  }

  /// Read a hundred at a time, nothing holds Redis up.
  private static func batches<ID: Hashable>(of ids: Set<ID>) -> [[ID]] {
    let ordered = Array(ids)
    return stride(from: 0, to: ordered.count, by: 100).map { start in
      Array(ordered[start..<min(start + 100, ordered.count)])
    }
  }

  func deliver(_ job: Job, on channel: Channel) {
    deliver(.snapshot(job), at: job.position, unlessAfter: reconciliation?.newest[job.id], on: channel)
  }

  private func deliver(_ group: JobGroup) {
    deliver(
      .group(group), at: group.position, unlessAfter: reconciliation?.newestGroups[group.id],
      on: .group(group.id))
  }

  private func deliver(
    _ delivery: Delivery, at position: StreamPosition, unlessAfter newest: StreamPosition?,
    on channel: Channel
  ) {
    // What was published may have overtaken the reading; then its watchers know more than this.
    if let newest, newest.epoch == position.epoch, newest.offset > position.offset { return }
    for number in (reconciliation?.owed ?? []).sorted() {
      guard let watcher = watchers[number], watcher.channel == channel else { continue }
      watcher.receive(delivery)
    }
  }
}

/// A subscription of the Redis broker.
@EventLoop
private final class RedisEventSubscription: EventSubscription {
  private let subscription: RedisSubscription
  private let ended: @EventLoop () -> Void

  init(_ subscription: RedisSubscription, ended: @escaping @EventLoop () -> Void) {
    self.subscription = subscription
    self.ended = ended
  }

  func cancel() {
    subscription.cancel()
    ended()
  }
}

extension WorkerDirective {
  /// Reads `C <id>`, `K <id>` (killed at once) or `M <mode>`; nil for anything else.
  init?(message: [UInt8]) {
    let text = String(decoding: message, as: UTF8.self)
    let rest = text.dropFirst(2)
    switch text.prefix(2) {
    case "C ", "K ":
      guard let id = JobID(key: rest) else { return nil }
      self = .cancel(id, forced: text.hasPrefix("K"))
    case "M ":
      guard let mode = WorkerMode(rawValue: String(rest)) else { return nil }
      self = .become(mode)
    default: return nil
    }
  }
}
