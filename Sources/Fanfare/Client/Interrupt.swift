import Foundation
import Synchronization

/// Whether Ctrl-C was pressed, for commands that would rather say a word before they end.
///
/// A handler that only notes the signal: a blocked `poll` then returns at once (EINTR), and the
/// commands look here. A second Ctrl-C ends the process the usual way.
enum Interrupt {
  private static let received = Atomic<Bool>(false)

  static func watch() {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      Interrupt.received.store(true, ordering: .relaxed)
    }
    action.sa_flags = CInt(bitPattern: UInt32(SA_RESETHAND))
    sigaction(SIGINT, &action, nil)
  }

  static var isReceived: Bool { received.load(ordering: .relaxed) }

  /// Lets a time go by, unless Ctrl-C comes: then it throws.
  static func pause(_ delay: Duration) throws(ClientError) {
    let end = ContinuousClock.now + delay
    while ContinuousClock.now < end {
      if isReceived { throw .interrupted }
      let left = ContinuousClock.now.duration(to: end) / .milliseconds(1)
      poll(nil, 0, CInt(max(1, left.rounded(.up))))
    }
  }
}
