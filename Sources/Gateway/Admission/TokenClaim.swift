/// The claims that Fanfare reads. A token may hold others; they are ignored (RFC 7519 §4).
package enum TokenClaim: String, Sendable, Hashable {
  case issuer = "iss"
  case subject = "sub"
  case audience = "aud"
  case expiration = "exp"
  case notBefore = "nbf"
  case issuedAt = "iat"
  case tokenID = "jti"
  /// When the connection ends, if earlier than the token (Centrifuge's claim).
  case connectionExpiration = "expire_at"
  /// Scopes as one string, parted by spaces (RFC 8693 §4.2).
  case scope
  /// Scopes as an array of strings, as some issuers write them.
  case scopes
  /// Channels the server subscribes the connection to.
  case channels
  /// The same with options, as an object keyed by channel; wins over `channels`.
  case subscriptions = "subs"
  /// The channel a subscription token is for; its presence tells the two kinds of token apart.
  case channel
  /// The connection a subscription token is bound to.
  case client
}
