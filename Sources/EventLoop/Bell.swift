/// Wakes those who wait on the loop; a ring that nobody waits for is forgotten.
///
/// Who waits for something to be so asks whether it is, waits, and asks again where it must be sure.
@EventLoop
package final class Bell {
  private var waiters: [UInt64: LoopContinuation<Void>] = [:]
  private var timers: [UInt64: LoopTimer] = [:]
  private var last: UInt64 = 0

  package init() {}

  /// Returns at the next ring, or after `limit`; does not end early where the task is cancelled.
  package func wait(upTo limit: Duration? = nil) async {
    last += 1
    await wait(as: last, limit)
  }

  /// Returns at the next ring, after `limit`, or when the task is cancelled.
  package func waitUnlessCancelled(upTo limit: Duration? = nil) async {
    guard !Task.isCancelled else { return }
    last += 1
    let number = last
    await withTaskCancellationHandler {
      await wait(as: number, limit)
    } onCancel: {
      Task { @EventLoop [weak self] in self?.wake(number) }
    }
  }

  private func wait(as number: UInt64, _ limit: Duration?) async {
    await EventLoop.suspend { continuation in
      waiters[number] = continuation
      guard let limit else { return }
      timers[number] = LoopTimer(after: limit) { [weak self] in self?.wake(number) }
    }
  }

  /// Wakes all who wait now, in the order in which they came.
  package func ring() {
    for number in waiters.keys.sorted() { wake(number) }
  }

  private func wake(_ number: UInt64) {
    timers[number] = nil
    waiters.removeValue(forKey: number)?.resume()
  }
}
