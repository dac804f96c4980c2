import Foundation

/// Makes sure that only one process uses a folder: an advisory lock (flock) that the system takes
/// back when the process dies.
final class FolderLock: Sendable {
  /// Another process has the folder.
  struct Taken: Error, CustomStringConvertible {
    let folder: String
    var description: String { "another process uses \(folder)" }
  }

  private let descriptor: Int32

  /// Throws ``Taken``, or what the system says.
  init(folder: String) throws {
    descriptor = open("\(folder)/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw Taken(folder: folder)
    }
  }

  /// Lets others in. Called once, by the owner.
  func release() { close(descriptor) }
}
