package import EventLoop
package import Jobs
package import Logging

/// Who watches what on this node: takes each event from the broker once and hands it to everyone.
///
/// Publishing writes nothing: at the end of the loop's turn each channel hands its watchers what it has, all at
/// once.
@EventLoop
package final class Hub {
  let broker: any Broker
  let logger: Logger
  let wheel: TimerWheel
  private let flushes: FlushSchedule
  /// Channels that published in this turn, and those being handed out: two arrays that change places.
  private var speaking: ContiguousArray<WatchedChannel> = []
  private var heard: ContiguousArray<WatchedChannel> = []
  private(set) var channels: [Channel: WatchedChannel] = [:]
  /// How long a channel that nobody watches is kept, so that a reload does not churn the broker.
  private let linger: Duration

  /// What became of channels that nobody watches any more.
  private var past = PastCensuses()

  private var places = PlaceWatch()
  private let placeInterval: Duration
  let estimates: WaitEstimates?
  private var isAskingForPlaces = false

  var positions: PositionWatch
  let positionInterval: Duration

  /// `places` is how often, at most, watchers of waiting jobs are told their places, `positions` how often each
  /// channel is compared with its record, where the broker may lose events; zero: never.
  package init(
    broker: any Broker, wheel: TimerWheel, flushes: FlushSchedule, places: Duration = .zero,
    positions: Duration = .zero, estimates: WaitEstimates? = nil, logger: Logger, linger: Duration = .seconds(1)
  ) {
    self.broker = broker
    self.wheel = wheel
    self.flushes = flushes
    self.logger = logger
    self.linger = linger
    self.estimates = estimates
    placeInterval = places
    positionInterval = positions
    // A part a second: so long may an event be on its way before it is looked for.
    self.positions = PositionWatch(parts: max(1, Int(positions / .seconds(1))))
    broker.whenDeliveryChanges { [weak self] in self?.tellDelivery() }
    compareLater()
  }

  /// Channels that are watched, or were a moment ago.
  package var channelCount: Int { channels.count }
  /// Subscriptions on this node, to all channels together.
  package var subscriptionCount: Int { channels.values.reduce(0) { $0 + $1.subscriptions.count } }

  /// Who watches a channel on this node.
  package func census(of channel: Channel) -> WatchCensus {
    guard let watched = channels[channel] else { return past[channel] }
    return watched.counters.census(watchers: watched.subscriptions.count)
  }

  /// Adds a subscriber to a channel and returns when the broker's subscription stands.
  ///
  /// From then on events are gathered: read the record, send it, then call
  /// ``Subscription/goLive(after:)``. The subscriber must ``leave(_:)`` before it is let go.
  package func join(
    _ channel: Channel, _ subscriber: any Subscriber
  ) async throws(BrokerError) -> Subscription {
    let watched = channels[channel] ?? open(channel)
    let subscription = Subscription(channel: channel, subscriber: subscriber, wheel: wheel)
    subscription.counters = watched.counters
    watched.add(subscription)
    if case .job(let id) = channel { note { $0.watch(id) } }
    if let opening = watched.opening, let error = await opening.value {
      leave(subscription)
      throw error
    }
    lookAtDelivery(of: watched)
    // Who comes in the middle of an interruption is told as those were who were there.
    if !watched.isDelivering {
      subscription.deliver(PublicationBatch(Publication(isDelivering: false, on: channel)))
    }
    return subscription
  }

  /// Tells the watchers of each channel whether they hear what happens, where that is another than it was.
  private func tellDelivery() { for watched in Array(channels.values) { lookAtDelivery(of: watched) } }

  private func lookAtDelivery(of watched: WatchedChannel) {
    let isDelivering = broker.isDelivering(on: watched.channel)
    guard isDelivering != watched.isDelivering else { return }
    watched.isDelivering = isDelivering
    publish(Publication(isDelivering: isDelivering, on: watched.channel), on: watched)
    if !isDelivering {
      watched.isOwed = true
    } else if watched.isOwed {
      // All that was missed has been told. Of what nothing was heard at all, no record was found.
      look(for: watched)
    }
  }

  /// Ends the subscriptions to a stream of which no record is left, or none that can be read. One that is there is
  /// told, unless it was heard of meanwhile.
  private func look(for watched: WatchedChannel) {
    guard let subject = Subject(of: watched.channel), !watched.subscriptions.isEmpty else {
      watched.isOwed = false
      return
    }
    Task { @EventLoop in
      let found: Delivery?
      do throws(BrokerError) {
        found =
          switch subject {
          case .job(let id): try await broker.job(id).map { .snapshot($0) }
          case .group(let id): try await broker.group(id).map { .group($0) }
          }
      } catch .unavailable {
        // Away again: looked for anew once delivery goes on.
        return logger.debug("a record could not be read", metadata: ["channel": "\(watched.channel)"])
      } catch {
        logger.error(
          "the record could not be read", metadata: ["channel": "\(watched.channel)", "error": "\(error)"])
        watched.isOwed = false
        return lose(watched, "cannot be read")
      }
      guard watched.isOwed else { return }
      if let found {
        take(found, on: watched)
      } else {
        watched.isOwed = false
        lose(watched, "is gone")
      }
    }
  }

  /// Tells those who follow the channel's stream that they lost their place in it.
  func lose(_ watched: WatchedChannel, _ reason: String) {
    logger.notice(
      "watchers have lost their place", metadata: ["channel": "\(watched.channel)", "reason": "\(reason)"])
    watched.gap.forget()
    for subscription in watched.subscriptions { subscription.lose() }
  }

  /// The subscriptions to the channel on this node; none where nobody watches it.
  package func subscriptions(of channel: Channel) -> [Subscription] {
    channels[channel].map { Array($0.subscriptions) } ?? []
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
        watched.opening = nil
        return nil
      } catch {
        channels[channel] = nil
        return error
      }
    }
    let watched = WatchedChannel(channel: channel, opening: opening, counters: .init(past.take(channel)))
    channels[channel] = watched
    return watched
  }

  private func forget(_ watched: WatchedChannel) {
    watched.source?.cancel()
    past.keep(watched.counters.census, of: watched.channel)
    if case .job(let id) = watched.channel { places.forget(id) }
    if channels[watched.channel] === watched { channels[watched.channel] = nil }
  }

  func take(_ delivery: Delivery, on watched: WatchedChannel) {
    guard !watched.subscriptions.isEmpty else {
      watched.gap.forget()
      watched.introductions.forget()
      return
    }
    let isFirst = watched.isOwed
    watched.isOwed = false
    switch delivery {
    // Each is the whole group: what was missed before it is of no account.
    case .group(let group):
      guard !isFirst || watched.gap.continues(at: group.position) else { return lose(watched, "was set back") }
      watched.gap.sawRecord(at: group.position)
      publish(Publication(.group(group), on: watched.channel), on: watched)
    case .snapshot(let job):
      guard case .job = watched.channel else { return take(job, onUsers: watched) }
      guard watched.gap.continues(at: job.position) else { return lose(watched, "was set back") }
      watched.gap.sawRecord(at: job.position)
      note { $0.saw(job.state, of: job.id) }
      publish(Publication(.job(job, estimate: nil), on: watched.channel), on: watched)
    case .incomplete: lose(watched, "missed more than can be told")
    case .event(let event):
      guard case .job(let id) = watched.channel else { return take(event, onUsers: watched) }
      if event.class == .state { note { $0.saw(event.state, of: id) } }
      // The first that is heard tells nothing of what was lost before it; those who follow their records know.
      if watched.gap.isFresh, let place = watched.lastPlace(before: event.position) { watched.gap.sawRecord(at: place) }
      switch watched.gap.take(event, isAfterInterruption: isFirst) {
      case .publish: publish(Publication(event, on: watched.channel), on: watched)
      case .hold: break
      case .holdAndReadRecord: heal(watched, id)
      case .drop: break
      }
    }
  }

  /// Reads the record where events are missing, and goes on from it: the record is the truth. Where there is none
  /// to go on from, the subscriptions end.
  private func heal(_ watched: WatchedChannel, _ id: JobID) {
    logger.info("events were lost on their way; reading the record", metadata: ["job": "\(id)"])
    Task { @EventLoop in
      do throws(BrokerError) {
        if let job = try await broker.job(id) {
          guard watched.gap.continues(at: job.position) else { return lose(watched, "was set back") }
          publish(Publication(.job(job, estimate: nil), on: watched.channel), on: watched)
          watched.gap.healed(at: job.position)
        } else if watched.gap.held.last?.state.isTerminal != true {
          // An end says all that matters, also where no record of it is kept; anything else leaves a hole.
          return lose(watched, "is gone")
        }
      } catch .unavailable {
        // Events arrive, but calls do not yet. What follows the gap is not let go before the record: it would
        // hide for ever what is missing.
        return healLater(watched, id)
      } catch {
        logger.error("the record could not be read", metadata: ["job": "\(id)", "error": "\(error)"])
        return lose(watched, "cannot be read")
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
        guard let audience = places.audience(of: .init(job: job, place: place, estimate: estimate)),
          let watched = channels[.job(job)]
        else { continue }
        tell(Publication(place, estimate: estimate, of: job), to: audience, on: watched)
      }
    } catch {
      // The broker is away: places are told again when it is back.
      logger.debug("places could not be had", metadata: ["error": "\(error)"])
    }
    isAskingForPlaces = false
    note { _ in }
  }

  private func tell(_ place: Publication, to audience: PlaceWatch.Audience, on watched: WatchedChannel) {
    if audience == .everyone { publish(place, on: watched) }
    // By index, from behind: a subscriber may leave while it receives.
    var index = watched.subscriptions.count - 1
    while index >= 0 {
      defer { index -= 1 }
      guard index < watched.subscriptions.count, !watched.subscriptions[index].knowsPlace else { continue }
      let subscription = watched.subscriptions[index]
      subscription.knowsPlace = true
      guard audience == .newcomers else { continue }
      subscription.deliver(PublicationBatch(place, counters: watched.counters))
    }
  }

  func publish(_ publication: Publication, on watched: WatchedChannel) {
    guard !watched.hasBrought(publication) else { return }
    watched.counters.census.published += 1
    watched.turn.append(publication)
    guard watched.turn.count == 1 else { return }
    speaking.append(watched)
    if speaking.count == 1 { flushes.add(self) }
  }
}

extension Hub: Flushable {
  /// Hands out what this turn of the loop has published.
  package func flush() {
    swap(&speaking, &heard)
    let isAlone = heard.count == 1
    for watched in heard {
      let batch = PublicationBatch(watched.turn, isAlone: isAlone, counters: watched.counters)
      watched.turn.removeAll(keepingCapacity: true)
      // By index: a subscriber may leave while it receives.
      var index = watched.subscriptions.count - 1
      while index >= 0 {
        if index < watched.subscriptions.count { watched.subscriptions[index].deliver(batch) }
        index -= 1
      }
    }
    heard.removeAll(keepingCapacity: true)
  }
}
