import Testing

@testable import Gateway

@Suite("A signing key") struct SigningKeyTests {
  @Test(
    "is read from every kind of private PEM",
    arguments: [
      (PEMSamples.rsaPrivate, TokenAlgorithm.rs256), (PEMSamples.rsaPrivatePKCS1, .ps512),
      (PEMSamples.ecPrivate, .es256),
      (PEMSamples.ecPrivateSEC1, .es256), (PEMSamples.edPrivate, .edDSA),
    ])
  func pem(_ pem: String, _ algorithm: TokenAlgorithm) throws {
    let key = try SigningKey(privateKeyPEM: pem, algorithm: algorithm)
    let message = Array("a message".utf8)
    let signature = key.sign(message)
    let verifier = try key.verificationKey()
    #expect(message.withUnsafeBytes { verifier.accepts(signature, over: $0) })
  }

  @Test(
    "is private, readable and not encrypted: no passphrase is ever asked for",
    arguments: [
      PEMSamples.ecPublic, PEMSamples.ecPrivateEncrypted, "",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ])
  func unreadable(_ text: String) {
    #expect(throws: KeyError.self) { try SigningKey(privateKeyPEM: text, algorithm: .es256) }
    #expect(!hasPendingOpenSSLError)
  }

  @Test("has two halves that belong together")
  func mismatch() {
    #expect(throws: KeyError.self) {
      try SigningKey(privateKeyPEM: PEMSamples.ecPrivateMismatched, algorithm: .es256)
    }
  }

  @Test("is of the kind and curve that its algorithm takes")
  func kind() {
    #expect(throws: KeyError.wrongKeyType(.rs256)) {
      try SigningKey(privateKeyPEM: PEMSamples.ecPrivate, algorithm: .rs256)
    }
    #expect(throws: KeyError.wrongCurve(.es384)) {
      try SigningKey(privateKeyPEM: PEMSamples.ecPrivate, algorithm: .es384)
    }
    #expect(throws: KeyError.wrongKeyType(.hs256)) {
      try SigningKey(privateKeyPEM: PEMSamples.ecPrivate, algorithm: .hs256)
    }
    #expect(throws: KeyError.secretTooShort(.hs512, minimum: 64, found: 32)) {
      try SigningKey(secret: SampleTokens.secret, algorithm: .hs512)
    }
  }

  @Test("gives its public half to verifiers, and its private half to be kept", arguments: TokenAlgorithm.allCases)
  func halves(_ algorithm: TokenAlgorithm) throws {
    let key = SampleTokens.key(algorithm)
    let message = Array("a message".utf8)
    if algorithm.isSymmetric {
      #expect(key.publicKeyPEM == nil)
      #expect(key.privateKeyPEM == nil)
      let copy = try SigningKey(secret: #require(key.secret), algorithm: algorithm)
      #expect(copy.sign(message) == key.sign(message))
    } else {
      #expect(key.secret == nil)
      let verifier = try VerificationKey(publicKeyPEM: #require(key.publicKeyPEM), algorithm: algorithm)
      let copy = try SigningKey(privateKeyPEM: #require(key.privateKeyPEM), algorithm: algorithm)
      let signature = copy.sign(message)
      #expect(message.withUnsafeBytes { verifier.accepts(signature, over: $0) })
    }
  }

  @Test("is another one each time it is generated")
  func generation() throws {
    #expect(try SigningKey.generate(.hs256).secret != SigningKey.generate(.hs256).secret)
    #expect(try SigningKey.generate(.hs512).secret?.count == 64)
    #expect(try SigningKey.generate(.edDSA).publicKeyPEM != SigningKey.generate(.edDSA).publicKeyPEM)
  }
}
