/// Why a configured key cannot be used. It is told at start, to the operator, and names no secret.
package enum KeyError: Error, Sendable, Hashable {
  /// An HMAC secret shorter than its hash (RFC 7518 §3.2); both in bytes.
  case secretTooShort(TokenAlgorithm, minimum: Int, found: Int)
  /// A PEM file given as an HMAC secret: a public key as a secret lets everyone sign.
  case secretIsPEM
  /// A text in which no PEM key of the wanted kind could be read, or an encrypted one.
  case unreadablePEM
  /// A private key where a public one suffices: it does not belong on a verifier.
  case privateKey
  /// A key of another kind than the algorithm takes.
  case wrongKeyType(TokenAlgorithm)
  /// An EC key on another curve than the algorithm's (RFC 7518 §3.4).
  case wrongCurve(TokenAlgorithm)
  /// An RSA modulus below 2048 bits (RFC 7518 §3.3), or above what may run on the event loop.
  case wrongModulusSize(bits: Int)
  /// An RSA key made by generators that let the private key be computed (CVE-2017-15361).
  case weakModulus
  /// Numbers that make no key: a point off its curve, an even exponent, a prime modulus.
  case invalidKey
  /// No `alg` where the key's type leaves a choice: RSA and oct.
  case missingAlgorithm
  /// An `alg`, `kty` or `crv` that Fanfare does not verify with.
  case unsupportedAlgorithm, unsupportedKeyType, unsupportedCurve
  /// `use` or `key_ops` reserve the key for something else.
  case notForSignatures
  /// A member of a JWK that is absent, or not of its form.
  case malformedMember(String)
  /// A text that is no JWK, or no key set `{"keys": […]}`.
  case malformedKeySet
  /// Secrets and public keys in one set. A set is made to be published; secrets are configured apart.
  case mixedKeySet
  /// No key that could verify anything.
  case noUsableKey
  /// Two keys with one `kid`.
  case repeatedKeyID(String)
  /// The fault of one key of a set, by its place, counted from 0.
  indirect case inKeySet(index: Int, KeyError)
}

extension KeyError: CustomStringConvertible {
  /// One sentence: what was found and what is wanted.
  package var description: String {
    switch self {
    case .secretTooShort(let algorithm, let minimum, let found):
      "The \(algorithm.rawValue) secret has \(found) bytes; it needs at least \(minimum)."
    case .secretIsPEM:
      "The secret is a PEM key. Configure it as a public key, with an RS, PS, ES or EdDSA algorithm."
    case .unreadablePEM: "No unencrypted PEM key of the wanted kind could be read."
    case .privateKey: "The key is private. To verify tokens, configure its public half only."
    case .wrongKeyType(let algorithm): "The key is of another kind than \(algorithm.rawValue) takes."
    case .wrongCurve(let algorithm):
      "The key is not on \(algorithm.curve?.rawValue ?? "the curve"), which \(algorithm.rawValue) takes."
    case .wrongModulusSize(let bits):
      "The RSA key has \(bits) bits; it needs \(KeyHandle.modulusBits.lowerBound) to \(KeyHandle.modulusBits.upperBound)."
    case .weakModulus: "The RSA key is one of those whose private half can be computed (ROCA). Replace it."
    case .invalidKey: "The key's numbers make no valid key."
    case .missingAlgorithm: "The key names no algorithm (alg), and its type leaves a choice."
    case .unsupportedAlgorithm: "The key's algorithm (alg) is not one that signs tokens."
    case .unsupportedKeyType: "The key's type (kty) is not oct, RSA, EC or OKP."
    case .unsupportedCurve: "The key's curve (crv) is not P-256, P-384, P-521, Ed25519 or Ed448."
    case .notForSignatures: "The key is reserved (use, key_ops) for something other than verifying signatures."
    case .malformedMember(let name): "The key's member \"\(name)\" is missing or malformed."
    case .malformedKeySet: "The text is not a JSON Web Key Set: an object with an array \"keys\"."
    case .mixedKeySet: "The key set holds secrets beside public keys. Configure secrets apart."
    case .noUsableKey: "There is no key to verify tokens with."
    case .repeatedKeyID(let id): "Two keys have the id \"\(id)\"."
    case .inKeySet(let index, let fault): "keys/\(index): \(fault)"
    }
  }
}
