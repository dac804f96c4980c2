import EventLoop

/// Wakes those who wait on the loop; a ring that nobody waits for is forgotten.
@EventLoop
final class Bell {
  private var waiters: [UInt64: LoopContinuation<Void>] = [:]
  private var timers: [UInt64: LoopTimer] = [:]
  private var last: UInt64 = 0

  /// Returns at the next ring, or after `limit`.
  func wait(upTo limit: Duration? = nil) async {
    last += 1
    let number = last
    await EventLoop.suspend { continuation in
      waiters[number] = continuation
      guard let limit else { return }
      timers[number] = LoopTimer(after: limit) { [weak self] in self?.wake(number) }
    }
  }

  /// Wakes all who wait now.
  func ring() {
    for number in waiters.keys.sorted() { wake(number) }
  }

  private func wake(_ number: UInt64) {
    timers[number] = nil
    waiters.removeValue(forKey: number)?.resume()
  }
}
