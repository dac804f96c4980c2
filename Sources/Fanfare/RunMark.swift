import Foundation

/// A file that stands in the state folder while a gateway runs: one whose process is gone tells that it crashed, was
/// killed, or lost its power.
struct RunMark {
  private let folder: String
  /// Left by processes that did not end in order.
  private let leftOver: [String]

  private static let prefix = "running."

  init(in state: StateFolder) {
    folder = state.path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    leftOver = names.filter { name in
      guard name.hasPrefix(Self.prefix), let process = Int32(name.dropFirst(Self.prefix.count)) else {
        return false
      }
      // In a container each process has the number of the one before it.
      return process == getpid() || (kill(process, 0) != 0 && errno == ESRCH)
    }
  }

  var isLeftOver: Bool { !leftOver.isEmpty }

  /// From now on an end without ``clear()`` is none in order.
  func set() {
    for name in leftOver { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
    // Where it cannot be made, a crash goes unnoticed, and nothing else.
    _ = FileManager.default.createFile(atPath: path, contents: nil)
  }

  func clear() { try? FileManager.default.removeItem(atPath: path) }

  private var path: String { "\(folder)/\(Self.prefix)\(getpid())" }
}
