import ArgumentParser
import Foundation

/// The options of every command that reads the configuration.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: "The configuration file; else FANFARE_CONFIG, ./config.toml, the user's, the machine's.")
  var config: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Set one key, as in gateway.port=9000; may be repeated.", valueName: "key=value"))
  var settings: [String] = []

  @Option(name: .long, help: "The folder in which this machine keeps its state (broker.folder).")
  var folder: String?

  @Option(name: .long, help: "Where jobs are kept: embedded, or redis://host:port (broker.url).")
  var broker: String?

  @Option(name: .long, help: "The least serious message that is logged (log.level).")
  var logLevel: String?

  /// Reads everything; `flags` are the command's own. Throws ``ConfigurationFaults``.
  func load(
    flags: [ConfigurationFile.Override] = [],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> Configuration {
    var overrides: [ConfigurationFile.Override] = []
    for setting in settings {
      guard let equals = setting.firstIndex(of: "=") else {
        throw CommandFailure(description: "--set takes key=value, not \"\(setting)\"")
      }
      overrides.append(
        ConfigurationFile.Override(
          key: String(setting[..<equals]), value: String(setting[setting.index(after: equals)...]),
          source: "--set"))
    }
    overrides += Self.overrides([
      ("broker.folder", folder, "--folder"), ("broker.url", broker, "--broker"),
      ("log.level", logLevel, "--log-level"),
    ])
    return try ConfigurationFile.load(
      path: config ?? ConfigurationFile.location(environment: environment),
      environment: environment, flags: overrides + flags)
  }

  /// The flags that were given, as overrides.
  static func overrides(
    _ flags: [(key: String, value: String?, source: String)]
  ) -> [ConfigurationFile.Override] {
    flags.compactMap { key, value, source in
      value.map { ConfigurationFile.Override(key: key, value: $0, source: source) }
    }
  }
}
