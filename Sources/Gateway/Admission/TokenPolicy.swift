/// What is asked of a token beyond a good signature.
package struct TokenPolicy: Sendable {
  /// `iss` must be this, byte for byte; nil asks nothing.
  package var issuer: String?
  /// `aud` must name one of these; empty asks nothing.
  package var audiences: [String]
  /// How far clocks may differ: added to `exp`, taken from `nbf` and `iat`.
  package var leeway: Duration
  /// What a token without scopes grants.
  package var defaultPermissions: Permissions

  /// Five seconds of leeway, submit, read and manage by default; no issuer or audience asked for.
  package init(
    issuer: String? = nil, audiences: [String] = [], leeway: Duration = .seconds(5),
    defaultPermissions: Permissions = .standard
  ) {
    self.issuer = issuer
    self.audiences = audiences
    self.leeway = leeway
    self.defaultPermissions = defaultPermissions
  }
}
