import Testing

@testable import Gateway

@Suite("A key ring") struct KeyRingTests {
  private static let first = try! SigningKey.generate(.hs256, id: "first")
  private static let second = try! SigningKey.generate(.hs256, id: "second")
  private static let nameless = try! SigningKey.generate(.hs256)
  private static let elliptic = try! SigningKey.generate(.es256, id: "elliptic")

  private func ring(_ keys: SigningKey...) throws -> KeyRing {
    try KeyRing(keys.map { key in try key.verificationKey() })
  }

  private func token(_ header: String, by key: SigningKey) throws -> JSONWebToken {
    try JSONWebToken(parsing: TokenIssuer.sign(header: header, payload: "{}", with: key))
  }

  @Test("uses the key a token names, and no other")
  func named() throws {
    let ring = try ring(Self.first, Self.second, Self.nameless)
    try ring.verify(token(#"{"alg":"HS256","kid":"second"}"#, by: Self.second))
    #expect(throws: TokenError.badSignature) {
      try ring.verify(token(#"{"alg":"HS256","kid":"second"}"#, by: Self.first))
    }
    #expect(throws: TokenError.badSignature) {
      try ring.verify(token(#"{"alg":"HS256","kid":"second"}"#, by: Self.nameless))
    }
  }

  @Test("tries every key of the algorithm where a token names none")
  func unnamed() throws {
    let ring = try ring(Self.first, Self.elliptic, Self.second, Self.nameless)
    for key in [Self.first, Self.second, Self.nameless] { try ring.verify(token(#"{"alg":"HS256"}"#, by: key)) }
    try ring.verify(token(#"{"alg":"ES256"}"#, by: Self.elliptic))
    let stranger = try SigningKey.generate(.hs256)
    #expect(throws: TokenError.badSignature) { try ring.verify(token(#"{"alg":"HS256"}"#, by: stranger)) }
  }

  @Test("leaves a name that it does not know to the keys without one: a secret has none, whatever the issuer writes")
  func unknownName() throws {
    let header = #"{"alg":"HS256","kid":"rotated"}"#
    try ring(Self.first, Self.nameless).verify(token(header, by: Self.nameless))
    #expect(throws: TokenError.badSignature) {
      try ring(Self.first, Self.nameless).verify(token(header, by: Self.first))
    }
    #expect(throws: TokenError.unknownKey) { try ring(Self.first).verify(token(header, by: Self.first)) }
  }

  @Test("never uses a key with another algorithm than its own")
  func algorithm() throws {
    let ring = try ring(Self.first, Self.elliptic)
    #expect(throws: TokenError.algorithmNotAllowed) {
      try ring.verify(token(#"{"alg":"HS256","kid":"elliptic"}"#, by: Self.first))
    }
    #expect(throws: TokenError.algorithmNotAllowed) { try ring.verify(token(#"{"alg":"HS384"}"#, by: Self.first)) }
  }

  @Test("is not made of nothing, nor of two keys with one name")
  func configuration() throws {
    #expect(throws: KeyError.noUsableKey) { try KeyRing([]) }
    #expect(throws: KeyError.repeatedKeyID("first")) { try ring(Self.first, Self.first) }
  }
}
