/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// `none` has no case on purpose: what cannot be named cannot be accepted (RFC 8725 §3.2).
package enum TokenAlgorithm: String, Sendable, Hashable, CaseIterable {
  /// HMAC with SHA-256: a secret shared by issuer and gateway.
  case hs256 = "HS256"
  /// HMAC with SHA-384.
  case hs384 = "HS384"
  /// HMAC with SHA-512.
  case hs512 = "HS512"
  /// RSA with PKCS #1 v1.5 padding and SHA-256.
  case rs256 = "RS256"
  /// RSA with PKCS #1 v1.5 padding and SHA-384.
  case rs384 = "RS384"
  /// RSA with PKCS #1 v1.5 padding and SHA-512.
  case rs512 = "RS512"
  /// RSA with PSS padding and SHA-256, also in MGF1; a salt of 32 bytes.
  case ps256 = "PS256"
  /// RSA with PSS padding and SHA-384, also in MGF1; a salt of 48 bytes.
  case ps384 = "PS384"
  /// RSA with PSS padding and SHA-512, also in MGF1; a salt of 64 bytes.
  case ps512 = "PS512"
  /// ECDSA on P-256 with SHA-256.
  case es256 = "ES256"
  /// ECDSA on P-384 with SHA-384.
  case es384 = "ES384"
  /// ECDSA on P-521 with SHA-512.
  case es512 = "ES512"
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
