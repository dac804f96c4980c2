import Foundation
import Jobs
import Web

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
  /// Empty: artifacts are files in the folder.
  var bucket = ""
  /// Empty: Amazon's of the region.
  var endpoint = ""
  var region = "us-east-1"
  var accessKey = ""
  var secretKey = ""
  var prefix = ""
  var pathStyle = false
  var partSize = ByteCount.mebibytes(16)
  var stallTime = Duration.seconds(30)
  var allowPrivateAddresses = false

  /// S3 takes no smaller parts, and none of more.
  private static let partSizes: ClosedRange<ByteCount> = .mebibytes(5) ... .gibibytes(1)

  static let settings: [Setting<Self>] = [
    Setting("folder", \.folder),
    Setting("max_size", \.maxSize, wanted: "a size of at least \"1KiB\"") { $0 >= .kibibytes(1) },
    Setting("retention", \.retention, wanted: "a duration of at least \"1m\"") {
      $0 >= .seconds(60)
    },
    Setting(
      "bucket", \.bucket, wanted: "a name of 3 to 63 lower-case letters, digits, dots and hyphens, or \"\"",
      where: isBucket),
    Setting("endpoint", \.endpoint, wanted: "https://host or http://host:port, or \"\"", where: isEndpoint),
    Setting("region", \.region, wanted: "a name of letters, digits and hyphens") { isPlain($0) && !$0.isEmpty },
    Setting("access_key", \.accessKey),
    Setting("secret_key", \.secretKey, isSecret: true),
    Setting("prefix", \.prefix, wanted: "a text of at most 256 plain characters that does not begin with a slash") {
      $0.utf8.count <= 256 && !$0.hasPrefix("/") && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    },
    Setting("path_style", \.pathStyle),
    Setting("part_size", \.partSize, wanted: "a size from \"\(partSizes.lowerBound)\" to \"\(partSizes.upperBound)\"") {
      partSizes.contains($0)
    },
    Setting("stall_time", \.stallTime, wanted: "a duration from \"1s\" to \"1h\"") {
      (.seconds(1) ... .seconds(3600)).contains($0)
    },
    Setting("allow_private_addresses", \.allowPrivateAddresses),
  ]

  private static func isBucket(_ name: String) -> Bool {
    name.isEmpty
      || ((3...63).contains(name.utf8.count) && !name.hasPrefix(".") && !name.hasPrefix("-")
        && name.utf8.allSatisfy {
          switch $0 {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"):
            true
          default: false
          }
        })
  }

  private static func isPlain(_ name: String) -> Bool {
    name.utf8.count <= 64 && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
  }

  /// Without a path: what stands behind the host is the bucket's.
  private static func isEndpoint(_ text: String) -> Bool {
    guard !text.isEmpty else { return true }
    guard let url = URL(string: text), (try? WebAddress(text)) != nil else { return false }
    return (url.path().isEmpty || url.path() == "/") && url.query() == nil && url.fragment() == nil
  }
}
