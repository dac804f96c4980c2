import COpenSSL

/// The SHA-256 of what passes, without keeping it.
final class RunningDigest {
  private let context: OpaquePointer

  init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("OpenSSL gives no digest")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// The sum of some bytes.
  static func hexadecimal(of bytes: [UInt8]) -> String {
    let digest = RunningDigest()
    digest.update(bytes)
    return digest.hexadecimal()
  }

  func update(_ bytes: [UInt8]) {
    precondition(EVP_DigestUpdate(context, bytes, bytes.count) == 1, "a digest takes bytes")
  }

  /// The sum of all so far, as 64 hexadecimal digits; more may follow.
  func hexadecimal() -> String {
    guard let copy = EVP_MD_CTX_new() else { preconditionFailure("OpenSSL gives no digest") }
    defer { EVP_MD_CTX_free(copy) }
    var sum = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    precondition(
      EVP_MD_CTX_copy_ex(copy, context) == 1 && EVP_DigestFinal_ex(copy, &sum, &length) == 1,
      "a digest ends")
    return sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
