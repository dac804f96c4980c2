import Testing

@testable import Gateway

@Suite("A JSON Web Key Set") struct JSONWebKeySetTests {
  private func make(_ keys: String..., algorithm: TokenAlgorithm? = nil) throws(KeyError) -> JSONWebKeySet {
    try JSONWebKeySet(json: #"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8, algorithm: algorithm)
  }

  @Test("holds its keys in the order of the file")
  func order() throws {
    let set = try make("{\(JSONWebKeyTests.edwards),\"kid\":\"a\"}", "{\(JSONWebKeyTests.elliptic),\"kid\":\"b\"}")
    #expect(set.keys.map(\.id) == ["a", "b"])
    #expect(set.keys.map(\.algorithm) == [.edDSA, .es256])
    #expect(set.ignored.isEmpty)
  }

  @Test("passes over keys that are for others, and says which")
  func ignored() throws {
    let set = try make(
      "{\(JSONWebKeyTests.edwards)}", "{\(JSONWebKeyTests.rsa),\"alg\":\"RSA-OAEP\",\"use\":\"enc\"}",
      #"{"kty":"future"}"#, #"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#, #"{"kty":"EC","crv":"secp256k1"}"#,
      "{\(JSONWebKeyTests.rsa),\"alg\":\"RSA-OAEP\"}")
    #expect(set.keys.count == 1)
    #expect(
      set.ignored == [
        .init(index: 1, reason: .notForSignatures), .init(index: 2, reason: .unsupportedKeyType),
        .init(index: 3, reason: .unsupportedCurve), .init(index: 4, reason: .unsupportedCurve),
        .init(index: 5, reason: .unsupportedAlgorithm),
      ])
  }

  @Test("with a faulty key is refused, and the key's place is told")
  func faulty() {
    #expect(throws: KeyError.inKeySet(index: 1, .missingAlgorithm)) {
      try make("{\(JSONWebKeyTests.edwards)}", "{\(JSONWebKeyTests.rsa)}")
    }
    #expect(throws: KeyError.inKeySet(index: 0, .secretTooShort(.hs256, minimum: 32, found: 3))) {
      try make(#"{"kty":"oct","alg":"HS256","k":"AQAB"}"#)
    }
    #expect(throws: KeyError.inKeySet(index: 0, .malformedKeySet)) { try make("7") }
    #expect(throws: KeyError.inKeySet(index: 1, .repeatedKeyID("a"))) {
      try make("{\(JSONWebKeyTests.edwards),\"kid\":\"a\"}", "{\(JSONWebKeyTests.elliptic),\"kid\":\"a\"}")
    }
  }

  @Test("does not mix secrets with public keys")
  func mixed() {
    #expect(throws: KeyError.mixedKeySet) {
      try make("{\(JSONWebKeyTests.edwards)}", #"{"kty":"oct","alg":"HS256","k":"\#(JSONWebKeyTests.secret)"}"#)
    }
  }

  @Test("holds a key that can be used")
  func empty() {
    #expect(throws: KeyError.noUsableKey) { try make() }
    #expect(throws: KeyError.noUsableKey) { try make(#"{"kty":"future"}"#) }
  }

  @Test(
    "is an object with an array of keys",
    arguments: ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[],"keys":[]}"#, "{\"keys\":[]}}"])
  func form(_ text: String) {
    #expect(throws: KeyError.malformedKeySet) { try JSONWebKeySet(json: text.utf8) }
  }

  @Test("gives the configured algorithm to keys that name none")
  func configured() throws {
    #expect(try make("{\(JSONWebKeyTests.rsa)}", algorithm: .rs256).keys.map(\.algorithm) == [.rs256])
  }
}
