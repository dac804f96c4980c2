import Foundation

/// Where this machine keeps what outlives a run: the embedded broker's journal, uploads, artifacts
/// and the development key.
struct StateFolder: Hashable, Sendable {
  let path: String

  /// The folder that is configured, else `fanfare` in the user's state folder (XDG base directories),
  /// else `var/fanfare` here.
  init(_ configuration: Configuration, environment: [String: String]) {
    if !configuration.broker.folder.isEmpty {
      path = configuration.broker.folder
    } else if let state = environment["XDG_STATE_HOME"], !state.isEmpty {
      path = "\(state)/fanfare"
    } else if let home = environment["HOME"], !home.isEmpty {
      path = "\(home)/.local/state/fanfare"
    } else {
      path = "var/fanfare"
    }
  }

  /// Makes the folder, for its owner only, where it is not there yet.
  func create() throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// Where the development key is kept.
  var developmentKey: String { "\(path)/development.key" }
  /// The embedded broker's journal.
  var journal: String { "\(path)/jobs" }
  /// What is accepted while a shared broker is away.
  var fallback: String { "\(path)/fallback" }
  /// Backups, unless configured otherwise.
  var backups: String { "\(path)/backups" }
  /// Uploads and artifacts, unless configured otherwise.
  var files: String { "\(path)/files" }
}
