package import FoundationEssentials

/// Leave to watch one channel, as a subscription token gives it to one user.
package struct SubscriptionGrant: Sendable, Hashable {
  /// The channel, as the claim `channel` names it.
  package let channel: String
  /// The user it was given to: the connection's own.
  package let user: String
  /// When the subscription must have shown a fresh token: `exp`, or `expire_at` if that is earlier.
  package let expiresAt: Date
  /// `iat`, if told.
  package let issuedAt: Date?
  /// `jti`, if told.
  package let tokenID: String?
}
