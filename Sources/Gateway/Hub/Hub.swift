package import EventLoop
package import Jobs
package import Logging

/// Who watches what on this node: takes each event from the broker once and hands it to everyone.
///
/// Publishing writes nothing: it fills outboxes, and sessions write at the end of the loop's turn.
@EventLoop
package final class Hub {
  /// Publications of all channels that were handed to subscribers, ever.
  package private(set) var deliveredCount = 0

  private let broker: any Broker
  private let logger: Logger
  private let wheel: TimerWheel
  private var channels: [Channel: WatchedChannel] = [:]
  /// How long a channel that nobody watches is kept, so that a reload does not churn the broker.
  private let linger: Duration

  private var places = PlaceWatch()
  private let placeInterval: Duration
  private let estimates: WaitEstimates?
  private var isAskingForPlaces = false

  /// `places` is how often, at most, watchers of waiting jobs are told their places; zero: never.
  package init(
    broker: any Broker, wheel: TimerWheel, places: Duration = .zero,
    estimates: WaitEstimates? = nil, logger: Logger, linger: Duration = .seconds(1)
  ) {
    self.broker = broker
    self.wheel = wheel
    self.logger = logger
    self.linger = linger
    self.estimates = estimates
    placeInterval = places
    broker.whenDeliveryChanges { [weak self] in self?.tellDelivery() }
  }

  /// Channels that are watched, or were a moment ago.
  package var channelCount: Int { channels.count }
  package var subscriptionCount: Int { channels.values.reduce(0) { $0 + $1.subscriptions.count } }

  /// Who watches a channel on this node.
  package func census(of channel: Channel) -> WatchCensus {
    WatchCensus(watchers: channels[channel]?.subscriptions.count ?? 0)
  }

  /// Adds a subscriber to a channel and returns when the broker's subscription stands.
  ///
  /// From then on events are gathered: read the record, send it, then call
  /// ``Subscription/goLive(after:)``. The subscriber must ``leave(_:)`` before it is let go.
  package func join(
    _ channel: Channel, _ subscriber: any Subscriber
  ) async throws(BrokerError) -> Subscription {
    let watched = channels[channel] ?? open(channel)
    let subscription = Subscription(channel: channel, subscriber: subscriber)
    watched.add(subscription)
    if case .job(let id) = channel { note { $0.watch(id) } }
    if let error = await watched.opening.value {
      leave(subscription)
      throw error
    }
    lookAtDelivery(of: watched)
    // Who comes in the middle of an interruption is told as those were who were there.
    if !watched.isDelivering { subscription.deliver(Publication(isDelivering: false, on: channel)) }
    return subscription
  }

  /// Tells the watchers of each channel whether they hear what happens, where that is another than it was.
  private func tellDelivery() { for watched in channels.values { lookAtDelivery(of: watched) } }

  private func lookAtDelivery(of watched: WatchedChannel) {
    let isDelivering = broker.isDelivering(on: watched.channel)
    guard isDelivering != watched.isDelivering else { return }
    watched.isDelivering = isDelivering
    publish(Publication(isDelivering: isDelivering, on: watched.channel), on: watched)
  }

  /// Removes a subscriber; nothing is delivered to it after this. Harmless when repeated.
  package func leave(_ subscription: Subscription) {
    subscription.end()
    guard let watched = channels[subscription.channel] else { return }
    watched.remove(subscription)
    guard watched.subscriptions.isEmpty, !watched.isLingering else { return }
    watched.isLingering = true
    wheel.schedule(after: linger) { [weak self] in
      watched.isLingering = false
      guard watched.subscriptions.isEmpty else { return }
      self?.forget(watched)
    }
  }

  private func open(_ channel: Channel) -> WatchedChannel {
    let opening = Task { @EventLoop [self] () -> BrokerError? in
      do throws(BrokerError) {
        let source = try await broker.subscribe(to: channel) { [weak self] delivery in
          self?.channels[channel].map { self?.take(delivery, on: $0) }
        }
        guard let watched = channels[channel] else {
          source.cancel()
          return nil
        }
        watched.source = source
        return nil
      } catch {
        channels[channel] = nil
        return error
      }
    }
    let watched = WatchedChannel(channel: channel, opening: opening)
    channels[channel] = watched
    return watched
  }

  private func forget(_ watched: WatchedChannel) {
    watched.source?.cancel()
    if case .job(let id) = watched.channel { places.forget(id) }
    if channels[watched.channel] === watched { channels[watched.channel] = nil }
  }

  private func take(_ delivery: Delivery, on watched: WatchedChannel) {
    guard !watched.subscriptions.isEmpty else {
      watched.gap.forget()
      return
    }
    switch delivery {
    // Each is the whole group: what was missed before it is of no account.
    case .group(let group): publish(Publication(.group(group), on: watched.channel), on: watched)
    case .snapshot(let job):
      if case .job = watched.channel {
        watched.gap.sawRecord(at: job.position)
        note { $0.saw(job.state, of: job.id) }
      }
      publish(Publication(.job(job, estimate: nil), on: watched.channel), on: watched)
    case .event(let event):
      guard case .job(let id) = watched.channel else { return take(event, onUsers: watched) }
      if event.class == .state { note { $0.saw(event.state, of: id) } }
      switch watched.gap.take(event) {
      case .publish: publish(Publication(event, on: watched.channel), on: watched)
      case .hold: break
      case .holdAndReadRecord: heal(watched, id)
      case .drop: break
      }
    }
  }

  /// Reads the record where events are missing, and goes on from it: the record is the truth.
  private func heal(_ watched: WatchedChannel, _ id: JobID) {
    logger.info("events were lost on their way; reading the record", metadata: ["job": "\(id)"])
    Task { @EventLoop in
      do throws(BrokerError) {
        if let job = try await broker.job(id) {
          publish(Publication(.job(job, estimate: nil), on: watched.channel), on: watched)
          watched.gap.healed(at: job.position.offset)
        }
      } catch .unavailable {
        // Events arrive, but calls do not yet. What follows the gap is not let go before the record: it would
        // hide for ever what is missing.
        return healLater(watched, id)
      } catch {
        logger.error("the record could not be read", metadata: ["job": "\(id)", "error": "\(error)"])
      }
      for event in watched.gap.release() {
        publish(Publication(event, on: watched.channel), on: watched)
      }
    }
  }

  private func healLater(_ watched: WatchedChannel, _ id: JobID) {
    wheel.schedule(after: .milliseconds(100)) { [weak self] in
      guard let self, channels[watched.channel] === watched else { return }
      if watched.subscriptions.isEmpty { watched.gap.forget() } else { heal(watched, id) }
    }
  }

  /// Progress on a user's channel goes out at most every 250 ms a job; state changes at once.
  private func take(_ event: JobEvent, onUsers watched: WatchedChannel) {
    guard event.class == .progress else {
      if event.position.offset == 1 { return introduce(event, on: watched) }
      watched.held[event.id] = nil
      if event.state.isTerminal { watched.lastProgress[event.id] = nil }
      return publish(Publication(event, on: watched.channel), on: watched)
    }
    let now = ContinuousClock.now
    if watched.held[event.id] != nil {
      watched.held[event.id] = event
    } else if let last = watched.lastProgress[event.id], now - last < Self.userInterval {
      watched.held[event.id] = event
      wheel.schedule(after: Self.userInterval - (now - last)) { [weak self] in
        guard let self, let held = watched.held.removeValue(forKey: event.id) else { return }
        watched.lastProgress[event.id] = .now
        publish(Publication(held, on: watched.channel), on: watched)
      }
    } else {
      watched.lastProgress[event.id] = now
      publish(Publication(event, on: watched.channel), on: watched)
    }
  }

  /// The first that a user's watchers hear of a job is its whole record: who it is, not only that
  /// it is queued.
  private func introduce(_ event: JobEvent, on watched: WatchedChannel) {
    Task { @EventLoop in
      do throws(BrokerError) {
        guard let job = try await broker.job(event.id) else { return }
        let estimate = await estimate(of: job)
        publish(Publication(.job(job, estimate: estimate), on: watched.channel), on: watched)
      } catch {
        publish(Publication(event, on: watched.channel), on: watched)
      }
    }
  }

  private func estimate(of job: Job) async -> WaitEstimate? {
    guard let position = job.queuePosition else { return nil }
    return await estimates?.estimate(for: QueuePlace(queue: job.queue, position: position))
  }

  // MARK: Places

  /// Notes something of the jobs that may wait, and sees to it that their places are asked for.
  private func note(_ change: (inout PlaceWatch) -> Void) {
    guard placeInterval > .zero else { return }
    change(&places)
    guard !isAskingForPlaces, !places.isEmpty else { return }
    isAskingForPlaces = true
    wheel.schedule(after: placeInterval) { [weak self] in
      Task { @EventLoop in await self?.tellPlaces() }
    }
  }

  /// Asks for the places of all jobs that are watched and may wait, in one call, and tells what changed.
  private func tellPlaces() async {
    do throws(BrokerError) {
      let answer = try await broker.places(of: places.ask())
      for (job, place) in places.answered(answer) {
        let estimate = await estimates?.estimate(for: place)
        guard places.isNews(.init(job: job, place: place, estimate: estimate)),
          let watched = channels[.job(job)]
        else { continue }
        publish(Publication(place, estimate: estimate, of: job), on: watched)
      }
    } catch {
      // The broker is away: places are told again when it is back.
      logger.debug("places could not be had", metadata: ["error": "\(error)"])
    }
    isAskingForPlaces = false
    note { _ in }
  }

  private static let userInterval = Duration.milliseconds(250)

  private func publish(_ publication: Publication, on watched: WatchedChannel) {
    // By index: a subscriber may leave while it receives.
    var index = watched.subscriptions.count - 1
    deliveredCount += watched.subscriptions.count
    while index >= 0 {
      if index < watched.subscriptions.count { watched.subscriptions[index].deliver(publication) }
      index -= 1
    }
  }
}

/// One channel that somebody on this node watches.
@EventLoop
private final class WatchedChannel {
  let channel: Channel
  /// Ends when the broker's subscription stands, with its error if it does not.
  let opening: Task<BrokerError?, Never>
  var source: (any EventSubscription)?
  private(set) var subscriptions: ContiguousArray<Subscription> = []
  var isLingering = false
  var gap = GapDetector()
  /// What its watchers know of it.
  var isDelivering = true
  /// On a user's channel: when progress of each job went out last, and what waits for its turn.
  var lastProgress: [JobID: ContinuousClock.Instant] = [:]
  var held: [JobID: JobEvent] = [:]

  init(channel: Channel, opening: Task<BrokerError?, Never>) {
    self.channel = channel
    self.opening = opening
  }

  func add(_ subscription: Subscription) {
    subscription.index = subscriptions.count
    subscriptions.append(subscription)
  }

  /// O(1): the last one takes the place.
  func remove(_ subscription: Subscription) {
    let index = subscription.index
    guard index >= 0, index < subscriptions.count, subscriptions[index] === subscription else {
      return
    }
    subscriptions.swapAt(index, subscriptions.count - 1)
    subscriptions[index].index = index
    subscriptions.removeLast()
    subscription.index = -1
  }
}
