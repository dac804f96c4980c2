import Jobs

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

/// `[payloads]`: what is asked for with jobs.
struct PayloadsConfiguration: ConfigurationSection {
  var maxSize = ByteCount.bytes(JobRequest.payloadLimit)
  /// More is moved to the artifact store.
  var maxInline = ByteCount.bytes(PayloadStore.standardInlineLimit)
  var retention = Duration.seconds(24 * 3600)

  /// A payload is read on the event loop, and shown in one frame: a larger input is an upload.
  private static let sizes: ClosedRange<ByteCount> = .kibibytes(1) ... .kibibytes(512)
  private static let inlineSizes =
    ByteCount.bytes(PayloadStore.inlineLimits.lowerBound)...ByteCount.bytes(PayloadStore.inlineLimits.upperBound)

  static let settings: [Setting<Self>] = [
    Setting("max_size", \.maxSize, wanted: "a size from \"\(sizes.lowerBound)\" to \"\(sizes.upperBound)\"") {
      sizes.contains($0)
    },
    Setting(
      "max_inline", \.maxInline,
      wanted: "a size from \"\(inlineSizes.lowerBound)\" to \"\(inlineSizes.upperBound)\""
    ) {
      inlineSizes.contains($0)
    },
    Setting("retention", \.retention, wanted: "a duration of at least \"1h\"") {
      $0 >= .seconds(3600)
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
