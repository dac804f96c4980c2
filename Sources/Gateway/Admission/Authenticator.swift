package import FoundationEssentials

/// Turns a token into an identity, or says why not.
///
/// Everything happens in the call, on the caller's thread: no wait, no file, no network. Keys were read
/// and prepared before. To change keys or policy, make another authenticator.
package struct Authenticator: Sendable {
  private let keys: KeyRing
  private let policy: TokenPolicy

  /// Throws `noUsableKey` without any key, unless it `mayLackKeys` that are yet to come: then every token's is unknown;
  /// `repeatedKeyID` if two keys have the same `kid`.
  package init(
    keys: [VerificationKey], policy: TokenPolicy = TokenPolicy(), mayLackKeys: Bool = false
  ) throws(KeyError) {
    self.keys = try KeyRing(keys, mayBeEmpty: mayLackKeys)
    self.policy = policy
  }

  /// How far clocks may differ.
  var leeway: Duration { policy.leeway }

  /// Who sent this connection token, as of `now`.
  ///
  /// The signature is checked before any claim is read. `exp` and `sub` are required; `nbf`, `iat`, `iss`
  /// and `aud` are checked (RFC 7519 §4.1); a `channel` marks a subscription token, which is refused so
  /// that leave to watch one job never opens a connection (RFC 8725 §3.12).
  package func authenticate(
    _ token: some StringProtocol, now: Date
  ) throws(TokenError) -> Identity {
    let claims = try verifiedClaims(of: token, now: now)
    guard !claims.holds(.channel) else { throw .notForConnecting }
    return Identity(
      user: try require(claims.name(.subject), .subject),
      permissions: try claims.permissions() ?? policy.defaultPermissions,
      expiresAt: try expiration(of: claims),
      issuedAt: try claims.date(.issuedAt),
      tokenID: try claims.name(.tokenID),
      maxPriority: try claims.maxPriority(),
      channels: try claims.channels())
  }

  /// Whether this subscription token lets `user` watch `channel`, as of `now`.
  ///
  /// `channel` and `sub` must be the request's, byte for byte. A token with `client` is bound to one
  /// connection: it is refused on another, and where the caller names none.
  package func authenticateSubscription(
    _ token: some StringProtocol, channel: String, user: String, client: String? = nil, now: Date
  ) throws(TokenError) -> SubscriptionGrant {
    let claims = try verifiedClaims(of: token, now: now)
    let named = try require(claims.name(.channel), .channel)
    guard named.isSameBytes(as: channel) else { throw .wrongChannel }
    guard try require(claims.name(.subject), .subject).isSameBytes(as: user) else { throw .wrongUser }
    if let bound = try claims.name(.client) {
      guard let client, bound.isSameBytes(as: client) else { throw .wrongClient }
    }
    return SubscriptionGrant(
      channel: named, user: user,
      expiresAt: try expiration(of: claims),
      issuedAt: try claims.date(.issuedAt),
      tokenID: try claims.name(.tokenID))
  }

  /// The claims of a token that one of our keys signed, that is valid now, from and for whom we ask.
  private func verifiedClaims(
    of text: some StringProtocol, now: Date
  ) throws(TokenError) -> TokenClaims {
    let token = try JSONWebToken(parsing: text)
    try keys.verify(token)
    let claims = try TokenClaims(parsing: token.payload)
    try checkTimes(claims, now: now)
    try checkParties(claims)
    return claims
  }

  private func checkTimes(_ claims: TokenClaims, now: Date) throws(TokenError) {
    let leeway = policy.leeway / .seconds(1)
    guard try expiration(of: claims).addingTimeInterval(leeway) > now else { throw .expired }
    for claim in [TokenClaim.notBefore, .issuedAt] {
      guard let start = try claims.date(claim) else { continue }
      guard start.addingTimeInterval(-leeway) <= now else { throw .notYetValid }
    }
  }

  private func checkParties(_ claims: TokenClaims) throws(TokenError) {
    if let issuer = policy.issuer {
      guard try require(claims.text(.issuer), .issuer).isSameBytes(as: issuer) else {
        throw .wrongIssuer
      }
    }
    if !policy.audiences.isEmpty {
      let audience = try require(claims.audience(), .audience)
      let isMeant = audience.contains { name in policy.audiences.contains { $0.isSameBytes(as: name) } }
      guard isMeant else { throw .wrongAudience }
    }
  }

  /// The earlier of `exp`, which must be there, and `expire_at`, in which 0 means "no other" (Centrifuge).
  private func expiration(of claims: TokenClaims) throws(TokenError) -> Date {
    let token = try require(claims.date(.expiration), .expiration)
    guard let connection = try claims.date(.connectionExpiration),
      connection.timeIntervalSince1970 > 0
    else { return token }
    return min(token, connection)
  }

  private func require<Value>(_ value: Value?, _ claim: TokenClaim) throws(TokenError) -> Value {
    guard let value else { throw .missingClaim(claim) }
    return value
  }
}

extension String {
  /// Equal byte for byte: `==` takes canonically equivalent strings for equal, and JWT does not
  /// (RFC 7519 §7.3).
  fileprivate func isSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
