import FoundationEssentials
import Testing

@testable import Gateway

@Suite("A connection token") struct AuthenticatorTests {
  private static let now = SampleTokens.now

  @Test("says who connects, what they may do, and until when")
  func identity() throws {
    let token = SampleTokens.token(
      #"{"sub":"ada","exp":1800000600,"iat":1799999990,"jti":"t-1","scope":"jobs:read work","#
        + #""channels":["news"],"more":{"x":[1]}}"#)
    #expect(
      try SampleTokens.identity(token)
        == Identity(
          user: "ada", permissions: [.read, .work], expiresAt: Self.now + 600, issuedAt: Self.now - 10, tokenID: "t-1",
          channels: ["news"]))
  }

  @Test("needs only sub and exp; the rest has defaults")
  func minimal() throws {
    #expect(
      try SampleTokens.identity(SampleTokens.goodToken())
        == Identity(user: "ada", permissions: .standard, expiresAt: Self.now + 600))
  }

  @Test("may bound how urgent its user's jobs are")
  func maxPriority() throws {
    func identity(_ value: String) throws -> Identity {
      try SampleTokens.identity(SampleTokens.token(#"{"sub":"ada","exp":1800000600,"max_priority":\#(value)}"#))
    }
    #expect(try identity("8").maxPriority == 8)
    #expect(try SampleTokens.identity(SampleTokens.goodToken()).maxPriority == nil)
    for wrong in ["0", "11", "5.5", #""8""#, "null", "true"] {
      #expect(throws: TokenError.invalidClaim(.maxPriority), "\(wrong)") { try identity(wrong) }
    }
    let issuer = TokenIssuer(key: SampleTokens.signer)
    let token = try issuer.connectionToken(user: "ada", maxPriority: 3, lifetime: .seconds(60), now: Self.now)
    #expect(try SampleTokens.identity(token).maxPriority == 3)
    #expect(throws: TokenError.invalidClaim(.maxPriority)) {
      try issuer.connectionToken(user: "ada", maxPriority: 11, lifetime: .seconds(60), now: Self.now)
    }
  }

  @Test("is believed only with a good signature: claims are not even read before")
  func signatureFirst() throws {
    let stranger = try SigningKey.generate(.hs256)
    for claims in ["not JSON", "{}", #"{"sub":"ada","exp":1}"#] {
      let token = TokenIssuer.sign(header: #"{"alg":"HS256"}"#, payload: claims, with: stranger)
      #expect(throws: TokenError.badSignature) { try SampleTokens.identity(token) }
    }
  }

  // MARK: Time

  @Test("ends at exp, five seconds of clock difference granted")
  func expiration() throws {
    let token = SampleTokens.goodToken()
    _ = try SampleTokens.identity(token, now: Self.now + 604)
    #expect(throws: TokenError.expired) { try SampleTokens.identity(token, now: Self.now + 605) }
    let strict = TokenPolicy(leeway: .zero)
    _ = try SampleTokens.identity(token, policy: strict, now: Self.now + 599)
    #expect(throws: TokenError.expired) { try SampleTokens.identity(token, policy: strict, now: Self.now + 600) }
  }

  @Test("may end in the middle of a second")
  func fraction() throws {
    let token = SampleTokens.token(#"{"sub":"ada","exp":1800000000.25}"#)
    let strict = TokenPolicy(leeway: .zero)
    _ = try SampleTokens.identity(token, policy: strict)
    #expect(throws: TokenError.expired) {
      try SampleTokens.identity(token, policy: strict, now: Self.now.addingTimeInterval(0.25))
    }
    #expect(
      try SampleTokens.identity(SampleTokens.token(#"{"sub":"ada","exp":1.8000006e9}"#)).expiresAt == Self.now + 600)
  }

  @Test("without exp is refused")
  func noExpiration() {
    #expect(throws: TokenError.missingClaim(.expiration)) {
      try SampleTokens.identity(SampleTokens.token(#"{"sub":"ada"}"#))
    }
  }

  @Test(
    "has times that are seconds: no text, no infinity, nothing before 1970 or after 9999",
    arguments: [
      #""1800000600""#, "null", "true", "[1800000600]", "{}", "-1", "-0.5", "1e400", "-1e400", "1e300", "1800000600000",
      "253402300800",
    ])
  func times(_ value: String) {
    #expect(throws: TokenError.invalidClaim(.expiration)) {
      try SampleTokens.identity(SampleTokens.token(#"{"sub":"ada","exp":\#(value)}"#))
    }
    #expect(throws: TokenError.invalidClaim(.notBefore)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","nbf":\#(value)"#))
    }
    #expect(throws: TokenError.invalidClaim(.issuedAt)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","iat":\#(value)"#))
    }
    #expect(throws: TokenError.invalidClaim(.connectionExpiration)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","expire_at":\#(value)"#))
    }
  }

  @Test("begins at nbf, and was not issued in the future, five seconds granted", arguments: ["nbf", "iat"])
  func start(_ claim: String) throws {
    let token = SampleTokens.goodToken(adding: #","\#(claim)":1800000100"#)
    _ = try SampleTokens.identity(token, now: Self.now + 100)
    _ = try SampleTokens.identity(token, now: Self.now + 95)
    #expect(throws: TokenError.notYetValid) { try SampleTokens.identity(token, now: Self.now + 94) }
  }

  @Test("may let the connection end before the token, never after it")
  func connectionExpiration() throws {
    func end(_ value: Int) throws -> Date {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","expire_at":\#(value)"#)).expiresAt
    }
    #expect(try end(1_800_000_300) == Self.now + 300)
    #expect(try end(1_800_009_999) == Self.now + 600)
    #expect(try end(0) == Self.now + 600)
    #expect(throws: TokenError.expired) { try end(1_700_000_000) }
  }

  // MARK: Parties

  @Test("comes from the configured issuer, byte for byte")
  func issuer() throws {
    let policy = TokenPolicy(issuer: "https://é.example")
    _ = try SampleTokens.identity(SampleTokens.goodToken(adding: #","iss":"https://é.example""#), policy: policy)
    for other in ["https://\u{65}\u{301}.example", "https://é.example/", "HTTPS://é.example", ""] {
      #expect(throws: TokenError.wrongIssuer) {
        try SampleTokens.identity(SampleTokens.goodToken(adding: #","iss":"\#(other)""#), policy: policy)
      }
    }
    #expect(throws: TokenError.missingClaim(.issuer)) {
      try SampleTokens.identity(SampleTokens.goodToken(), policy: policy)
    }
    #expect(throws: TokenError.invalidClaim(.issuer)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","iss":["https://é.example"]"#), policy: policy)
    }
    _ = try SampleTokens.identity(SampleTokens.goodToken(adding: #","iss":"anyone""#))
  }

  @Test("is meant for one of the configured audiences")
  func audience() throws {
    let policy = TokenPolicy(audiences: ["fanfare", "jobs"])
    for value in [#""fanfare""#, #"["other","jobs"]"#, #"["jobs"]"#] {
      _ = try SampleTokens.identity(SampleTokens.goodToken(adding: #","aud":\#(value)"#), policy: policy)
    }
    for value in [#""other""#, #""Fanfare""#, #""fanfare ""#, "[]", #"["other","fanfares"]"#] {
      #expect(throws: TokenError.wrongAudience) {
        try SampleTokens.identity(SampleTokens.goodToken(adding: #","aud":\#(value)"#), policy: policy)
      }
    }
    for value in ["7", #"["fanfare",7]"#, "{}", "null"] {
      #expect(throws: TokenError.invalidClaim(.audience)) {
        try SampleTokens.identity(SampleTokens.goodToken(adding: #","aud":\#(value)"#), policy: policy)
      }
    }
    #expect(throws: TokenError.missingClaim(.audience)) {
      try SampleTokens.identity(SampleTokens.goodToken(), policy: policy)
    }
    _ = try SampleTokens.identity(SampleTokens.goodToken(adding: #","aud":"anyone""#))
  }

  // MARK: The user

  @Test("names its user", arguments: ["ada", "ada@example.com", "Ада", "é", "😀", "a b", "auth0|42"])
  func user(_ name: String) throws {
    #expect(try SampleTokens.identity(SampleTokens.token(#"{"sub":"\#(name)","exp":1800000600}"#)).user == name)
  }

  @Test(
    "names no user that could be taken for another, or hurt a log",
    arguments: [
      #""""#, "null", "42", #"["ada"]"#, #""a\u0000""#, #""a\nb""#, #""a\u007f""#, #""a\u0085b""#, #""a\u2028b""#,
      #""e\u0301""#,
      #""\u212b""#, "\"" + String(repeating: "x", count: 256) + "\"", "\"" + String(repeating: "é", count: 128) + "\"",
    ])
  func invalidUser(_ value: String) {
    #expect(throws: TokenError.invalidClaim(.subject)) {
      try SampleTokens.identity(SampleTokens.token(#"{"sub":\#(value),"exp":1800000600}"#))
    }
  }

  @Test("may name its user in 255 bytes, and must name one")
  func userLength() throws {
    let name = String(repeating: "x", count: 255)
    #expect(try SampleTokens.identity(SampleTokens.token(#"{"sub":"\#(name)","exp":1800000600}"#)).user == name)
    #expect(throws: TokenError.missingClaim(.subject)) {
      try SampleTokens.identity(SampleTokens.token(#"{"exp":1800000600}"#))
    }
  }

  @Test("has an id that is a string, if any", arguments: ["7", "null", #""""#, #""a\n""#])
  func tokenID(_ value: String) {
    #expect(throws: TokenError.invalidClaim(.tokenID)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","jti":\#(value)"#))
    }
  }

  // MARK: Scopes

  @Test(
    "grants the scopes it names, as words or as an array",
    arguments: [
      (#""scope":"jobs:submit jobs:read""#, [Scope.submit, .read]), (#""scope":"openid admin email""#, [.admin]),
      (#""scope":"  work  ""#, [.work]), (#""scope":"""#, []), (#""scope":"openid""#, []),
      (#""scopes":["jobs:manage","x"]"#, [.manage]),
      (#""scopes":[]"#, []),
    ])
  func scopes(_ member: String, _ scopes: [Scope]) throws {
    #expect(try SampleTokens.identity(SampleTokens.goodToken(adding: "," + member)).permissions == Permissions(scopes))
  }

  @Test("grants the configured scopes where it names none")
  func defaultScopes() throws {
    let policy = TokenPolicy(defaultPermissions: [.read])
    #expect(try SampleTokens.identity(SampleTokens.goodToken(), policy: policy).permissions == [.read])
    #expect(
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","scope":"""#), policy: policy).permissions == [])
  }

  @Test(
    "names scopes in one way",
    arguments: [
      (#""scope":["admin"]"#, TokenClaim.scope), (#""scope":7"#, .scope), (#""scope":null"#, .scope),
      (#""scopes":"admin""#, .scopes),
      (#""scopes":["admin",7]"#, .scopes), (#""scope":"admin","scopes":["admin"]"#, .scopes),
    ])
  func invalidScopes(_ member: String, _ claim: TokenClaim) {
    #expect(throws: TokenError.invalidClaim(claim)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: "," + member))
    }
  }

  // MARK: Channels

  @Test("lists channels; those in subs win")
  func channels() throws {
    #expect(
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","channels":["b","a"]"#)).channels == ["b", "a"])
    #expect(
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","channels":["x"],"subs":{"b":{"info":{}},"a":{}}"#))
        .channels == ["a", "b"])
    #expect(try SampleTokens.identity(SampleTokens.goodToken(adding: #","channels":["x"],"subs":{}"#)).channels == [])
  }

  @Test(
    "lists channels as names, and not too many",
    arguments: [
      (#""channels":"a""#, TokenClaim.channels), (#""channels":[7]"#, .channels), (#""channels":[""]"#, .channels),
      (#""channels":{"a":{}}"#, .channels),
      (#""subs":["a"]"#, .subscriptions), (#""subs":{"":{}}"#, .subscriptions), (#""subs":null"#, .subscriptions),
      (#""channels":["# + (0..<129).map { "\"\($0)\"" }.joined(separator: ",") + "]", .channels),
    ])
  func invalidChannels(_ member: String, _ claim: TokenClaim) {
    #expect(throws: TokenError.invalidClaim(claim)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: "," + member))
    }
  }

  @Test("is no subscription token, whatever its channel says", arguments: [#""job:7""#, "null", "7"])
  func notForConnecting(_ value: String) {
    #expect(throws: TokenError.notForConnecting) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: #","channel":\#(value)"#))
    }
  }

  // MARK: Form

  @Test(
    "has a JSON object for claims",
    arguments: ["", "[]", "null", "\"x\"", "{", #"{"sub":"ada","exp":1800000600}x"#, "{'sub':1}"])
  func claimsForm(_ claims: String) {
    #expect(throws: TokenError.malformed(.claimsNotJSON)) { try SampleTokens.identity(SampleTokens.token(claims)) }
  }

  @Test(
    "claims nothing twice",
    arguments: [#","sub":"eve""#, #","s\u0075b":"eve""#, #","exp":1900000000"#, #","x":{"y":1,"y":2}"#])
  func repeatedClaims(_ member: String) {
    #expect(throws: TokenError.malformed(.repeatedMember)) {
      try SampleTokens.identity(SampleTokens.goodToken(adding: member))
    }
  }

  @Test("is checked against some key")
  func configuration() {
    #expect(throws: KeyError.noUsableKey) { try Authenticator(keys: []) }
  }
}
