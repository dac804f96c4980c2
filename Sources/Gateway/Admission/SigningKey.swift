/// A key that tokens are signed with: a secret, or the private half of a pair.
package final class SigningKey: Sendable {
  /// The key's `kid`, written into the header of what it signs.
  package let id: String?
  /// The only algorithm this key signs with.
  package let algorithm: TokenAlgorithm
  private let material: Material

  private enum Material {
    case secret(MessageAuthentication, bytes: [UInt8])
    case pair(KeyHandle)
  }

  /// A secret for an HMAC algorithm; throws as `VerificationKey.init(secret:algorithm:id:)` does.
  package init(
    secret: some Sequence<UInt8>, algorithm: TokenAlgorithm, id: String? = nil
  ) throws(KeyError) {
    let secret = Array(secret)
    self.material = .secret(
      try MessageAuthentication(secret: secret, algorithm: algorithm), bytes: secret)
    self.algorithm = algorithm
    self.id = id
  }

  /// A private key in PEM, not encrypted: `PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`.
  ///
  /// Throws `unreadablePEM`, or what makes the key unfit for the algorithm.
  package convenience init(
    privateKeyPEM text: String, algorithm: TokenAlgorithm, id: String? = nil
  ) throws(KeyError) {
    try self.init(handle: KeyHandle(privatePEM: text), algorithm: algorithm, id: id)
  }

  private init(handle: KeyHandle, algorithm: TokenAlgorithm, id: String?) throws(KeyError) {
    try handle.check(for: algorithm)
    guard handle.isPair else { throw .invalidKey }
    self.material = .pair(handle)
    self.algorithm = algorithm
    self.id = id
  }

  /// A new key: a random secret as long as the hash, RSA of 2048 bits, the algorithm's curve, or Ed25519.
  ///
  /// This is the development key of a gateway without configuration. RSA takes up to a second.
  package static func generate(_ algorithm: TokenAlgorithm, id: String? = nil) throws(KeyError) -> SigningKey {
    guard algorithm.isSymmetric, let length = algorithm.digestLength else {
      return try SigningKey(handle: KeyHandle(generatedFor: algorithm), algorithm: algorithm, id: id)
    }
    var random = SystemRandomNumberGenerator()
    let secret = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    return try SigningKey(secret: secret, algorithm: algorithm, id: id)
  }

  /// The key that verifies what this one signs.
  package func verificationKey() throws(KeyError) -> VerificationKey {
    switch material {
    case .secret(_, let bytes): try VerificationKey(secret: bytes, algorithm: algorithm, id: id)
    case .pair(let handle): try VerificationKey(handle: handle, algorithm: algorithm, id: id)
    }
  }

  /// The public half as PEM (`PUBLIC KEY`), to be given to verifiers; nil for a secret.
  package var publicKeyPEM: String? {
    if case .pair(let handle) = material { handle.publicPEM } else { nil }
  }

  /// The private half as PEM (`PRIVATE KEY`), not encrypted; nil for a secret. It is to be kept.
  package var privateKeyPEM: String? {
    if case .pair(let handle) = material { handle.privatePEM } else { nil }
  }

  /// The bytes of a secret; nil for a pair. They are to be kept.
  package var secret: [UInt8]? {
    if case .secret(_, let bytes) = material { bytes } else { nil }
  }

  /// The signature of `message`, in the form a token carries.
  func sign(_ message: [UInt8]) -> [UInt8] {
    message.withUnsafeBytes { bytes in
      switch material {
      case .secret(let authentication, _): authentication.code(of: bytes)
      case .pair(let handle): SignatureContext.sign(bytes, with: handle, algorithm: algorithm)
      }
    }
  }
}
