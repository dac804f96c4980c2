/// `[backup]`: copies of everything the broker holds.
struct BackupConfiguration: ConfigurationSection {
  /// Empty: `backups` in the broker's folder.
  var folder = ""
  /// Zero: none on time; those that are asked for, and those of an end or a crash, all the same.
  var interval = Duration.seconds(300)
  var keep = 12
  /// At start, into a broker that holds nothing.
  var restore = false

  static let settings: [Setting<Self>] = [
    Setting("folder", \.folder),
    Setting("interval", \.interval, wanted: "\"0s\", or a duration of at least \"1s\"") {
      $0 == .zero || $0 >= .seconds(1)
    },
    Setting("keep", \.keep, in: 1...10_000),
    Setting("restore", \.restore),
  ]
}

/// What happens to submissions while the shared broker is away.
enum FallbackPolicy: String, Sendable, CaseIterable, ConfigurationConvertible {
  /// They are refused, with 503.
  case reject
  /// They are kept on this machine, run here, and handed over.
  case local
}
