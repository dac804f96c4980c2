/// The curves of EdDSA, named as a JWK does (RFC 8037 §2), which is also OpenSSL's name.
enum EdwardsCurve: String, Sendable, Hashable, CaseIterable {
  case ed25519 = "Ed25519"
  case ed448 = "Ed448"

  /// Bytes of a public key.
  var keyLength: Int { self == .ed25519 ? 32 : 57 }
}
