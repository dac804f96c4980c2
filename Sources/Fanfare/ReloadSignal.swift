import EventLoop
import Foundation

/// Asks a process that serves to read anew what can be read anew: SIGHUP, and `fanfare reload`.
@EventLoop
final class ReloadSignal {
  // Never let go: see StopSignal.
  private static var installed: [ReloadSignal] = []

  /// What is done; set once something serves, and nothing before that: all was just read.
  var perform: (@EventLoop () async -> Void)?
  private var watchers: [SignalWatcher] = []

  /// Takes these signals over from their default action, until the process ends.
  init(_ signals: CInt...) {
    for signal in signals {
      watchers.append(SignalWatcher(signal) { [unowned self] in Task { @EventLoop in await receive() } })
    }
    if !watchers.isEmpty { Self.installed.append(self) }
  }

  /// Stands for a signal that came; returns when it was acted upon.
  func receive() async { await perform?() }
}
