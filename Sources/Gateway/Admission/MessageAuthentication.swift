import COpenSSL

/// HMAC with one secret (RFC 2104).
///
/// The secret is absorbed once; each message starts from a copy of that state.
final class MessageAuthentication: Sendable {
  /// The context is never fed after `init`: it is only copied, which reads it.
  nonisolated(unsafe) private let keyed: OpaquePointer
  private let length: Int

  /// The algorithm must be an HMAC.
  init(secret: [UInt8], algorithm: TokenAlgorithm) throws(KeyError) {
    guard algorithm.isSymmetric, let digest = algorithm.digest, let length = algorithm.digestLength else {
      throw .wrongKeyType(algorithm)
    }
    guard secret.count >= length else {
      throw .secretTooShort(algorithm, minimum: length, found: secret.count)
    }
    // RFC 8725 §2.1: an attacker knows the public key, and could sign with its text.
    guard !String(decoding: secret.prefix(1024), as: UTF8.self).contains("-----BEGIN ") else {
      throw .secretIsPEM
    }
    guard let context = COpenSSLKeyedHMAC(digest, secret, secret.count) else {
      preconditionFailure("OpenSSL has no HMAC with \(digest)")
    }
    self.keyed = context
    self.length = length
  }

  deinit { EVP_MAC_CTX_free(keyed) }

  /// The code of `message`, as long as the hash.
  func code(of message: UnsafeRawBufferPointer) -> [UInt8] {
    let context = EVP_MAC_CTX_dup(keyed)
    defer { EVP_MAC_CTX_free(context) }
    let start = message.assumingMemoryBound(to: UInt8.self).baseAddress
    return [UInt8](unsafeUninitializedCapacity: length) { code, count in
      guard EVP_MAC_update(context, start, message.count) == 1,
        EVP_MAC_final(context, code.baseAddress, &count, code.count) == 1
      else { preconditionFailure("OpenSSL could not compute an HMAC") }
    }
  }

  /// Whether `code` is the message's; takes the same time wherever the two differ.
  func accepts(_ code: [UInt8], for message: UnsafeRawBufferPointer) -> Bool {
    code.count == length && CRYPTO_memcmp(self.code(of: message), code, length) == 0
  }
}
