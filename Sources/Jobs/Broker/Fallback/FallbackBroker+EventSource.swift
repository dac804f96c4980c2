import EventLoop
import Logging

extension FallbackBroker: EventSource {
  /// Watches with both: a job is handed over without its watchers doing anything. While the shared broker is
  /// away its half stands as soon as it is back.
  package func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    let here = try await local.subscribe(to: channel, receive)
    return try await joined(here) { [shared] () async throws(BrokerError) in
      try await shared.subscribe(to: channel, receive)
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

  /// Both, where the one of the shared broker may come later.
  func joined(
    _ here: any EventSubscription,
    _ open: @escaping @EventLoop () async throws(BrokerError) -> any EventSubscription
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
        do throws(BrokerError) { pair.add(try await open()) } catch {
          logger.warning("a watcher could not be joined", metadata: ["error": "\(error)"])
        }
      }
    }
    return pair
  }
}

/// A watcher's subscriptions with both brokers.
@EventLoop
private final class PairOfSubscriptions: EventSubscription {
  private var subscriptions: [any EventSubscription]
  private var isCancelled = false

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
