/// The claims that Fanfare reads. A token may hold others; they are ignored (RFC 7519 §4).
package enum TokenClaim: String, Sendable, Hashable {
  /// Who signed the token.
  case issuer = "iss"
  /// The user.
  case subject = "sub"
  /// For whom the token was signed.
  case audience = "aud"
  /// When the token ends.
  case expiration = "exp"
  /// When the token begins.
  case notBefore = "nbf"
  /// When the token was signed.
  case issuedAt = "iat"
  /// The name of this one token.
  case tokenID = "jti"
  /// When the connection ends, if earlier than the token (Centrifuge's claim).
  case connectionExpiration = "expire_at"
  /// Scopes as one string, parted by spaces (RFC 8693 §4.2).
  case scope
  /// Scopes as an array of strings, as some issuers write them.
  case scopes
  /// The most urgent priority that the user may ask for, 1 to 10.
  case maxPriority = "max_priority"
  /// Channels the server subscribes the connection to.
  case channels
  /// The same with options, as an object keyed by channel; wins over `channels`.
  case subscriptions = "subs"
  /// The channel a subscription token is for; its presence tells the two kinds of token apart.
  case channel
  /// The connection a subscription token is bound to.
  case client
}
