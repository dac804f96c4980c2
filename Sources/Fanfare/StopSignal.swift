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
  /// Signals alone are counted: who is told to end in another way as well is not told to end at once.
  private var hasHeardSignal = false
  /// The process ends because another has taken its place.
  private(set) var isHandOver = false
  private var waiter: CheckedContinuation<Void, Never>?

  /// Takes these signals over from their default action, until the process ends.
  init(_ signals: CInt...) {
    for signal in signals {
      watchers.append(
        SignalWatcher(signal) { [unowned self] in
          // By convention 128 and the signal, as a shell reports it.
          if hasHeardSignal { _exit(128 + signal) }
          hasHeardSignal = true
          receive()
        })
    }
    if !watchers.isEmpty { Self.installed.append(self) }
  }

  /// Stands for a signal that came; or tells that another process has taken the place of this one.
  func receive(handOver: Bool = false) {
    if !isReceived { isHandOver = handOver }
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
