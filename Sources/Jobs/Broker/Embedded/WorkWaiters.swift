import EventLoop

/// Workers that wait for work, and the waking of one for each job.
@EventLoop
final class WorkWaiters {
  private struct Waiter {
    let queues: Set<QueueName>
    let continuation: LoopContinuation<Void>
    let timer: LoopTimer
  }

  private var waiters: [Int: Waiter] = [:]
  private var last = 0

  /// How many wait.
  var count: Int { waiters.count }
  var isWaiting: Bool { !waiters.isEmpty }

  /// Waits until woken for one of the queues, for `timeout` at most, or until the task is cancelled.
  func wait(for queues: [QueueName], upTo timeout: Duration) async {
    last += 1
    let number = last
    await withTaskCancellationHandler {
      await EventLoop.suspend { continuation in
        guard !Task.isCancelled else {
          continuation.resume()
          return
        }
        let timer = LoopTimer(after: timeout) { [weak self] in self?.end(number) }
        waiters[number] = Waiter(
          queues: Set(queues), continuation: continuation, timer: timer)
      }
    } onCancel: {
      Task { @EventLoop in self.end(number) }
    }
  }

  /// Wakes the one that has waited longest for this queue.
  func wake(for queue: QueueName) {
    guard !waiters.isEmpty else { return }
    let longest = waiters.lazy.filter { $0.value.queues.contains(queue) }.map(\.key).min()
    if let longest { end(longest) }
  }

  /// Wakes everyone.
  func wakeAll() { for number in waiters.keys { end(number) } }

  private func end(_ number: Int) {
    guard let waiter = waiters.removeValue(forKey: number) else { return }
    waiter.timer.stop()
    waiter.continuation.resume()
  }
}
