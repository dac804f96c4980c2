import FoundationEssentials
import Testing

@testable import Gateway

@Suite("A subscription token") struct SubscriptionTokenTests {
  private static let now = SampleTokens.now

  private func grant(
    _ token: String, channel: String = "job:7", user: String = "ada", client: String? = nil, now: Date = now
  ) throws -> SubscriptionGrant {
    try SampleTokens.authenticator().authenticateSubscription(
      token, channel: channel, user: user, client: client, now: now)
  }

  @Test("lets its user watch its channel until it expires")
  func grant() throws {
    let grant = try grant(SampleTokens.goodToken(adding: #","channel":"job:7","jti":"s-1","iat":1800000000"#))
    #expect(grant.channel == "job:7")
    #expect(grant.user == "ada")
    #expect(grant.expiresAt == Self.now + 600)
    #expect(grant.issuedAt == Self.now)
    #expect(grant.tokenID == "s-1")
    #expect(throws: TokenError.expired) {
      try self.grant(SampleTokens.goodToken(adding: #","channel":"job:7""#), now: Self.now + 605)
    }
  }

  @Test("is for one channel and one user")
  func binding() {
    let token = SampleTokens.goodToken(adding: #","channel":"job:7""#)
    #expect(throws: TokenError.wrongChannel) { try grant(token, channel: "job:70") }
    #expect(throws: TokenError.wrongUser) { try grant(token, user: "eve") }
    #expect(throws: TokenError.wrongUser) { try grant(token, user: "") }
  }

  @Test("names its channel: a connection token opens none")
  func noChannel() {
    #expect(throws: TokenError.missingClaim(.channel)) { try grant(SampleTokens.goodToken()) }
    for value in ["7", "null", #""""#, #"["job:7"]"#] {
      #expect(throws: TokenError.invalidClaim(.channel)) {
        try grant(SampleTokens.goodToken(adding: #","channel":\#(value)"#))
      }
    }
  }

  @Test("names its user")
  func noUser() {
    #expect(throws: TokenError.missingClaim(.subject)) {
      try grant(SampleTokens.token(#"{"channel":"job:7","exp":1800000600}"#))
    }
  }

  @Test("bound to a connection is good for no other")
  func client() throws {
    let token = SampleTokens.goodToken(adding: #","channel":"job:7","client":"c-1""#)
    _ = try grant(token, client: "c-1")
    #expect(throws: TokenError.wrongClient) { try grant(token, client: "c-2") }
    #expect(throws: TokenError.wrongClient) { try grant(token, client: nil) }
    _ = try grant(SampleTokens.goodToken(adding: #","channel":"job:7""#), client: "c-1")
  }

  @Test("is signed, and obeys issuer and audience, as any other")
  func commonRules() throws {
    let stranger = TokenIssuer.sign(
      header: #"{"alg":"HS256"}"#, payload: #"{"sub":"ada","exp":1800000600,"channel":"job:7"}"#,
      with: try SigningKey.generate(.hs256))
    #expect(throws: TokenError.badSignature) { try grant(stranger) }
    let strict = try SampleTokens.authenticator(TokenPolicy(issuer: "us"))
    #expect(throws: TokenError.wrongIssuer) {
      try strict.authenticateSubscription(
        SampleTokens.goodToken(adding: #","channel":"job:7","iss":"them""#), channel: "job:7", user: "ada",
        now: Self.now)
    }
  }
}
