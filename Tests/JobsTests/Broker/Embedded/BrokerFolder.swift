import Foundation
import Jobs
import Logging
import Support

/// A folder for an embedded broker, and the time it lives in.
struct BrokerFolder: Sendable {
  let folder = TemporaryFolder()
  let clock = ManualClock()

  /// Where the broker's files are.
  var path: String { folder.path("broker") }

  /// A broker in this folder, or in another.
  func open(_ path: String? = nil) async throws -> EmbeddedBroker {
    let clock = clock
    return try await EmbeddedBroker.open(
      at: path ?? self.path, clock: { clock.now }, logger: Logger(label: "test"))
  }

  /// A broker in a folder as a machine that stops at this moment would leave it.
  func openCrashCopy() async throws -> EmbeddedBroker {
    let copy = folder.path("copy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    // The log after the file: SQLite moves nothing between them in runs as short as these.
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
      let source = folder.path("broker/\(name)")
      if FileManager.default.fileExists(atPath: source) {
        try FileManager.default.copyItem(atPath: source, toPath: "\(copy)/\(name)")
      }
    }
    return try await open(copy)
  }
}
