import COpenSSL

@testable import Gateway

/// Whether this thread's queue of OpenSSL errors holds one, which libssl would take for its own.
var hasPendingOpenSSLError: Bool { ERR_peek_error() != 0 }

/// HMAC with any key, also with those that our own classes refuse.
func hmac(_ digest: String, key: [UInt8], _ message: [UInt8]) -> [UInt8] {
  let context = COpenSSLKeyedHMAC(digest, key, key.count)
  defer { EVP_MAC_CTX_free(context) }
  return [UInt8](unsafeUninitializedCapacity: 64) { code, count in
    _ = EVP_MAC_update(context, message, message.count)
    _ = EVP_MAC_final(context, code.baseAddress, &count, code.count)
  }
}

extension VerificationKey {
  /// An Ed448 pair's public half and a signature by it.
  static func ed448(signing message: [UInt8]) throws -> (key: VerificationKey, signature: [UInt8]) {
    let pair = try KeyHandle(generating: .ed448)
    let signature = message.withUnsafeBytes { SignatureContext.sign($0, with: pair, algorithm: .edDSA) }
    return (try VerificationKey(publicKeyPEM: pair.publicPEM, algorithm: .edDSA), signature)
  }
}
