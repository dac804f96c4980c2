package import FoundationEssentials

/// Signs tokens: for `fanfare token`, and for the endpoint that hands out tokens in development.
package struct TokenIssuer: Sendable {
  private let key: SigningKey
  private let issuer: String?
  private let audience: String?

  /// Signs with `key`; writes `iss` and `aud` into each token if given.
  package init(key: SigningKey, issuer: String? = nil, audience: String? = nil) {
    self.key = key
    self.issuer = issuer
    self.audience = audience
  }

  /// A connection token, valid from `now` for `lifetime`.
  ///
  /// Without permissions the token has no `scope`, and the gateway's default applies. Without `tokenID` a
  /// random one is made, so that each token can be revoked. Throws `invalidClaim` for a user, id or channel
  /// that no gateway would accept, and for a lifetime that is not positive.
  package func connectionToken(
    user: String, permissions: Permissions? = nil, maxPriority: Int? = nil, channels: [String] = [],
    tokenID: String? = nil, lifetime: Duration, now: Date
  ) throws(TokenError) -> String {
    guard maxPriority.map({ 1...10 ~= $0 }) ?? true else { throw .invalidClaim(.maxPriority) }
    guard channels.count <= TokenClaims.mostChannels, channels.allSatisfy(TokenClaims.isName) else {
      throw .invalidClaim(.channels)
    }
    var claims = try commonClaims(user: user, tokenID: tokenID, lifetime: lifetime, now: now)
    claims[.scope] = permissions.map { .string($0.description) }
    claims[.maxPriority] = maxPriority.map { .number(Double($0)) }
    if !channels.isEmpty { claims[.channels] = .array(channels.map(StrictJSON.string)) }
    return sign(claims)
  }

  /// A subscription token for one channel, bound to one connection if `client` is given; valid from `now`
  /// for `lifetime`. Throws as `connectionToken` does.
  package func subscriptionToken(
    user: String, channel: String, client: String? = nil, tokenID: String? = nil,
    lifetime: Duration, now: Date
  ) throws(TokenError) -> String {
    guard TokenClaims.isName(channel) else { throw .invalidClaim(.channel) }
    guard client.map(TokenClaims.isName) ?? true else { throw .invalidClaim(.client) }
    var claims = try commonClaims(user: user, tokenID: tokenID, lifetime: lifetime, now: now)
    claims[.channel] = .string(channel)
    claims[.client] = client.map(StrictJSON.string)
    return sign(claims)
  }

  private func commonClaims(
    user: String, tokenID: String?, lifetime: Duration, now: Date
  ) throws(TokenError) -> [TokenClaim: StrictJSON] {
    guard TokenClaims.isName(user) else { throw .invalidClaim(.subject) }
    let tokenID = tokenID ?? Self.randomID()
    guard TokenClaims.isName(tokenID) else { throw .invalidClaim(.tokenID) }
    // Whole seconds: some readers take nothing else. The end is rounded up, to give no less than asked.
    let start = now.timeIntervalSince1970.rounded(.down)
    let end = (now.timeIntervalSince1970 + lifetime / .seconds(1)).rounded(.up)
    guard lifetime > .zero, end <= TokenClaims.latestTime else { throw .invalidClaim(.expiration) }
    return [
      .subject: .string(user), .tokenID: .string(tokenID), .issuedAt: .number(start),
      .expiration: .number(end), .issuer: issuer.map(StrictJSON.string),
      .audience: audience.map(StrictJSON.string),
    ].compactMapValues { $0 }
  }

  private func sign(_ claims: [TokenClaim: StrictJSON]) -> String {
    var header: [String: StrictJSON] = ["alg": .string(key.algorithm.rawValue), "typ": .string("JWT")]
    header["kid"] = key.id.map(StrictJSON.string)
    let members = Dictionary(uniqueKeysWithValues: claims.map { ($0.key.rawValue, $0.value) })
    return Self.sign(
      header: StrictJSON.object(header).serialized, payload: StrictJSON.object(members).serialized,
      with: key)
  }

  /// A token of any header and payload, also of those that no gateway accepts.
  static func sign(header: String, payload: String, with key: SigningKey) -> String {
    let text = Base64URL.encode(header.utf8) + "." + Base64URL.encode(payload.utf8)
    return text + "." + Base64URL.encode(key.sign(Array(text.utf8)))
  }

  private static func randomID() -> String {
    var random = SystemRandomNumberGenerator()
    return Base64URL.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) })
  }
}
