import FoundationEssentials
import Testing

@testable import Gateway

@Suite("An issuer of tokens") struct TokenIssuerTests {
  private static let now = SampleTokens.now

  @Test("signs what the gateway accepts, with every algorithm", arguments: TokenAlgorithm.allCases)
  func everyAlgorithm(_ algorithm: TokenAlgorithm) throws {
    let key = SampleTokens.key(algorithm)
    let issuer = TokenIssuer(key: key, issuer: "us", audience: "fanfare")
    let token = try issuer.connectionToken(
      user: "ada", permissions: [.read, .admin], channels: ["news"], tokenID: "t-1", lifetime: .seconds(60),
      now: Self.now)
    let authenticator = try Authenticator(
      keys: [key.verificationKey()], policy: TokenPolicy(issuer: "us", audiences: ["fanfare"]))
    #expect(
      try authenticator.authenticate(token, now: Self.now)
        == Identity(
          user: "ada", permissions: [.read, .admin], expiresAt: Self.now + 60, issuedAt: Self.now, tokenID: "t-1",
          channels: ["news"]))
    #expect(token.utf8.count < JSONWebToken.longest)
  }

  @Test("signs subscription tokens too")
  func subscription() throws {
    let issuer = TokenIssuer(key: SampleTokens.signer)
    let token = try issuer.subscriptionToken(
      user: "ada", channel: "job:7", client: "c-1", lifetime: .seconds(60), now: Self.now)
    let grant = try SampleTokens.authenticator().authenticateSubscription(
      token, channel: "job:7", user: "ada", client: "c-1", now: Self.now)
    #expect(grant.expiresAt == Self.now + 60)
    #expect(throws: TokenError.notForConnecting) { try SampleTokens.identity(token) }
  }

  @Test("writes the same token for the same request, readable by anyone")
  func form() throws {
    let key = try SigningKey(secret: SampleTokens.secret, algorithm: .hs256, id: "dev")
    let token = try TokenIssuer(key: key, issuer: "us").connectionToken(
      user: "a\"b", tokenID: "t", lifetime: .milliseconds(1500), now: Self.now.addingTimeInterval(0.75))
    let parts = token.split(separator: ".").map { String(decoding: Base64URL.decode($0.utf8) ?? [], as: UTF8.self) }
    #expect(parts[0] == #"{"alg":"HS256","kid":"dev","typ":"JWT"}"#)
    #expect(parts[1] == #"{"exp":1800000003,"iat":1800000000,"iss":"us","jti":"t","sub":"a\"b"}"#)
  }

  @Test("gives each token an id of its own, so that one can be revoked")
  func tokenID() throws {
    func id() throws -> String? {
      try SampleTokens.identity(
        TokenIssuer(key: SampleTokens.signer).connectionToken(user: "ada", lifetime: .seconds(60), now: Self.now)
      ).tokenID
    }
    let first = try #require(try id())
    #expect(first.utf8.count == 22)
    #expect(try id() != first)
  }

  @Test("leaves the scopes out where none are given, so that the gateway's default applies")
  func noScopes() throws {
    let issuer = TokenIssuer(key: SampleTokens.signer)
    let plain = try issuer.connectionToken(user: "ada", lifetime: .seconds(60), now: Self.now)
    #expect(try SampleTokens.identity(plain).permissions == .standard)
    let none = try issuer.connectionToken(user: "ada", permissions: [], lifetime: .seconds(60), now: Self.now)
    #expect(try SampleTokens.identity(none).permissions == [])
  }

  @Test("signs nothing that no gateway would accept")
  func refusals() {
    let issuer = TokenIssuer(key: SampleTokens.signer)
    func issue(user: String = "ada", channels: [String] = [], id: String? = nil, lifetime: Duration = .seconds(60))
      throws(TokenError)
    {
      _ = try issuer.connectionToken(user: user, channels: channels, tokenID: id, lifetime: lifetime, now: Self.now)
    }
    #expect(throws: TokenError.invalidClaim(.subject)) { try issue(user: "") }
    #expect(throws: TokenError.invalidClaim(.subject)) { try issue(user: "a\nb") }
    #expect(throws: TokenError.invalidClaim(.tokenID)) { try issue(id: "") }
    #expect(throws: TokenError.invalidClaim(.channels)) { try issue(channels: [""]) }
    #expect(throws: TokenError.invalidClaim(.expiration)) { try issue(lifetime: .zero) }
    #expect(throws: TokenError.invalidClaim(.expiration)) { try issue(lifetime: .seconds(-1)) }
    #expect(throws: TokenError.invalidClaim(.expiration)) { try issue(lifetime: .seconds(1_000_000_000_000)) }
    #expect(throws: TokenError.invalidClaim(.channel)) {
      try issuer.subscriptionToken(user: "ada", channel: "", lifetime: .seconds(60), now: Self.now)
    }
    #expect(throws: TokenError.invalidClaim(.client)) {
      try issuer.subscriptionToken(user: "ada", channel: "c", client: "", lifetime: .seconds(60), now: Self.now)
    }
  }
}
