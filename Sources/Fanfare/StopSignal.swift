import EventLoop
import Foundation

/// Waits for a signal that asks the process to end; a second one ends it on the spot.
@EventLoop
final class StopSignal {
  // Never let go: at exit libuv closes what the end of a watcher needs, while the loop still runs,
  // and a watcher that ends then aborts the process.
  private static var installed: [StopSignal] = []

  private var watchers: [SignalWatcher] = []
  private var isReceived = false
  private var waiter: CheckedContinuation<Void, Never>?

  /// Takes these signals over from their default action, until the process ends.
  init(_ signals: CInt...) {
    for signal in signals {
      watchers.append(
        SignalWatcher(signal) { [unowned self] in
          // By convention 128 and the signal, as a shell reports it.
          if isReceived { _exit(128 + signal) }
          receive()
        })
    }
    if !watchers.isEmpty { Self.installed.append(self) }
  }

  /// Stands for a signal that came.
  func receive() {
    isReceived = true
    waiter?.resume()
    waiter = nil
  }

  /// Returns at the first signal, or at once if it came already. For one caller.
  func wait() async {
    if isReceived { return }
    await withCheckedContinuation { waiter = $0 }
  }
}
