/// `[uploads]` and `[artifacts]`: files that come in, files that come out.
struct StorageConfiguration: ConfigurationSection {
  /// Empty: a folder beside the broker's.
  var folder = ""
  var maxSize: ByteCount
  var retention: Duration

  static let uploads = StorageConfiguration(maxSize: .gibibytes(2), retention: .seconds(24 * 3600))
  static let artifacts = StorageConfiguration(
    maxSize: .gibibytes(8), retention: .seconds(7 * 24 * 3600))

  static let settings: [Setting<Self>] = [
    Setting("folder", \.folder),
    Setting("max_size", \.maxSize, wanted: "a size of at least \"1KiB\"") { $0 >= .kibibytes(1) },
    Setting("retention", \.retention, wanted: "a duration of at least \"1m\"") {
      $0 >= .seconds(60)
    },
  ]
}
