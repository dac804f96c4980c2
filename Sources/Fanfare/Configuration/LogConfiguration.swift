import Logging

/// `[log]`: what is told on standard error.
struct LogConfiguration: ConfigurationSection {
  enum Format: String, Sendable, CaseIterable, ConfigurationConvertible {
    case text, json
  }

  var level = Logger.Level.info
  var format = Format.text

  static let settings: [Setting<Self>] = [
    Setting("level", \.level),
    Setting("format", \.format),
  ]
}

extension Logger.Level: ConfigurationConvertible {}

/// `[development]`: what is convenient on a desk and nowhere else.
struct DevelopmentConfiguration: ConfigurationSection {
  var enabled = true

  static let settings: [Setting<Self>] = [Setting("enabled", \.enabled)]
}
