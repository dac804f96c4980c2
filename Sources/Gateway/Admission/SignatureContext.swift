import COpenSSL

/// Verifies with one public key under one algorithm.
///
/// Choosing digest, padding and salt costs as much as a fast verification; it is done once, and each
/// token starts from a copy.
final class SignatureContext: Sendable {
  /// The context is never fed after `init`: it is only copied, which reads it.
  nonisolated(unsafe) private let prepared: OpaquePointer
  private let algorithm: TokenAlgorithm
  private let length: Int

  /// The key must have passed its check for the algorithm.
  init(key: KeyHandle, algorithm: TokenAlgorithm) throws(KeyError) {
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("OpenSSL has no memory left") }
    var details: OpaquePointer?
    guard
      EVP_DigestVerifyInit_ex(context, &details, algorithm.digest, nil, nil, key.pointer, nil) == 1,
      Self.setPadding(details, for: algorithm)
    else {
      EVP_MD_CTX_free(context)
      forgetOpenSSLErrors()
      throw .wrongKeyType(algorithm)
    }
    self.prepared = context
    self.algorithm = algorithm
    self.length = key.signatureLength(for: algorithm)
  }

  deinit { EVP_MD_CTX_free(prepared) }

  /// Whether `signature` is over `message`. It must be exactly as long as the algorithm says.
  func accepts(_ signature: [UInt8], over message: UnsafeRawBufferPointer) -> Bool {
    guard signature.count == length else { return false }
    let encoded = algorithm.curve == nil ? signature : ECDSASignature.der(raw: signature)
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      forgetOpenSSLErrors()
    }
    guard EVP_MD_CTX_copy_ex(context, prepared) == 1 else {
      preconditionFailure("OpenSSL could not copy a verification")
    }
    let start = message.assumingMemoryBound(to: UInt8.self).baseAddress
    return EVP_DigestVerify(context, encoded, encoded.count, start, message.count) == 1
  }

  /// The signature of `message`, in the form a token carries. The key must be a pair that passed its check
  /// for the algorithm.
  static func sign(
    _ message: UnsafeRawBufferPointer, with key: KeyHandle, algorithm: TokenAlgorithm
  ) -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      forgetOpenSSLErrors()
    }
    var details: OpaquePointer?
    guard
      EVP_DigestSignInit_ex(context, &details, algorithm.digest, nil, nil, key.pointer, nil) == 1,
      setPadding(details, for: algorithm)
    else { preconditionFailure("OpenSSL does not sign \(algorithm.rawValue) with a key that it checked") }
    let start = message.assumingMemoryBound(to: UInt8.self).baseAddress
    let signature = [UInt8](unsafeUninitializedCapacity: Int(EVP_PKEY_get_size(key.pointer))) {
      buffer, count in
      count = buffer.count
      guard EVP_DigestSign(context, buffer.baseAddress, &count, start, message.count) == 1 else {
        preconditionFailure("OpenSSL could not sign with a key that it checked")
      }
    }
    guard let curve = algorithm.curve else { return signature }
    return ECDSASignature.raw(der: signature, coordinateLength: curve.coordinateLength)
  }

  private static func setPadding(_ details: OpaquePointer?, for algorithm: TokenAlgorithm) -> Bool {
    switch algorithm.family {
    case .rsa: EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PADDING) == 1
    case .rsaPSS:
      // MGF1 takes the signature's hash unless told otherwise (RFC 7518 §3.5).
      EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) == 1
        && EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) == 1
    case .ecdsa, .edwards, .hmac: true
    }
  }
}
