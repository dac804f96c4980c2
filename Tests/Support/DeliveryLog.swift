package import EventLoop
package import Jobs

/// What a subscription delivered, kept for a test, which can wait for what is still to come.
@EventLoop
package final class DeliveryLog {
  package private(set) var deliveries: [Delivery] = []
  /// The events among the deliveries.
  package private(set) var events: [JobEvent] = []
  private var waiters: [Int: Waiter] = [:]
  private var lastWaiter = 0

  private struct Waiter {
    let condition: @EventLoop ([JobEvent]) -> Bool
    let continuation: CheckedContinuation<Void, any Error>
  }

  package init() {}

  /// Takes one delivery; what a subscription is given as its receiver.
  package func record(_ delivery: Delivery) {
    deliveries.append(delivery)
    if case .event(let event) = delivery { events.append(event) }
    for (number, waiter) in waiters where waiter.condition(events) {
      waiters[number] = nil
      waiter.continuation.resume()
    }
  }

  /// Returns the events once they fulfil `condition`; throws only when the test is cancelled.
  @discardableResult
  package func events(
    until condition: @escaping @EventLoop ([JobEvent]) -> Bool
  ) async throws -> [JobEvent] {
    lastWaiter += 1
    let number = lastWaiter
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if condition(events) || Task.isCancelled {
          continuation.resume()
        } else {
          waiters[number] = Waiter(condition: condition, continuation: continuation)
        }
      }
    } onCancel: {
      Task { @EventLoop in self.giveUp(number) }
    }
    try Task.checkCancellation()
    return events
  }

  private func giveUp(_ number: Int) {
    waiters.removeValue(forKey: number)?.continuation.resume(throwing: CancellationError())
  }
}

extension DeliveryLog {
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
