import EventLoop

/// Workers that wait for something to do: one job wakes one of them.
@EventLoop
final class WorkSignals {
  @EventLoop
  private final class Waiter {
    let queues: Set<QueueName>
    var continuation: CheckedContinuation<Void, Never>?
    var timeout: LoopTimer?

    init(queues: Set<QueueName>) { self.queues = queues }
  }

  private var waiters: [Waiter] = []

  /// Returns when ``wake(_:)`` picks this waiter, at the timeout, or when the task is cancelled.
  func wait(for queues: [QueueName], upTo timeout: Duration) async {
    let waiter = Waiter(queues: Set(queues))
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled { return continuation.resume() }
        waiter.continuation = continuation
        waiter.timeout = LoopTimer(after: timeout) { [weak self, weak waiter] in
          if let waiter { self?.end(waiter) }
        }
        waiters.append(waiter)
      }
    } onCancel: {
      Task { @EventLoop in self.end(waiter) }
    }
  }

  /// Lets the one who has waited longest for this queue go and look.
  func wake(_ queue: QueueName) {
    if let waiter = waiters.first(where: { $0.queues.contains(queue) }) { end(waiter) }
  }

  /// Lets everybody go.
  func wakeAll() { for waiter in waiters { end(waiter) } }

  private func end(_ waiter: Waiter) {
    waiters.removeAll { $0 === waiter }
    waiter.timeout?.stop()
    waiter.timeout = nil
    waiter.continuation?.resume()
    waiter.continuation = nil
  }
}
