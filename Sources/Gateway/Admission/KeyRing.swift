/// The keys of this gateway, and which of them a token is checked with.
struct KeyRing: Sendable {
  private let keys: [VerificationKey]
  private let named: [String: VerificationKey]

  /// Throws `noUsableKey` without any, unless it `mayBeEmpty`; `repeatedKeyID` if one `kid` names two.
  init(_ keys: [VerificationKey], mayBeEmpty: Bool = false) throws(KeyError) {
    guard mayBeEmpty || !keys.isEmpty else { throw .noUsableKey }
    var named: [String: VerificationKey] = [:]
    for key in keys {
      guard let id = key.id else { continue }
      guard named.updateValue(key, forKey: id) == nil else { throw .repeatedKeyID(id) }
    }
    self.keys = keys
    self.named = named
  }

  /// Returns if one of our keys signed the token.
  ///
  /// A `kid` that one of our keys bears selects that key and no other. A `kid` that none bears leaves the
  /// keys without one: a secret or a PEM file has none, whatever the issuer writes. Without `kid`, every
  /// key of the algorithm is tried. A key is never used with another algorithm than its own.
  ///
  /// Throws `unknownKey`, `algorithmNotAllowed`, `badSignature`.
  func verify(_ token: JSONWebToken) throws(TokenError) {
    if let id = token.keyID, let key = named[id] {
      guard key.algorithm == token.algorithm else { throw .algorithmNotAllowed }
      guard token.isSigned(by: key) else { throw .badSignature }
      return
    }
    guard !keys.isEmpty else { throw .unknownKey }
    let fitting = keys.filter { $0.algorithm == token.algorithm }
    guard !fitting.isEmpty else { throw .algorithmNotAllowed }
    let candidates = token.keyID == nil ? fitting : fitting.filter { $0.id == nil }
    guard !candidates.isEmpty else { throw .unknownKey }
    guard candidates.contains(where: token.isSigned(by:)) else { throw .badSignature }
  }
}
