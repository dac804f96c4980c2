import Foundation

/// A folder of a test's own, removed when the test lets it go.
package final class TemporaryFolder: Sendable {
  /// Absolute.
  package let path: String

  package init() {
    path = NSTemporaryDirectory() + "fanfare-test-" + UUID().uuidString
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      preconditionFailure("a temporary folder cannot be made: \(error)")
    }
  }

  /// The path of an entry of the folder.
  package func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file into the folder and answers with its path.
  @discardableResult
  package func write(_ text: String, to name: String) throws -> String {
    let path = path(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
