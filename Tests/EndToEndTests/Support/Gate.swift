import Foundation
import Support

/// A named pipe at which a job's program waits until the test lets it go on.
final class Gate: Sendable {
  let path: String
  private let descriptor: Int32

  init(in folder: TemporaryFolder) {
    path = folder.path("gate-\(UUID().uuidString)")
    precondition(mkfifo(path, 0o600) == 0, "a named pipe cannot be made")
    // Open at both ends: no reader's opening waits, only its reading.
    descriptor = open(path, O_RDWR | O_CLOEXEC)
    precondition(descriptor >= 0, "a named pipe cannot be opened")
  }

  /// Lets one reader go on: the one that waits, or the next.
  func lift() { _ = write(descriptor, "\n", 1) }

  deinit { close(descriptor) }
}
