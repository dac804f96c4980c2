package import EventLoop
package import Jobs

/// What a subscription delivered, kept for a test, which can wait for what is still to come.
@EventLoop
package final class DeliveryLog {
  /// The events among the deliveries. Kept, not sought at each look: a model test looks often.
  package private(set) var events: [JobEvent] = []
  private let arrivals = Arrivals<Delivery>()

  package init() {}

  package var deliveries: [Delivery] { arrivals.values }

  /// Takes one delivery; what a subscription is given as its receiver.
  package func record(_ delivery: Delivery) {
    if case .event(let event) = delivery { events.append(event) }
    arrivals.append(delivery)
  }

  /// Returns the deliveries once they fulfil `condition`; throws only when the test is cancelled.
  @discardableResult
  package func deliveries(
    until condition: @escaping @EventLoop ([Delivery]) -> Bool
  ) async throws -> [Delivery] {
    try await arrivals.values(until: condition)
  }

  /// Returns the events once they fulfil `condition`; throws only when the test is cancelled.
  @discardableResult
  package func events(
    until condition: @escaping @EventLoop ([JobEvent]) -> Bool
  ) async throws -> [JobEvent] {
    try await arrivals.values { _ in condition(self.events) }
    return events
  }

  /// The events up to the first that ends its job.
  @discardableResult
  package func eventsUntilEnd() async throws -> [JobEvent] {
    try await events { $0.contains { $0.state.isTerminal } }
  }

  /// At least `count` events.
  @discardableResult
  package func events(atLeast count: Int) async throws -> [JobEvent] {
    try await events { $0.count >= count }
  }
}
