import Foundation
import Support

/// A named pipe at which a job's program waits until the test lets it go on.
final class Gate: Sendable {
  let path: String
  private let descriptor: Int32

  /// More than one test's jobs are run.
  private static let readers = 100

  init(in folder: TemporaryFolder) {
    path = folder.path("gate-\(UUID().uuidString)")
    precondition(mkfifo(path, 0o600) == 0, "a named pipe cannot be made")
    // Open at both ends: no reader's opening waits, only its reading.
    descriptor = open(path, O_RDWR | O_CLOEXEC)
    precondition(descriptor >= 0, "a named pipe cannot be opened")
  }

  /// Lets all go on who wait, and all who come: a job runs twice whose worker was too slow to keep its lease,
  /// and what is left of a killed worker may read first.
  func lift() { _ = write(descriptor, String(repeating: "\n", count: Self.readers), Self.readers) }

  deinit { close(descriptor) }
}
