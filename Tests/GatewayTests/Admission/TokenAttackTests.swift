import Testing

@testable import Gateway

/// What RFC 8725 §2 and published advisories tell of, tried on a gateway with an RSA, an EC and an
/// Edwards key.
@Suite("An attacker") struct TokenAttackTests {
  private static let claims = #"{"sub":"root","scope":"admin","exp":1800000600}"#
  private static let gateway = try! Authenticator(keys: [
    VerificationKey(publicKeyPEM: PEMSamples.rsaPublic, algorithm: .rs256, id: "rsa"),
    VerificationKey(publicKeyPEM: PEMSamples.ecPublic, algorithm: .es256, id: "ec"),
    SampleTokens.key(.edDSA).verificationKey(),
  ])

  private func expect(_ error: TokenError, _ token: String) {
    #expect(throws: error) { try Self.gateway.authenticate(token, now: SampleTokens.now) }
  }

  private func text(_ header: String, _ claims: String = claims) -> String {
    Base64URL.encode(header.utf8) + "." + Base64URL.encode(claims.utf8)
  }

  @Test("gains nothing by leaving the signature out")
  func none() {
    for name in ["none", "None", "NONE"] {
      for signature in ["", "c2ln"] { expect(.algorithmNotAllowed, text(#"{"alg":"\#(name)"}"#) + "." + signature) }
    }
    expect(.badSignature, text(#"{"alg":"ES256"}"#) + ".")
    expect(.badSignature, text(#"{"alg":"RS256","kid":"rsa"}"#) + ".")
    expect(.badSignature, text(#"{"alg":"EdDSA"}"#) + ".")
  }

  @Test(
    "gains nothing by signing with the public key's text as a secret (CVE-2015-9235)",
    arguments: [
      PEMSamples.rsaPublic, PEMSamples.rsaPublic + "\n", PEMSamples.ecPublic, PEMSamples.rsaPublicPKCS1,
    ])
  func keyConfusion(_ pem: String) throws {
    // Not by SigningKey, which refuses such a secret: the attacker has other tools.
    for (algorithm, digest) in [("HS256", "SHA256"), ("HS512", "SHA512")] {
      for kid in ["", #","kid":"rsa""#, #","kid":"ec""#] {
        let text = text(#"{"alg":"\#(algorithm)"\#(kid)}"#)
        expect(
          .algorithmNotAllowed, text + "." + Base64URL.encode(hmac(digest, key: Array(pem.utf8), Array(text.utf8))))
      }
    }
  }

  @Test("gains nothing by bringing a key along", arguments: ["jwk", "jku", "x5u", "x5c"])
  func ownKey(_ field: String) throws {
    let own = try SigningKey(privateKeyPEM: PEMSamples.ecPrivate, algorithm: .es256)
    let gateway = try Authenticator(keys: [SampleTokens.key(.es256).verificationKey()])
    let value =
      switch field {
      case "jwk": RFCExampleTests.es256Key
      case "x5c": #"["AAAA"]"#
      default: #""https://attacker.example/keys""#
      }
    let token = TokenIssuer.sign(header: #"{"alg":"ES256","\#(field)":\#(value)}"#, payload: Self.claims, with: own)
    #expect(throws: TokenError.badSignature) { try gateway.authenticate(token, now: SampleTokens.now) }
    // The field alone does not spoil a token: it is not looked at.
    let honest = TokenIssuer.sign(
      header: #"{"alg":"ES256","\#(field)":\#(value)}"#, payload: Self.claims, with: SampleTokens.key(.es256))
    #expect(try gateway.authenticate(honest, now: SampleTokens.now).user == "root")
  }

  @Test(
    "gains nothing by a key id that is a path, a query or a URL",
    arguments: [
      "../../../../dev/null", "/dev/null", "' UNION SELECT 'x", "rsa'; --", "https://attacker.example/key.pem",
      "rsa\\u0000", "RSA", "",
      "*", "rsa ",
    ])
  func keyID(_ id: String) throws {
    let token = TokenIssuer.sign(
      header: #"{"alg":"RS256","kid":"\#(id)"}"#, payload: Self.claims, with: SampleTokens.key(.rs256))
    expect(.unknownKey, token)
  }

  @Test("gains nothing by signatures made of zeros (CVE-2022-21449)")
  func psychicSignatures() {
    for fill in [UInt8(0), 1, 0xFF] {
      expect(.badSignature, text(#"{"alg":"ES256"}"#) + "." + Base64URL.encode(Array(repeating: fill, count: 64)))
      expect(.badSignature, text(#"{"alg":"EdDSA"}"#) + "." + Base64URL.encode(Array(repeating: fill, count: 64)))
      expect(.badSignature, text(#"{"alg":"RS256"}"#) + "." + Base64URL.encode(Array(repeating: fill, count: 256)))
    }
    // The order of P-256, which is 0 in its arithmetic.
    let order: [UInt8] = [
      0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7,
      0x17, 0x9E, 0x84,
      0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ]
    expect(.badSignature, text(#"{"alg":"ES256"}"#) + "." + Base64URL.encode(order + order))
  }

  @Test("cannot hand in a DER signature where r || s belongs")
  func derSignature() throws {
    let signer = try SigningKey(privateKeyPEM: PEMSamples.ecPrivate, algorithm: .es256)
    let text = text(#"{"alg":"ES256"}"#)
    let raw = signer.sign(Array(text.utf8))
    #expect(try Self.gateway.authenticate(text + "." + Base64URL.encode(raw), now: SampleTokens.now).user == "root")
    expect(.badSignature, text + "." + Base64URL.encode(ECDSASignature.der(raw: raw)))
  }

  @Test("cannot respell a good token: it has one spelling")
  func malleability() throws {
    let signer = try SigningKey(privateKeyPEM: PEMSamples.rsaPrivate, algorithm: .rs256)
    let token = TokenIssuer.sign(header: #"{"alg":"RS256"}"#, payload: Self.claims, with: signer)
    _ = try Self.gateway.authenticate(token, now: SampleTokens.now)
    // 256 bytes leave four bits unused in the last character: 15 others decode alike where decoders are lax.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    let accepted = alphabet.filter { last in
      (try? Self.gateway.authenticate(token.dropLast() + String(last), now: SampleTokens.now)) != nil
    }
    #expect(accepted == String(token.suffix(1)))
    for other in [
      token + "=", token + "==", token + "\n", " " + token, token + ".", token.replacing(".", with: "=."),
      token + "\u{0}",
    ] {
      #expect(throws: TokenError.self) { try Self.gateway.authenticate(other, now: SampleTokens.now) }
    }
  }

  @Test("cannot cut a good token short, anywhere")
  func truncation() throws {
    let token = SampleTokens.goodToken()
    let gateway = try SampleTokens.authenticator()
    for count in 0..<token.count {
      #expect(throws: TokenError.self) { try gateway.authenticate(token.prefix(count), now: SampleTokens.now) }
    }
    _ = try gateway.authenticate(token, now: SampleTokens.now)
  }

  @Test("cannot move a signature to other claims, or another header")
  func transplant() throws {
    let good = SampleTokens.goodToken().split(separator: ".").map(String.init)
    let gateway = try SampleTokens.authenticator()
    let evil = Base64URL.encode(#"{"sub":"root","exp":1800000600}"#.utf8)
    let header = Base64URL.encode(#"{"alg":"HS256","typ":"JWT"}"#.utf8)
    for parts in [[good[0], evil, good[2]], [header, good[1], good[2]], [good[1], good[0], good[2]]] {
      #expect(throws: TokenError.self) { try gateway.authenticate(parts.joined(separator: "."), now: SampleTokens.now) }
    }
  }

  @Test("cannot use another algorithm with the same key: PSS for PKCS #1, another hash")
  func mixedFamilies() throws {
    for algorithm in [TokenAlgorithm.ps256, .rs384, .rs512, .ps512] {
      let signer = try SigningKey(privateKeyPEM: PEMSamples.rsaPrivate, algorithm: algorithm)
      for kid in ["", #","kid":"rsa""#] {
        expect(
          .algorithmNotAllowed,
          TokenIssuer.sign(header: #"{"alg":"\#(algorithm.rawValue)"\#(kid)}"#, payload: Self.claims, with: signer))
        // Or claims to be what the key takes.
        expect(.badSignature, TokenIssuer.sign(header: #"{"alg":"RS256"\#(kid)}"#, payload: Self.claims, with: signer))
      }
    }
  }

  @Test("cannot exhaust the gateway: length and depth are bounded before anything is computed")
  func exhaustion() {
    expect(.tooLong(limit: 8192), String(repeating: "a", count: 10_000_000))
    expect(.malformed(.segments), String(repeating: ".", count: 8192))
    expect(.malformed(.headerNotJSON), text(String(repeating: "[", count: 5000)) + ".c2ln")
    expect(.malformed(.headerNotJSON), text(#"{"alg":"# + String(repeating: "{\"a\":", count: 900)) + ".c2ln")
  }

  @Test("cannot send an encrypted token, or one in JSON")
  func otherForms() {
    expect(.malformed(.segments), "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA")
    expect(.malformed(.segments), #"{"payload":"e30","protected":"e30","signature":"c2ln"}"#)
  }

  @Test("learns nothing of the token from a refusal, and an operator's log does not keep it")
  func refusals() throws {
    let errors: [TokenError] = [
      .tooLong(limit: 8192), .malformed(.segments), .malformed(.base64), .malformed(.headerNotJSON),
      .malformed(.headerField),
      .malformed(.claimsNotJSON), .malformed(.repeatedMember), .wrongType, .unsupportedExtension, .algorithmNotAllowed,
      .unknownKey,
      .badSignature, .expired, .notYetValid, .wrongIssuer, .wrongAudience, .missingClaim(.expiration),
      .invalidClaim(.subject),
      .notForConnecting, .wrongChannel, .wrongUser, .wrongClient,
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
    #expect(errors.allSatisfy { $0.description.hasSuffix(".") })
    #expect(TokenError.missingClaim(.expiration).description == #"The token lacks the claim "exp"."#)
  }
}
