/// `[gateway]`: the sockets, and whom they serve.
struct GatewayConfiguration: ConfigurationSection {
  var host = "127.0.0.1"
  var port = 8000
  var processes = ProcessCount.exactly(1)
  /// Empty: `http://host:port`.
  var publicURL = ""
  var allowedOrigins: [String] = []
  var corsOrigins: [String] = []
  /// Empty: none.
  var tokenCookie = ""
  var maxConnections = 10_000
  var maxConnectionsPerAddress = 1000
  var handshakesPerSecond = 5000
  var handshakesPerAddress = 100
  var handshakesPerUser = 20
  var maxSubscriptions = 128
  var maxMessage = ByteCount.kibibytes(320)
  var pingInterval = Duration.seconds(25)
  var pongTimeout = Duration.seconds(8)
  var connectTimeout = Duration.seconds(10)
  var refreshGrace = Duration.seconds(25)
  var expiryWarning = Duration.seconds(60)
  var slowConsumerDeadline = Duration.seconds(10)
  var drainNotice = Duration.zero
  var compareInterval = Duration.seconds(18)
  var drain = Duration.seconds(10)
  var compression = false
  var debugEcho = false

  static let settings: [Setting<Self>] = [
    Setting("host", \.host, wanted: "an address to listen on, like \"127.0.0.1\" or \"::\"") {
      !$0.isEmpty
    },
    Setting("port", \.port, in: 0...65_535),
    Setting("processes", \.processes),
    Setting("public_url", \.publicURL, wanted: "an http:// or https:// address, or \"\"") {
      $0.isEmpty || isOrigin($0)
    },
    Setting("allowed_origins", \.allowedOrigins, wanted: originsWanted) {
      $0.allSatisfy { $0 == "*" || isOrigin($0) }
    },
    Setting("cors_origins", \.corsOrigins, wanted: originsWanted) {
      $0.allSatisfy { $0 == "*" || isOrigin($0) }
    },
    Setting("token_cookie", \.tokenCookie, wanted: "a cookie's name, like \"session\", or \"\"") {
      $0.utf8.allSatisfy(isCookieLetter)
    },
    Setting("max_connections", \.maxConnections, in: 1...10_000_000),
    Setting("max_connections_per_address", \.maxConnectionsPerAddress, in: 0...10_000_000),
    Setting("handshakes_per_second", \.handshakesPerSecond, in: 0...1_000_000),
    Setting("handshakes_per_second_per_address", \.handshakesPerAddress, in: 0...1_000_000),
    Setting("handshakes_per_second_per_user", \.handshakesPerUser, in: 0...1_000_000),
    Setting("max_subscriptions", \.maxSubscriptions, in: 1...100_000),
    Setting("max_message", \.maxMessage, wanted: "a size from \"1KiB\" to \"16MiB\"") {
      (.kibibytes(1) ... .mebibytes(16)).contains($0)
    },
    Setting(positive: "ping_interval", \.pingInterval),
    Setting(positive: "pong_timeout", \.pongTimeout),
    Setting(positive: "connect_timeout", \.connectTimeout),
    Setting("refresh_grace", \.refreshGrace),
    Setting("expiry_warning", \.expiryWarning),
    Setting(positive: "slow_consumer_deadline", \.slowConsumerDeadline),
    Setting("drain_notice", \.drainNotice),
    Setting("compare_interval", \.compareInterval),
    Setting("drain", \.drain),
    Setting("compression", \.compression),
    Setting("debug_echo", \.debugEcho),
  ]

  /// Whether only this machine can reach the gateway.
  var isLoopback: Bool { Self.isLoopback(host: host) }

  /// Whether a host names this machine and nothing else.
  static func isLoopback(host: String) -> Bool {
    host == "localhost" || host == "::1" || host == "[::1]"
      || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
  }

  private static let originsWanted =
    "a list of origins like \"https://app.example.com\", or \"*\" for all"

  /// What a cookie's name is made of (RFC 6265 §4.1.1).
  private static func isCookieLetter(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) && !"()<>@,;:\\\"/[]?={}".utf8.contains(byte)
  }

  /// Scheme, host and perhaps port, nothing behind: what a browser sends as `Origin`.
  private static func isOrigin(_ text: String) -> Bool {
    for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
      let rest = text.dropFirst(scheme.count)
      return !rest.isEmpty && !rest.contains { "/?#@ ".contains($0) }
    }
    return false
  }
}
