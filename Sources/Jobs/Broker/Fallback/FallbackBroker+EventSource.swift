import EventLoop
import Logging

extension FallbackBroker: EventSource {
  /// Watches with both: a job is handed over without its watchers doing anything. While the shared broker is
  /// away its half stands as soon as it is back; what became there by then of what is watched is told whole.
  package func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    let here = try await local.subscribe(to: channel, receive)
    return try await joined(here) { [shared] () async throws(BrokerError) in
      try await shared.subscribe(to: channel, receive)
    } late: { [weak self] pair in
      await self?.tell(channel, receive, to: pair)
    }
  }

  /// A job may have been handed over, and have ended, before this half stood: nobody would tell that again.
  private func tell(
    _ channel: Channel, _ receive: @EventLoop (Delivery) -> Void, to pair: PairOfSubscriptions
  ) async {
    while !pair.isCancelled {
      do throws(BrokerError) {
        let deliveries: [Delivery] =
          switch channel {
          case .job(let id): try await shared.job(id).map { [.snapshot($0)] } ?? []
          case .group(let id): try await shared.group(id).map { [.group($0)] } ?? []
          case .user(let user):
            try await shared.jobs(matching: JobFilter(user: user, limit: 50)).jobs.map { .snapshot($0) }
          }
        for delivery in deliveries where !pair.isCancelled { receive(delivery) }
        return
      } catch {
        guard error == .unavailable else {
          logger.error(
            "what is watched cannot be read", metadata: ["channel": "\(channel)", "error": "\(error)"])
          return
        }
        await EventLoop.pause(for: .milliseconds(500))
      }
    }
  }

  package func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    let here = try await local.directives(for: worker, receive)
    return try await joined(here) { [shared] () async throws(BrokerError) in
      try await shared.directives(for: worker, receive)
    }
  }

  package var isDelivering: Bool { isReachable() ? shared.isDelivering : local.isDelivering }

  package func isDelivering(on channel: Channel) -> Bool {
    if case .job(let id) = channel { return home(of: id).isDelivering(on: channel) }
    return shared.isDelivering(on: channel)
  }

  package var mayLoseEvents: Bool { shared.mayLoseEvents }

  /// Throws `unavailable` where one of them is kept by the shared broker and that cannot be reached.
  package func positions(of channels: [Channel]) async throws(BrokerError) -> [Channel: StreamPosition] {
    let isLocal = channels.map { channel in
      if case .job(let id) = channel { localJobs.contains(id) } else { false }
    }
    let here = zip(channels, isLocal).filter(\.1).map(\.0)
    let there = zip(channels, isLocal).filter { !$0.1 }.map(\.0)
    guard there.isEmpty || isReachable() else { throw .unavailable }
    var positions = here.isEmpty ? [:] : try await local.positions(of: here)
    if !there.isEmpty { positions.merge(try await shared.positions(of: there)) { $1 } }
    return positions
  }

  package var deliveryReport: DeliveryReport { shared.deliveryReport }

  package func whenDeliveryChanges(_ tell: @escaping @EventLoop () -> Void) {
    shared.whenDeliveryChanges(tell)
  }

  /// Both, where the one of the shared broker may come later; then `late` is called.
  func joined(
    _ here: any EventSubscription,
    _ open: @escaping @EventLoop () async throws(BrokerError) -> any EventSubscription,
    late: @escaping @EventLoop (PairOfSubscriptions) async -> Void = { _ in }
  ) async throws(BrokerError) -> any EventSubscription {
    let pair = PairOfSubscriptions(here)
    if isReachable() {
      do throws(BrokerError) { pair.add(try await open()) } catch {
        pair.cancel()
        throw error
      }
    } else {
      let logger = logger
      Task { @EventLoop in
        do throws(BrokerError) {
          pair.add(try await open())
          await late(pair)
        } catch {
          logger.warning("a watcher could not be joined", metadata: ["error": "\(error)"])
        }
      }
    }
    return pair
  }
}

/// A watcher's subscriptions with both brokers.
@EventLoop
final class PairOfSubscriptions: EventSubscription {
  private var subscriptions: [any EventSubscription]
  private(set) var isCancelled = false

  init(_ first: any EventSubscription) { subscriptions = [first] }

  func add(_ second: any EventSubscription) {
    if isCancelled { second.cancel() } else { subscriptions.append(second) }
  }

  func cancel() {
    isCancelled = true
    for subscription in subscriptions { subscription.cancel() }
    subscriptions = []
  }
}
