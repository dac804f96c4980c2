import Testing

@testable import Gateway

@Suite("A verification key") struct VerificationKeyTests {
  @Test(
    "of a secret is at least as long as its hash",
    arguments: [
      (TokenAlgorithm.hs256, 32), (.hs384, 48), (.hs512, 64),
    ])
  func secretLength(_ algorithm: TokenAlgorithm, _ minimum: Int) throws {
    _ = try VerificationKey(secret: Array(repeating: 7, count: minimum), algorithm: algorithm)
    #expect(throws: KeyError.secretTooShort(algorithm, minimum: minimum, found: minimum - 1)) {
      try VerificationKey(secret: Array(repeating: 7, count: minimum - 1), algorithm: algorithm)
    }
    #expect(throws: KeyError.secretTooShort(algorithm, minimum: minimum, found: 0)) {
      try VerificationKey(secret: [], algorithm: algorithm)
    }
  }

  @Test(
    "is never a public key's text taken for a secret",
    arguments: [
      PEMSamples.rsaPublic, PEMSamples.rsaPublicPKCS1, PEMSamples.rsaCertificate, PEMSamples.ecPublic,
      "\n" + PEMSamples.ecPublic,
    ])
  func secretIsPEM(_ pem: String) {
    #expect(throws: KeyError.secretIsPEM) { try VerificationKey(secret: pem.utf8, algorithm: .hs256) }
  }

  @Test("of a secret is for HMAC only", arguments: TokenAlgorithm.allCases.filter { !$0.isSymmetric })
  func secretAlgorithm(_ algorithm: TokenAlgorithm) {
    #expect(throws: KeyError.wrongKeyType(algorithm)) {
      try VerificationKey(secret: SampleTokens.secret, algorithm: algorithm)
    }
  }

  @Test(
    "is read from every kind of PEM that holds a public key",
    arguments: [
      PEMSamples.rsaPublic, PEMSamples.rsaPublicPKCS1, PEMSamples.rsaCertificate,
    ])
  func pem(_ pem: String) throws {
    let key = try VerificationKey(publicKeyPEM: pem, algorithm: .rs256)
    #expect(try JSONWebToken(parsing: RFCExampleTests.rs256).isSigned(by: key))
  }

  @Test("on an elliptic curve is read from PEM")
  func ellipticPEM() throws {
    let key = try VerificationKey(publicKeyPEM: PEMSamples.ecPublic, algorithm: .es256)
    #expect(try JSONWebToken(parsing: RFCExampleTests.es256).isSigned(by: key))
  }

  @Test(
    "is public: a private one is sent back",
    arguments: [
      PEMSamples.rsaPrivate, PEMSamples.rsaPrivatePKCS1, PEMSamples.ecPrivate, PEMSamples.ecPrivateSEC1,
      PEMSamples.ecPrivateEncrypted, PEMSamples.edPrivate,
    ])
  func privatePEM(_ pem: String) {
    for algorithm in [TokenAlgorithm.rs256, .es256, .edDSA] {
      #expect(throws: KeyError.privateKey) { try VerificationKey(publicKeyPEM: pem, algorithm: algorithm) }
    }
  }

  @Test(
    "is not read from anything else",
    arguments: [
      "", "secret", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
      String(PEMSamples.rsaPublic.dropLast(40)), "-----BEGIN PUBLIC KEY-----",
    ])
  func unreadable(_ text: String) {
    #expect(throws: KeyError.unreadablePEM) { try VerificationKey(publicKeyPEM: text, algorithm: .rs256) }
  }

  @Test("is of the kind and curve that its algorithm takes")
  func kind() {
    func make(_ pem: String, _ algorithm: TokenAlgorithm) throws(KeyError) {
      _ = try VerificationKey(publicKeyPEM: pem, algorithm: algorithm)
    }
    #expect(throws: KeyError.wrongKeyType(.es256)) { try make(PEMSamples.rsaPublic, .es256) }
    #expect(throws: KeyError.wrongKeyType(.edDSA)) { try make(PEMSamples.rsaPublic, .edDSA) }
    #expect(throws: KeyError.wrongKeyType(.rs256)) { try make(PEMSamples.ecPublic, .rs256) }
    #expect(throws: KeyError.wrongKeyType(.hs256)) { try make(PEMSamples.ecPublic, .hs256) }
    #expect(throws: KeyError.wrongCurve(.es384)) { try make(PEMSamples.ecPublic, .es384) }
    #expect(throws: KeyError.wrongCurve(.es256)) { try make(PEMSamples.secp256k1Public, .es256) }
    #expect(throws: KeyError.wrongModulusSize(bits: 1024)) { try make(PEMSamples.rsaPublic1024, .rs256) }
  }

  @Test("with a curve spelled out is the named curve or nothing")
  func explicitCurve() throws {
    // OpenSSL recognises the numbers of P-256; with others the curve would have no name, and be refused.
    let key = try? VerificationKey(publicKeyPEM: PEMSamples.ecPublicExplicit, algorithm: .es256)
    if let key { #expect(try JSONWebToken(parsing: RFCExampleTests.es256).isSigned(by: key)) }
  }

  @Test("leaves no error behind for libssl to find")
  func errorQueue() throws {
    _ = try? VerificationKey(
      publicKeyPEM: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", algorithm: .rs256)
    #expect(!hasPendingOpenSSLError)
    let key = try VerificationKey(publicKeyPEM: PEMSamples.ecPublic, algorithm: .es256)
    #expect(!key.accepts(Array(repeating: 0xFF, count: 64), over: UnsafeRawBufferPointer(start: nil, count: 0)))
    #expect(!hasPendingOpenSSLError)
  }

  @Test("accepts what its own algorithm signed, and nothing that another did", arguments: TokenAlgorithm.allCases)
  func everyAlgorithm(_ algorithm: TokenAlgorithm) throws {
    let key = try SampleTokens.key(algorithm).verificationKey()
    let message = Array("a message".utf8)
    for other in TokenAlgorithm.allCases {
      let signature = SampleTokens.key(other).sign(message)
      #expect(message.withUnsafeBytes { key.accepts(signature, over: $0) } == (other == algorithm))
    }
  }

  @Test("refuses every truncation and every extension of a signature", arguments: TokenAlgorithm.allCases)
  func length(_ algorithm: TokenAlgorithm) throws {
    let key = try SampleTokens.key(algorithm).verificationKey()
    let message = Array("a message".utf8)
    let signature = SampleTokens.key(algorithm).sign(message)
    message.withUnsafeBytes { message in
      for count in 0..<signature.count { #expect(!key.accepts(Array(signature.prefix(count)), over: message)) }
      #expect(!key.accepts(signature + [0], over: message))
      #expect(!key.accepts([0] + signature, over: message))
      #expect(!key.accepts(signature + signature, over: message))
    }
  }

  @Test("refuses a signature with any bit changed", arguments: TokenAlgorithm.allCases)
  func bits(_ algorithm: TokenAlgorithm) throws {
    let key = try SampleTokens.key(algorithm).verificationKey()
    let message = Array("a message".utf8)
    let signature = SampleTokens.key(algorithm).sign(message)
    message.withUnsafeBytes { message in
      for place in stride(from: 0, to: signature.count, by: 5) {
        var changed = signature
        changed[place] ^= 1 << (place % 8)
        #expect(!key.accepts(changed, over: message))
      }
    }
  }

  @Test("may be used by several threads at once")
  func concurrency() async throws {
    let message = Array("a message".utf8)
    for algorithm in [TokenAlgorithm.hs256, .rs256, .ps256, .es256, .edDSA] {
      let key = try SampleTokens.key(algorithm).verificationKey()
      let signature = SampleTokens.key(algorithm).sign(message)
      let accepted = await withTaskGroup(of: Int.self) { group in
        for _ in 0..<4 {
          group.addTask { @concurrent in
            (0..<50).count { _ in message.withUnsafeBytes { key.accepts(signature, over: $0) } }
          }
        }
        return await group.reduce(0, +)
      }
      #expect(accepted == 200)
    }
  }
}
