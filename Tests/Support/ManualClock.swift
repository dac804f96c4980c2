package import Jobs
import Synchronization

/// A clock that stands still until a test moves it.
package final class ManualClock: Sendable {
  private let time: Mutex<Timestamp>

  /// Starts at a fixed moment in 2025, the same for every test.
  package init(at start: Timestamp = Timestamp(milliseconds: 1_750_000_000_000)) {
    time = Mutex(start)
  }

  package var now: Timestamp { time.withLock { $0 } }

  package func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}
