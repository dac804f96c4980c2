/// A public key or a secret as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2).
package struct JSONWebKey: Sendable {
  /// `kid`.
  package let id: String?
  /// `alg`; or the one algorithm that `crv` stands for; or the configured one.
  package let algorithm: TokenAlgorithm
  private let material: Material

  private enum Material {
    case secret([UInt8])
    case rsa(modulus: [UInt8], exponent: [UInt8])
    case ec(Curve, x: [UInt8], y: [UInt8])
    case edwards(EdwardsCurve, x: [UInt8])
  }

  /// Reads one key. `algorithm` is used where the key names none and its type leaves a choice (RSA, oct).
  ///
  /// Throws what is wrong with the key's form; whether its numbers make a key, `verificationKey()` tells.
  package init(
    json: some Sequence<UInt8>, algorithm: TokenAlgorithm? = nil
  ) throws(KeyError) {
    guard let members = try? StrictJSON.members(of: Array(json)) else { throw .malformedKeySet }
    try self.init(members, algorithm: algorithm)
  }

  init(_ members: [String: StrictJSON], algorithm configured: TokenAlgorithm?) throws(KeyError) {
    let members = Members(members)
    guard let type = try members.text("kty") else { throw .malformedMember("kty") }
    guard ["oct", "RSA", "EC", "OKP"].contains(type) else { throw .unsupportedKeyType }
    try members.checkPurpose()
    let named = try members.algorithm()
    // A private exponent has no business here, and a check of the public half would pass it over.
    guard type == "oct" || !members.holds("d") else { throw .privateKey }

    switch type {
    case "oct":
      algorithm = try Self.chosen(named ?? configured, among: [.hmac])
      material = .secret(try members.bytes("k"))
    case "RSA":
      algorithm = try Self.chosen(named ?? configured, among: [.rsa, .rsaPSS])
      material = .rsa(modulus: try members.bytes("n"), exponent: try members.bytes("e"))
    case "EC":
      guard let name = try members.text("crv") else { throw .malformedMember("crv") }
      guard let curve = Curve(rawValue: name) else { throw .unsupportedCurve }
      algorithm = try Self.chosen(named ?? curve.algorithm, among: [.ecdsa])
      guard algorithm == curve.algorithm else { throw .wrongCurve(algorithm) }
      material = .ec(
        curve, x: try members.bytes("x", count: curve.coordinateLength),
        y: try members.bytes("y", count: curve.coordinateLength))
    default:
      guard let name = try members.text("crv") else { throw .malformedMember("crv") }
      guard let curve = EdwardsCurve(rawValue: name) else { throw .unsupportedCurve }
      algorithm = try Self.chosen(named ?? .edDSA, among: [.edwards])
      material = .edwards(curve, x: try members.bytes("x", count: curve.keyLength))
    }
    id = try members.text("kid")
  }

  /// The key, checked and prepared.
  package func verificationKey() throws(KeyError) -> VerificationKey {
    let handle: KeyHandle
    switch material {
    case .secret(let bytes):
      return try VerificationKey(secret: bytes, algorithm: algorithm, id: id)
    case .rsa(let modulus, let exponent):
      handle = try KeyHandle(modulus: modulus, exponent: exponent)
    case .ec(let curve, let x, let y):
      handle = try KeyHandle(curve: curve, x: x, y: y)
    case .edwards(let curve, let x):
      handle = try KeyHandle(curve: curve, x: x)
    }
    return try VerificationKey(handle: handle, algorithm: algorithm, id: id)
  }

  /// Whether the key is a secret.
  package var isSecret: Bool { algorithm.isSymmetric }

  private static func chosen(
    _ algorithm: TokenAlgorithm?, among families: [TokenAlgorithm.Family]
  ) throws(KeyError) -> TokenAlgorithm {
    guard let algorithm else { throw .missingAlgorithm }
    guard families.contains(algorithm.family) else { throw .wrongKeyType(algorithm) }
    return algorithm
  }
}

extension JSONWebKey {
  /// The members of a JWK, read by name and form.
  private struct Members {
    private let values: [String: StrictJSON]

    init(_ values: [String: StrictJSON]) { self.values = values }

    func holds(_ name: String) -> Bool { values[name] != nil }

    func text(_ name: String) throws(KeyError) -> String? {
      guard let value = values[name] else { return nil }
      guard let text = value.string else { throw .malformedMember(name) }
      return text
    }

    /// Base64url bytes, not empty, and if a count is given exactly so many (RFC 7518 §6.2.1.2).
    func bytes(_ name: String, count: Int? = nil) throws(KeyError) -> [UInt8] {
      guard let text = try text(name), let bytes = Base64URL.decode(text.utf8), !bytes.isEmpty,
        count == nil || bytes.count == count
      else { throw .malformedMember(name) }
      return bytes
    }

    func algorithm() throws(KeyError) -> TokenAlgorithm? {
      guard let name = try text("alg") else { return nil }
      guard let algorithm = TokenAlgorithm(rawValue: name) else { throw .unsupportedAlgorithm }
      return algorithm
    }

    /// Throws if `use` or `key_ops` reserve the key for something else (RFC 7517 §4.2, §4.3).
    func checkPurpose() throws(KeyError) {
      if let use = try text("use"), use != "sig" { throw .notForSignatures }
      if let operations = values["key_ops"] {
        guard let operations = operations.strings else { throw .malformedMember("key_ops") }
        guard operations.contains("verify") else { throw .notForSignatures }
      }
    }
  }
}
