import Testing

@testable import Gateway

@Suite("A JSON Web Key") struct JSONWebKeyTests {
  static let secret = Base64URL.encode(Array(repeating: 7, count: 64))
  static let edwards = #""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#
  static let elliptic =
    #""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
    + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#
  static let rsa = String(RFCExampleTests.rs256Key.dropFirst().dropLast())

  private func make(_ members: String, algorithm: TokenAlgorithm? = nil) throws(KeyError) -> VerificationKey {
    try JSONWebKey(json: "{\(members)}".utf8, algorithm: algorithm).verificationKey()
  }

  @Test("has the algorithm it names, or the only one that its curve leaves")
  func algorithm() throws {
    #expect(try make(Self.elliptic).algorithm == .es256)
    #expect(try make(Self.elliptic + #","alg":"ES256""#).algorithm == .es256)
    #expect(try make(Self.edwards).algorithm == .edDSA)
    #expect(try make(Self.rsa + #","alg":"PS384""#).algorithm == .ps384)
    #expect(try make(#""kty":"oct","alg":"HS512","k":"\#(Self.secret)""#).algorithm == .hs512)
  }

  @Test("of RSA or a secret takes the configured algorithm, and needs one")
  func configuredAlgorithm() throws {
    let secret = #""kty":"oct","k":"\#(Self.secret)""#
    #expect(throws: KeyError.missingAlgorithm) { try make(Self.rsa) }
    #expect(throws: KeyError.missingAlgorithm) { try make(secret) }
    #expect(try make(Self.rsa, algorithm: .rs512).algorithm == .rs512)
    #expect(try make(secret, algorithm: .hs256).algorithm == .hs256)
    // The key's own word comes first, and a curve needs none.
    #expect(try make(Self.rsa + #","alg":"RS256""#, algorithm: .ps256).algorithm == .rs256)
    #expect(try make(Self.elliptic, algorithm: .rs256).algorithm == .es256)
  }

  @Test("names an algorithm of its own kind")
  func kind() {
    #expect(throws: KeyError.wrongKeyType(.hs256)) { try make(Self.rsa + #","alg":"HS256""#) }
    #expect(throws: KeyError.wrongKeyType(.hs256)) { try make(Self.rsa, algorithm: .hs256) }
    #expect(throws: KeyError.wrongKeyType(.rs256)) { try make(#""kty":"oct","alg":"RS256","k":"\#(Self.secret)""#) }
    #expect(throws: KeyError.wrongKeyType(.es256)) { try make(Self.edwards + #","alg":"ES256""#) }
    #expect(throws: KeyError.wrongKeyType(.edDSA)) { try make(Self.elliptic + #","alg":"EdDSA""#) }
    #expect(throws: KeyError.wrongCurve(.es384)) { try make(Self.elliptic + #","alg":"ES384""#) }
  }

  @Test("keeps its id")
  func id() throws {
    #expect(try make(Self.edwards + #","kid":"2024-05""#).id == "2024-05")
    #expect(try make(Self.edwards).id == nil)
    #expect(throws: KeyError.malformedMember("kid")) { try make(Self.edwards + #","kid":7"#) }
  }

  @Test("is for verifying, if it says what it is for")
  func purpose() throws {
    _ = try make(Self.edwards + #","use":"sig","key_ops":["verify"]"#)
    _ = try make(Self.edwards + #","key_ops":["sign","verify"]"#)
    #expect(throws: KeyError.notForSignatures) { try make(Self.edwards + #","use":"enc""#) }
    #expect(throws: KeyError.notForSignatures) { try make(Self.edwards + #","key_ops":["sign"]"#) }
    #expect(throws: KeyError.notForSignatures) { try make(Self.edwards + #","key_ops":[]"#) }
    #expect(throws: KeyError.malformedMember("key_ops")) { try make(Self.edwards + #","key_ops":"verify""#) }
  }

  @Test("has no private half")
  func privateHalf() {
    for members in [Self.edwards, Self.elliptic, Self.rsa + #","alg":"RS256""#] {
      #expect(throws: KeyError.privateKey) { try make(members + #","d":"AQAB""#) }
    }
  }

  @Test(
    "has numbers of the right length and form",
    arguments: [
      (#""kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB""#, "x"), (#""kty":"OKP","crv":"Ed25519","x":"AQAB""#, "x"),
      (#""kty":"OKP","crv":"Ed25519""#, "x"), (#""kty":"RSA","alg":"RS256","n":"AQAB=","e":"AQAB""#, "n"),
      (#""kty":"RSA","alg":"RS256","n":"AQAB""#, "e"), (#""kty":"RSA","alg":"RS256","e":"AQAB","n":7"#, "n"),
      (#""kty":"oct","alg":"HS256","k":"""#, "k"), (#""kty":"oct","alg":"HS256""#, "k"), (#""kty":"EC""#, "crv"),
      (#""alg":"HS256""#, "kty"),
    ])
  func members(_ members: String, _ name: String) {
    #expect(throws: KeyError.malformedMember(name)) { try make(members) }
  }

  @Test("lies on its curve")
  func point() {
    let off = Self.elliptic.replacing("x_FEz", with: "x_FEy")
    #expect(throws: KeyError.invalidKey) { try make(off) }
    let zero = Base64URL.encode(Array(repeating: 0, count: 32))
    #expect(throws: KeyError.invalidKey) { try make(#""kty":"EC","crv":"P-256","x":"\#(zero)","y":"\#(zero)""#) }
  }

  @Test("of RSA has an odd exponent above 1, a modulus of at least 2048 bits and no more than 8192")
  func rsa() {
    func key(_ modulus: [UInt8], _ exponent: String) throws(KeyError) {
      _ = try make(#""kty":"RSA","alg":"RS256","n":"\#(Base64URL.encode(modulus))","e":"\#(exponent)""#)
    }
    let good = Self.rsa + #","alg":"RS256""#
    for exponent in ["AQ", "Ag", "AA", "AQAA"] {
      #expect(throws: KeyError.invalidKey) { try make(good.replacing("AQAB", with: exponent)) }
    }
    #expect(throws: KeyError.wrongModulusSize(bits: 2040)) { try key(Array(repeating: 0xFF, count: 255), "AQAB") }
    #expect(throws: KeyError.wrongModulusSize(bits: 8200)) { try key(Array(repeating: 0xFF, count: 1025), "AQAB") }
    // Even, and divisible by 3.
    #expect(throws: KeyError.invalidKey) { try key(Array(repeating: 0xFE, count: 256), "AQAB") }
    #expect(throws: KeyError.invalidKey) { try key(Array(repeating: 0xFF, count: 256), "AQAB") }
  }

  @Test("may write its modulus with a zero in front, as some issuers do")
  func leadingZero() throws {
    let modulus = try #require(try StrictJSON(parsing: Array("{\(Self.rsa)}".utf8)).object?["n"]?.string)
    let bytes = try #require(Base64URL.decode(modulus.utf8))
    let key = try make(#""kty":"RSA","alg":"RS256","e":"AQAB","n":"\#(Base64URL.encode([0] + bytes))""#)
    #expect(try JSONWebToken(parsing: RFCExampleTests.rs256).isSigned(by: key))
  }

  @Test("of Ed448 verifies as well")
  func ed448() throws {
    let message = Array("a message".utf8)
    let (key, signature) = try VerificationKey.ed448(signing: message)
    #expect(signature.count == 114)
    #expect(message.withUnsafeBytes { key.accepts(signature, over: $0) })
    #expect(!message.dropLast().withUnsafeBytes { key.accepts(signature, over: $0) })
  }
}
