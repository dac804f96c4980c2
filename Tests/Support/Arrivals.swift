package import EventLoop

/// What arrived, in order, for a test that waits for more.
@EventLoop
package final class Arrivals<Value: Sendable> {
  package private(set) var values: [Value] = []
  private var waiters: [Int: Waiter] = [:]
  private var lastWaiter = 0

  private struct Waiter {
    let condition: @EventLoop ([Value]) -> Bool
    let continuation: CheckedContinuation<Void, any Error>
  }

  package init() {}

  package func append(_ value: Value) {
    values.append(value)
    for (number, waiter) in waiters where waiter.condition(values) {
      waiters[number] = nil
      waiter.continuation.resume()
    }
  }

  /// Returns what arrived once it fulfils `condition`; throws only when the test is cancelled.
  @discardableResult
  package func values(
    until condition: @escaping @EventLoop ([Value]) -> Bool
  ) async throws -> [Value] {
    lastWaiter += 1
    let number = lastWaiter
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if condition(values) {
          continuation.resume()
        } else if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
        } else {
          waiters[number] = Waiter(condition: condition, continuation: continuation)
        }
      }
    } onCancel: {
      Task { @EventLoop in
        self.waiters.removeValue(forKey: number)?.continuation.resume(throwing: CancellationError())
      }
    }
    return values
  }

  /// Returns once at least `count` arrived.
  @discardableResult
  package func values(atLeast count: Int) async throws -> [Value] {
    try await values { $0.count >= count }
  }
}
