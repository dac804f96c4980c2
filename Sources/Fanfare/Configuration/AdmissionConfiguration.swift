import Gateway

/// `[admission]`: whose tokens are taken, and how often their holders may ask.
struct AdmissionConfiguration: ConfigurationSection {
  var keys: [KeyConfiguration] = []
  /// Empty: none.
  var jwksFile = ""
  /// Empty: not checked.
  var issuer = ""
  /// Empty: not checked.
  var audience: [String] = []
  var leeway = Duration.seconds(5)
  var defaultScopes: [Scope] = [.submit, .read, .manage]
  var requests = 10
  var window = Duration.seconds(60)
  var maxPriority = 10

  static let settings: [Setting<Self>] = [
    Setting("jwks_file", \.jwksFile),
    Setting("issuer", \.issuer),
    Setting("audience", \.audience),
    Setting("leeway", \.leeway, wanted: "a duration up to \"5m\"") { $0 <= .seconds(300) },
    Setting("default_scopes", \.defaultScopes),
    Setting("requests", \.requests, in: 1...1_000_000),
    Setting("window", \.window, wanted: "a duration from \"1s\" to \"1h\"") {
      (.seconds(1) ... .seconds(3600)).contains($0)
    },
    Setting("max_priority", \.maxPriority, in: 1...10),
  ]

  /// Whether the operator gave any key: without one there is only the development key.
  var hasKeys: Bool { !keys.isEmpty || !jwksFile.isEmpty }
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
