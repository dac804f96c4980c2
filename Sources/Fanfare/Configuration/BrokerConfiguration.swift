import Foundation

/// `[broker]`: where jobs are kept.
struct BrokerConfiguration: ConfigurationSection {
  var url = "embedded"
  var prefix = "fanfare:"
  /// Empty: the user's state folder.
  var folder = ""
  var lease = Duration.seconds(30)
  var reapInterval = Duration.seconds(5)
  var maxLost = 3
  var amnesty = Duration.seconds(30)
  var fallback = FallbackPolicy.reject

  static let settings: [Setting<Self>] = [
    // A Redis URL may hold a password: its own masking is in ``publicURL``.
    Setting(
      "url", \.url, isSecret: true,
      wanted: "\"embedded\", \"redis://host:port/database\" or \"unix:///path\""
    ) { url in
      url == "embedded" || ["redis://", "unix://"].contains { url.hasPrefix($0) && url != $0 }
    },
    Setting("prefix", \.prefix, wanted: "a text of at most 64 characters without spaces and braces") {
      !$0.isEmpty && $0.utf8.count <= 64 && !$0.contains { "{} \n\t".contains($0) }
    },
    Setting("folder", \.folder),
    Setting("lease", \.lease, wanted: "a duration from \"1s\" to \"1h\"") {
      (.seconds(1) ... .seconds(3600)).contains($0)
    },
    Setting(positive: "reap_interval", \.reapInterval),
    Setting("max_lost", \.maxLost, in: 1...1000),
    Setting(positive: "amnesty", \.amnesty),
    Setting("fallback", \.fallback),
  ]

  /// Whether this process keeps the jobs itself.
  var isEmbedded: Bool { url == "embedded" }

  /// Whether jobs may lie on this machine's disk.
  var keepsJobsHere: Bool { isEmbedded || fallback == .local }

  /// The URL without its password, for people and logs.
  var publicURL: String {
    guard let scheme = url.range(of: "://"), let at = url.lastIndex(of: "@"),
      scheme.upperBound <= at
    else { return url }
    let credentials = url[scheme.upperBound..<at]
    let user = credentials.prefix { $0 != ":" }
    let masked = credentials.contains(":") ? "\(user):***" : "***"
    return url[..<scheme.upperBound] + masked + url[at...]
  }
}
