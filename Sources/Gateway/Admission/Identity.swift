package import FoundationEssentials

/// Who is at the other end, as a connection token says, and until when that holds.
package struct Identity: Sendable, Hashable {
  /// `sub`: the user, 1 to 255 bytes without control characters, in Unicode's composed form.
  package let user: String
  /// What the user may do.
  package let permissions: Permissions
  /// When the connection must have shown a fresh token: `exp`, or `expire_at` if that is earlier.
  package let expiresAt: Date
  /// `iat`, if told: a revocation of all tokens up to a time is measured by it.
  package let issuedAt: Date?
  /// `jti`, if told: a revocation of one token names it.
  package let tokenID: String?
  /// The most urgent priority that the user may ask for; nil: what the gateway allows everybody.
  package let maxPriority: Int?
  /// Channels that the issuer wants the connection subscribed to: the names in `subs`, else `channels`.
  /// They are a wish, not a permission.
  package let channels: [String]

  /// An identity as told; a verified token's comes from `Authenticator`.
  package init(
    user: String, permissions: Permissions, expiresAt: Date, issuedAt: Date? = nil,
    tokenID: String? = nil, maxPriority: Int? = nil, channels: [String] = []
  ) {
    self.user = user
    self.permissions = permissions
    self.expiresAt = expiresAt
    self.issuedAt = issuedAt
    self.tokenID = tokenID
    self.maxPriority = maxPriority
    self.channels = channels
  }
}
