import COpenSSL
import Foundation

/// A secret that webhooks are signed with, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in Base64.
package struct WebhookSecret: Hashable, Sendable {
  private let key: [UInt8]

  /// Nil for anything else.
  package init?(_ text: String) {
    guard text.hasPrefix("whsec_"), let data = Data(base64Encoded: String(text.dropFirst("whsec_".count))),
      (24...64).contains(data.count)
    else { return nil }
    key = Array(data)
  }

  /// The signature of a message at a moment, in seconds since 1970: `v1,` and an HMAC-SHA256 in Base64.
  package func signature(of id: String, at seconds: Int64, _ body: String) -> String {
    let message = Array("\(id).\(seconds).\(body)".utf8)
    guard let context = COpenSSLKeyedHMAC("SHA256", key, key.count) else {
      preconditionFailure("OpenSSL has no HMAC with SHA-256")
    }
    defer { EVP_MAC_CTX_free(context) }
    let code = [UInt8](unsafeUninitializedCapacity: 32) { code, count in
      guard EVP_MAC_update(context, message, message.count) == 1,
        EVP_MAC_final(context, code.baseAddress, &count, 32) == 1
      else { preconditionFailure("OpenSSL could not compute an HMAC") }
    }
    return "v1,\(Data(code).base64EncodedString())"
  }
}
