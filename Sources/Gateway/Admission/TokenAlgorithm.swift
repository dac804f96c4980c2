/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// `none` has no case on purpose: what cannot be named cannot be accepted (RFC 8725 §3.2).
package enum TokenAlgorithm: String, Sendable, Hashable, CaseIterable {
  /// HMAC with SHA-256, 384, 512: a secret shared by issuer and gateway.
  case hs256 = "HS256", hs384 = "HS384", hs512 = "HS512"
  /// RSA, PKCS #1 v1.5 padding.
  case rs256 = "RS256", rs384 = "RS384", rs512 = "RS512"
  /// RSA, PSS padding: MGF1 with the same hash, a salt as long as the hash.
  case ps256 = "PS256", ps384 = "PS384", ps512 = "PS512"
  /// ECDSA on P-256, P-384, P-521.
  case es256 = "ES256", es384 = "ES384", es512 = "ES512"
  /// Ed25519 or Ed448, as the key says.
  case edDSA = "EdDSA"

  enum Family { case hmac, rsa, rsaPSS, ecdsa, edwards }

  var family: Family {
    switch self {
    case .hs256, .hs384, .hs512: .hmac
    case .rs256, .rs384, .rs512: .rsa
    case .ps256, .ps384, .ps512: .rsaPSS
    case .es256, .es384, .es512: .ecdsa
    case .edDSA: .edwards
    }
  }

  /// The hash, by OpenSSL's name; none where the signature scheme brings its own.
  var digest: String? {
    switch self {
    case .hs256, .rs256, .ps256, .es256: "SHA256"
    case .hs384, .rs384, .ps384, .es384: "SHA384"
    case .hs512, .rs512, .ps512, .es512: "SHA512"
    case .edDSA: nil
    }
  }

  /// The length of the hash, in bytes.
  var digestLength: Int? {
    switch self {
    case .hs256, .rs256, .ps256, .es256: 32
    case .hs384, .rs384, .ps384, .es384: 48
    case .hs512, .rs512, .ps512, .es512: 64
    case .edDSA: nil
    }
  }

  /// The one curve an ECDSA algorithm stands for (RFC 7518 §3.4).
  var curve: Curve? {
    switch self {
    case .es256: .p256
    case .es384: .p384
    case .es512: .p521
    default: nil
    }
  }

  /// Whether issuer and gateway hold the same secret: whoever can check a token can then make one.
  package var isSymmetric: Bool { family == .hmac }
}

/// The curves of ECDSA, named as a JWK does (RFC 7518 §6.2.1.1).
enum Curve: String, Sendable, Hashable, CaseIterable {
  case p256 = "P-256", p384 = "P-384", p521 = "P-521"

  /// Bytes of one coordinate, and of `r` and `s` in a signature.
  var coordinateLength: Int {
    switch self {
    case .p256: 32
    case .p384: 48
    case .p521: 66
    }
  }

  /// The curve by OpenSSL's name.
  var groupName: String {
    switch self {
    case .p256: "prime256v1"
    case .p384: "secp384r1"
    case .p521: "secp521r1"
    }
  }

  /// The one algorithm that signs with this curve.
  var algorithm: TokenAlgorithm {
    switch self {
    case .p256: .es256
    case .p384: .es384
    case .p521: .es512
    }
  }
}

/// The curves of EdDSA, named as a JWK does (RFC 8037 §2), which is also OpenSSL's name.
enum EdwardsCurve: String, Sendable, Hashable, CaseIterable {
  case ed25519 = "Ed25519", ed448 = "Ed448"

  /// Bytes of a public key.
  var keyLength: Int { self == .ed25519 ? 32 : 57 }
}
