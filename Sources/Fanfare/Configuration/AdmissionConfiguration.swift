import Foundation
import Gateway

/// `[admission]`: whose tokens are taken, and how often their holders may ask.
struct AdmissionConfiguration: ConfigurationSection {
  var keys: [KeyConfiguration] = []
  /// Empty: none.
  var jwksFile = ""
  /// Empty: none.
  var jwksURL = ""
  var jwksRefresh = Duration.seconds(900)
  var jwksMinInterval = Duration.seconds(30)
  /// Empty: not checked.
  var issuer = ""
  /// Empty: not checked.
  var audience: [String] = []
  var leeway = Duration.seconds(5)
  var defaultScopes: [Scope] = [.submit, .read, .manage]
  var requests = 10
  var window = Duration.seconds(60)
  var maxPriority = 10
  var revocationMemory = Duration.seconds(30 * 86_400)

  static let settings: [Setting<Self>] = [
    Setting("jwks_file", \.jwksFile),
    Setting(
      "jwks_url", \.jwksURL, wanted: "an https:// address, or an http:// one of this machine, or \"\"",
      where: isKeyAddress),
    Setting(positive: "jwks_refresh", \.jwksRefresh),
    Setting(positive: "jwks_min_interval", \.jwksMinInterval),
    Setting("issuer", \.issuer),
    Setting("audience", \.audience),
    Setting("leeway", \.leeway, wanted: "a duration up to \"5m\"") { $0 <= .seconds(300) },
    Setting("default_scopes", \.defaultScopes),
    Setting("requests", \.requests, in: 1...1_000_000),
    Setting("window", \.window, wanted: "a duration from \"1s\" to \"1h\"") {
      (.seconds(1) ... .seconds(3600)).contains($0)
    },
    Setting("max_priority", \.maxPriority, in: 1...10),
    Setting("revocation_memory", \.revocationMemory, wanted: "a duration from \"1h\" to \"3650d\"") {
      (.seconds(3600) ... .seconds(3650 * 86_400)).contains($0)
    },
  ]

  /// Whether the operator gave any key: without one there is only the development key.
  var hasKeys: Bool { !keys.isEmpty || !jwksFile.isEmpty || !jwksURL.isEmpty }

  /// Whoever can change what is fetched can sign tokens: without TLS only this machine is asked.
  private static func isKeyAddress(_ text: String) -> Bool {
    if text.isEmpty { return true }
    guard let url = URL(string: text), let host = url.host(), !host.isEmpty, url.user == nil else { return false }
    return url.scheme == "https" || (url.scheme == "http" && GatewayConfiguration.isLoopback(host: host))
  }
}

/// `[[admission.keys]]`: one key, with the one algorithm it is for.
struct KeyConfiguration: ConfigurationSection {
  var id = ""
  var algorithm = TokenAlgorithm.hs256
  var secret = ""
  var secretFile = ""
  var pemFile = ""

  static let settings: [Setting<Self>] = [
    Setting("id", \.id),
    Setting("algorithm", \.algorithm),
    Setting("secret", \.secret, isSecret: true),
    Setting("secret_file", \.secretFile),
    Setting("pem_file", \.pemFile),
  ]
}

extension TokenAlgorithm: ConfigurationConvertible {}

extension Scope: ConfigurationConvertible {}
