import Foundation
import Gateway

/// A token for trying things out on one's own machine.
enum DevelopmentToken {
  /// Whose it is, unless asked otherwise.
  static let user = "developer"
  static let lifetime = Duration.seconds(3600)

  /// A token of the development key's that the gateway of this configuration takes.
  static func make(
    with key: SigningKey, _ configuration: Configuration, user: String = user,
    permissions: Permissions? = nil
  ) throws -> String {
    try TokenIssuer(key: key, configuration).connectionToken(
      user: user, permissions: permissions, lifetime: lifetime, now: Date())
  }
}

extension TokenIssuer {
  /// Writes the issuer and the audience that the configuration asks for.
  init(key: SigningKey, _ configuration: Configuration) {
    let admission = configuration.admission
    self.init(
      key: key, issuer: admission.issuer.isEmpty ? nil : admission.issuer,
      audience: admission.audience.first)
  }
}
