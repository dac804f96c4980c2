/// A key that tokens are checked with, and the one algorithm it is for (RFC 8725 §3.1).
///
/// Everything that can be prepared is, in `init`; verification only reads and may run on any thread.
package final class VerificationKey: Sendable {
  /// The key's `kid`, by which tokens may name it.
  package let id: String?
  /// The only algorithm this key takes, whatever a token says.
  package let algorithm: TokenAlgorithm
  private let check: Check

  private enum Check {
    case code(MessageAuthentication)
    case signature(SignatureContext)
  }

  /// A secret for an HMAC algorithm.
  ///
  /// Throws `secretTooShort` below the hash's length (RFC 7518 §3.2: 32, 48, 64 bytes), `secretIsPEM`,
  /// `wrongKeyType` for an algorithm that is no HMAC.
  package init(
    secret: some Sequence<UInt8>, algorithm: TokenAlgorithm, id: String? = nil
  ) throws(KeyError) {
    self.check = .code(try MessageAuthentication(secret: Array(secret), algorithm: algorithm))
    self.algorithm = algorithm
    self.id = id
  }

  /// A public key in PEM: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`, of which the key alone is used.
  ///
  /// Throws `unreadablePEM`, `privateKey`, or what makes the key unfit for the algorithm.
  package convenience init(
    publicKeyPEM text: String, algorithm: TokenAlgorithm, id: String? = nil
  ) throws(KeyError) {
    try self.init(handle: KeyHandle(publicPEM: text), algorithm: algorithm, id: id)
  }

  /// Checks the key for the algorithm and prepares it.
  init(handle: KeyHandle, algorithm: TokenAlgorithm, id: String?) throws(KeyError) {
    try handle.check(for: algorithm)
    self.check = .signature(try SignatureContext(key: handle, algorithm: algorithm))
    self.algorithm = algorithm
    self.id = id
  }

  /// Whether `signature` is this key's over `message`.
  func accepts(_ signature: [UInt8], over message: UnsafeRawBufferPointer) -> Bool {
    switch check {
    case .code(let authentication): authentication.accepts(signature, for: message)
    case .signature(let context): context.accepts(signature, over: message)
    }
  }
}
