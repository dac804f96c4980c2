import COpenSSL

/// An asymmetric key in OpenSSL's memory.
///
/// A key that exists here passed its checks: size, curve, point, and that an algorithm takes it.
final class KeyHandle: Sendable {
  /// OpenSSL counts references to a key atomically and only reads it while it signs or verifies.
  nonisolated(unsafe) let pointer: OpaquePointer

  /// 2048 is the least of RFC 7518 §3.3; above 8192 one check would hold the event loop too long.
  static let modulusBits = 2048...8192

  /// Takes the key, which must be new and not shared.
  private init(taking pointer: OpaquePointer?, or fault: KeyError) throws(KeyError) {
    guard let pointer else {
      forgetOpenSSLErrors()
      throw fault
    }
    self.pointer = pointer
  }

  deinit { EVP_PKEY_free(pointer) }

  /// An RSA key from its numbers, big-endian.
  convenience init(modulus: [UInt8], exponent: [UInt8]) throws(KeyError) {
    try self.init(
      taking: COpenSSLPublicKeyRSA(modulus, modulus.count, exponent, exponent.count), or: .invalidKey)
  }

  /// An EC key from its coordinates, each as long as the curve's field.
  convenience init(curve: Curve, x: [UInt8], y: [UInt8]) throws(KeyError) {
    let point = [0x04] + x + y
    try self.init(taking: COpenSSLPublicKeyEC(curve.groupName, point, point.count), or: .invalidKey)
  }

  /// An Edwards key from its encoded point.
  convenience init(curve: EdwardsCurve, x: [UInt8]) throws(KeyError) {
    try self.init(
      taking: EVP_PKEY_new_raw_public_key_ex(nil, curve.rawValue, nil, x, x.count), or: .invalidKey)
  }

  /// A public key from PEM: `PUBLIC KEY`, `RSA PUBLIC KEY`, or the key of a `CERTIFICATE`.
  ///
  /// Of a certificate nothing but the key is used: dates and names are the operator's matter.
  convenience init(publicPEM text: String) throws(KeyError) {
    guard !text.contains("PRIVATE KEY-----") else { throw .privateKey }
    let isCertificate = text.contains("-----BEGIN CERTIFICATE-----")
    try self.init(
      taking: isCertificate ? Self.certified(text) : Self.decoded(text, COpenSSLSelectPublicKey),
      or: .unreadablePEM)
  }

  /// A private key from PEM: PKCS #8, or the older `RSA` and `EC PRIVATE KEY`; not an encrypted one.
  convenience init(privatePEM text: String) throws(KeyError) {
    try self.init(taking: Self.decoded(text, COpenSSLSelectKeyPair), or: .unreadablePEM)
  }

  /// A new key pair for the algorithm, which must not be an HMAC.
  convenience init(generatedFor algorithm: TokenAlgorithm) throws(KeyError) {
    switch algorithm.family {
    case .rsa, .rsaPSS:
      try self.init(taking: COpenSSLGenerateRSA(Self.modulusBits.lowerBound), or: .invalidKey)
    case .ecdsa: try self.init(taking: COpenSSLGenerateEC(algorithm.curve?.groupName), or: .invalidKey)
    case .edwards: try self.init(generating: .ed25519)
    case .hmac: preconditionFailure("a key pair for a secret's algorithm")
    }
  }

  /// A new key pair on an Edwards curve.
  convenience init(generating curve: EdwardsCurve) throws(KeyError) {
    try self.init(taking: COpenSSLGenerate(curve.rawValue), or: .invalidKey)
  }

  /// The public half as PEM (`PUBLIC KEY`).
  var publicPEM: String { pem { PEM_write_bio_PUBKEY($0, pointer) } }

  /// The private half as PEM (`PRIVATE KEY`), not encrypted; empty if there is none.
  var privatePEM: String { pem { PEM_write_bio_PrivateKey($0, pointer, nil, nil, 0, nil, nil) } }
}

