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

  /// The same of one of several processes, counted from 1.
  func fallback(_ number: Int) -> String { number == 1 ? fallback : "\(fallback)-\(number)" }

  /// All of them that there are.
  var fallbacks: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { $0 == "fallback" || ($0.hasPrefix("fallback-") && Int($0.dropFirst(9)) != nil) }
      .sorted().map { "\(path)/\($0)" }
  }
  /// Backups, unless configured otherwise.
  var backups: String { "\(path)/backups" }
  /// Uploads and artifacts, unless configured otherwise.
  var files: String { "\(path)/files" }
}
