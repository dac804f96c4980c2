package import EventLoop
package import Jobs
package import Logging

/// Sees to it that the queues of older systems are there: at the start, and again when a Redis was away, which may have
/// come back with nothing in it.
@EventLoop
package final class LegacyQueueUpkeep {
  private let gateway: Gateway
  private let logger: Logger
  private var preparing: Task<Void, Never>?

  package init(of gateway: Gateway, logger: Logger) {
    self.gateway = gateway
    self.logger = logger
  }

  /// Looks now, and whenever the broker's events are delivered again.
  package func start(over broker: any Broker) {
    prepare()
    broker.whenDeliveryChanges { [weak self, unowned broker] in
      if broker.isDelivering { self?.prepare() }
    }
  }

  package func stop() { preparing?.cancel() }

  /// Until the broker has taken them: one that is away now is asked again.
  private func prepare() {
    preparing?.cancel()
    preparing = Task { @EventLoop [weak self] in
      while let self, !Task.isCancelled {
        do throws(Problem) { return try await gateway.prepareQueues() } catch {
          logger.warning("the queues of older systems wait for the broker", metadata: ["error": "\(error)"])
        }
        await EventLoop.pause(for: .seconds(5))
      }
    }
  }
}