extension KeyHandle {
  /// Throws unless the algorithm takes this key and the key is sound.
  ///
  /// Costs milliseconds for RSA: it is for configuration, not for tokens.
  func check(for algorithm: TokenAlgorithm) throws(KeyError) {
    defer { forgetOpenSSLErrors() }
    switch algorithm.family {
    case .hmac: throw .wrongKeyType(algorithm)
    case .rsa, .rsaPSS:
      guard EVP_PKEY_is_a(pointer, "RSA") == 1 else { throw .wrongKeyType(algorithm) }
      let bits = Int(EVP_PKEY_get_bits(pointer))
      guard Self.modulusBits ~= bits else { throw .wrongModulusSize(bits: bits) }
      guard !hasROCAFingerprint else { throw .weakModulus }
    case .ecdsa:
      guard EVP_PKEY_is_a(pointer, "EC") == 1 else { throw .wrongKeyType(algorithm) }
      guard groupName == algorithm.curve?.groupName else { throw .wrongCurve(algorithm) }
    case .edwards:
      guard edwardsCurve != nil else { throw .wrongKeyType(algorithm) }
      // Every string of the right length decodes to what verification then accepts or refuses.
      return
    }
    let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil)
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_public_check(context) == 1 else { throw .invalidKey }
  }

  /// Whether the private half is there and belongs to the public one.
  var isPair: Bool {
    defer { forgetOpenSSLErrors() }
    let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil)
    defer { EVP_PKEY_CTX_free(context) }
    return EVP_PKEY_pairwise_check(context) == 1
  }

  /// The Edwards curve of the key, if it is on one.
  var edwardsCurve: EdwardsCurve? {
    EdwardsCurve.allCases.first { EVP_PKEY_is_a(pointer, $0.rawValue) == 1 }
  }

  /// Bytes of a signature made with this key: of `r || s` for ECDSA.
  func signatureLength(for algorithm: TokenAlgorithm) -> Int {
    if let curve = algorithm.curve { 2 * curve.coordinateLength } else { Int(EVP_PKEY_get_size(pointer)) }
  }

  private var groupName: String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 80) { name in
      guard EVP_PKEY_get_group_name(pointer, name.baseAddress, name.count, nil) == 1,
        let start = name.baseAddress
      else { return nil }
      return String(cString: start)
    }
  }

  /// Whether the modulus bears the mark of the generator of CVE-2017-15361: for each of these primes it is a
  /// power of 65537. One sound key in about 2²⁷ bears it too.
  private var hasROCAFingerprint: Bool {
    var modulus: OpaquePointer?
    guard EVP_PKEY_get_bn_param(pointer, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 else { return false }
    defer { BN_free(modulus) }
    return Self.fingerprintPrimes.allSatisfy { prime in
      let remainder = BN_mod_word(modulus, UInt(prime))
      var power: UInt = 1
      for _ in 1..<prime {
        if power == remainder { return true }
        power = power * 65537 % UInt(prime)
      }
      return false
    }
  }

  /// The odd primes to 167.
  private static let fingerprintPrimes = stride(from: 3, through: 167, by: 2).filter { candidate in
    !stride(from: 3, to: candidate, by: 2).contains { candidate % $0 == 0 }
  }

  private static func decoded(_ text: String, _ selection: some BinaryInteger) -> OpaquePointer? {
    var key: OpaquePointer?
    // No passphrase callback is set: an encrypted key fails at once instead of asking the terminal.
    let context = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", nil, nil, CInt(selection), nil, nil)
    defer { OSSL_DECODER_CTX_free(context) }
    let isDecoded = withMemory(text) { OSSL_DECODER_from_bio(context, $0) == 1 }
    return isDecoded ? key : nil
  }

  private static func certified(_ text: String) -> OpaquePointer? {
    // An empty passphrase, so that none is asked of the terminal.
    var passphrase: CChar = 0
    let certificate = withMemory(text) { PEM_read_bio_X509($0, nil, nil, &passphrase) }
    defer { X509_free(certificate) }
    return X509_get_pubkey(certificate)
  }

  private static func withMemory<Result>(_ text: String, _ body: (OpaquePointer?) -> Result) -> Result {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes { memory in
      let bio = BIO_new_mem_buf(memory.baseAddress, CInt(memory.count))
      defer { BIO_free(bio) }
      return body(bio)
    }
  }

  private func pem(_ write: (OpaquePointer?) -> CInt) -> String {
    let bio = BIO_new(BIO_s_mem())
    defer { BIO_free(bio) }
    guard write(bio) == 1 else {
      forgetOpenSSLErrors()
      return ""
    }
    var start: UnsafeMutablePointer<CChar>?
    let length = COpenSSLMemoryOf(bio, &start)
    return String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
  }
}

/// Empties the thread's queue of OpenSSL errors.
///
/// Called after everything that may fail: libssl reads the same queue to tell what became of a socket.
func forgetOpenSSLErrors() { ERR_clear_error() }
