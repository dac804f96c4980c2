import Foundation
package import Jobs
import Synchronization

/// The time of day of another process of a test (`CShiftedClock`), which the test lets jump.
package final class ShiftedClock: Sendable {
  private let folder = TemporaryFolder()
  private let shift = Mutex(Duration.zero)

  package init() { write(.zero) }

  /// What the process has to be started with.
  package var environment: [String: String] {
    ["LD_PRELOAD": Self.library, "SHIFTED_CLOCK": file]
  }

  /// The time that it is in the process.
  package var now: Timestamp { .now + shift.withLock { $0 } }

  /// Moves the time: at once, and for whatever the process asks next.
  package func advance(by duration: Duration) {
    shift.withLock {
      $0 += duration
      write($0)
    }
  }

  private var file: String { folder.path("shift") }

  /// In place: the process has the file in its memory.
  private func write(_ shift: Duration) {
    let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    var micros = shift.milliseconds * 1000
    let count = pwrite(descriptor, &micros, MemoryLayout.size(ofValue: micros), 0)
    precondition(count == MemoryLayout.size(ofValue: micros), "\(file) cannot be written")
    close(descriptor)
  }

  /// Beside this test's binary, as `swift build` made it.
  private static var library: String {
    var folder = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
    while folder.path.count > 1 {
      folder.deleteLastPathComponent()
      let candidate = folder.appendingPathComponent("libShiftedClock.so").path
      if FileManager.default.fileExists(atPath: candidate) { return candidate }
    }
    preconditionFailure("there is no libShiftedClock.so beside the tests: build it")
  }
}
