import Foundation

/// Keeps a second process off a folder, by `flock` on a file in it; the system lets go of it when
/// the process ends, however it ends.
package final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Throws `inUse` when another broker, of this process or another, has the folder.
  init(folder: String) throws(JournalError) {
    let path = Self.path(in: folder)
    let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    // A child that the last owner was just starting holds a copy of its descriptor until it execs:
    // a lock that is only about to be let go is waited for, at most a second.
    var status = flock(descriptor, LOCK_EX | LOCK_NB)
    for _ in 0..<50 where status != 0 && errno == EWOULDBLOCK {
      usleep(20_000)
      status = flock(descriptor, LOCK_EX | LOCK_NB)
    }
    guard status == 0 else {
      let reason = errno
      close(descriptor)
      if reason == EWOULDBLOCK { throw .inUse(folder: folder) }
      throw .unreadable(path: path, reason: String(cString: strerror(reason)))
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Whether a broker has the folder, of this process or another. It may be another's a moment later: to have it
  /// for sure, open a broker there.
  package static func isHeld(_ folder: String) -> Bool {
    let descriptor = open(path(in: folder), O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) != 0
  }

  private static func path(in folder: String) -> String { "\(folder)/lock" }
}
