/// `[uploads]`: files that come in.
struct UploadsConfiguration: ConfigurationSection {
  var maxSize = ByteCount.gibibytes(2)
  var retention = Duration.seconds(24 * 3600)

  static let settings: [Setting<Self>] = [
    Setting("max_size", \.maxSize, wanted: "a size of at least \"1KiB\"") { $0 >= .kibibytes(1) },
    Setting("retention", \.retention, wanted: "a duration of at least \"1m\"") {
      $0 >= .seconds(60)
    },
  ]
}

/// `[artifacts]`: the store of files, and those that come out.
struct ArtifactsConfiguration: ConfigurationSection {
  /// Empty: `files` in the broker's folder.
  var folder = ""
  var maxSize = ByteCount.gibibytes(8)
  var retention = Duration.seconds(7 * 24 * 3600)

  static let settings: [Setting<Self>] = [
    Setting("folder", \.folder),
    Setting("max_size", \.maxSize, wanted: "a size of at least \"1KiB\"") { $0 >= .kibibytes(1) },
    Setting("retention", \.retention, wanted: "a duration of at least \"1m\"") {
      $0 >= .seconds(60)
    },
  ]
}
