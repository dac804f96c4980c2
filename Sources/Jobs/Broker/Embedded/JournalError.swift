/// Why a journal cannot be opened.
package enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Another process has the folder.
  case inUse(folder: String)
  /// The folder or a file in it cannot be made, read or written.
  case unreadable(path: String, reason: String)
  /// It was written by a Fanfare that is newer than this one.
  case tooNew(path: String, version: Int)

  package var description: String {
    switch self {
    case .inUse(let folder):
      "another process uses the folder \(folder): each embedded broker needs one of its own"
    case .unreadable(let path, let reason): "\(path) cannot be used: \(reason)"
    case .tooNew(let path, let version):
      "\(path) was written by a newer Fanfare (format \(version))"
    }
  }
}
