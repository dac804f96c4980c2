import Jobs

/// A signed token in compact form (RFC 7515 §3.1), taken apart but not believed.
///
/// Nothing in it may be used before `KeyRing.verify` accepted it, except the header's `alg` and `kid`,
/// which choose among our own keys. `jwk`, `jku`, `x5u` and `x5c` would let the token bring its own key
/// (RFC 8725 §3.10): they are never looked at.
struct JSONWebToken: Sendable {
  /// Bytes of the longest token that is looked at.
  static let longest = 8192

  /// `alg`.
  let algorithm: TokenAlgorithm
  /// `kid`.
  let keyID: String?
  /// The signed bytes: the claims, once they are parsed.
  let payload: [UInt8]

  private let signedText: ArraySlice<UInt8>
  private let signature: [UInt8]

  /// Takes the token apart.
  ///
  /// Throws `tooLong`, `malformed`, `algorithmNotAllowed` for `none` and other names we do not know,
  /// `unsupportedExtension` for any `crit`, `wrongType`.
  init(parsing text: some StringProtocol) throws(TokenError) {
    guard text.utf8.count <= Self.longest else { throw .tooLong(limit: Self.longest) }
    let bytes = Array(text.utf8)
    let parts = bytes.split(
      separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformed(.segments) }
    guard let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
      let signature = Base64URL.decode(parts[2])
    else { throw .malformed(.base64) }

    let fields = try Self.fields(of: header)
    guard fields["crit"] == nil else { throw .unsupportedExtension }
    guard let algorithmName = fields["alg"]?.string else { throw .malformed(.headerField) }
    guard let algorithm = TokenAlgorithm(rawValue: algorithmName) else { throw .algorithmNotAllowed }
    if let type = fields["typ"] {
      guard let type = type.string else { throw .malformed(.headerField) }
      guard Self.types.contains(type.lowercased()) else { throw .wrongType }
    }
    if let keyID = fields["kid"] {
      guard let keyID = keyID.string else { throw .malformed(.headerField) }
      self.keyID = keyID
    } else {
      self.keyID = nil
    }
    self.algorithm = algorithm
    self.payload = payload
    self.signature = signature
    self.signedText = bytes[..<parts[1].endIndex]
  }

  /// Whether the key made the signature; false as well if the key is for another algorithm.
  func isSigned(by key: VerificationKey) -> Bool {
    key.algorithm == algorithm && signedText.withUnsafeBytes { key.accepts(signature, over: $0) }
  }

  private static func fields(of header: [UInt8]) throws(TokenError) -> JSONValue {
    do {
      return try StrictJSON.object(parsing: header)
    } catch {
      throw .malformed(error == .repeatedName ? .repeatedMember : .headerNotJSON)
    }
  }

  /// JWT and the access tokens of RFC 9068; the prefix may be left out (RFC 7515 §4.1.9).
  private static let types: Set = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"]
}
