/// The keys of a JWKS file (RFC 7517 §5), ready to verify with.
///
/// Keys that are none of our business (for encryption, of unknown types) are passed over, as the RFC asks;
/// a key that is meant for us and is faulty is an error, so that no one trusts a set that is half in use.
package struct JSONWebKeySet: Sendable {
  /// The keys, in the order of the file.
  package let keys: [VerificationKey]
  /// What was passed over, and why: for the log at start.
  package let ignored: [Ignored]

  /// A key of the set that is not used.
  package struct Ignored: Sendable, Hashable {
    /// The key's place in the set, counted from 0.
    package let index: Int
    /// Why it is not used.
    package let reason: KeyError
  }

  /// Reads a set: the bytes of a JWKS file.
  ///
  /// `algorithm` is used for RSA and oct keys that name none. Throws `malformedKeySet`, `inKeySet`
  /// with the place of the faulty key, `repeatedKeyID`, `mixedKeySet`, `noUsableKey`.
  package init(
    json: some Sequence<UInt8>, algorithm: TokenAlgorithm? = nil
  ) throws(KeyError) {
    guard let entries = (try? StrictJSON.members(of: Array(json)))?["keys"]?.array else {
      throw .malformedKeySet
    }

    var keys: [VerificationKey] = []
    var ignored: [Ignored] = []
    var ids: Set<String> = []
    for (index, entry) in entries.enumerated() {
      guard let members = entry.object else { throw .inKeySet(index: index, .malformedKeySet) }
      do throws(KeyError) {
        let key = try JSONWebKey(members, algorithm: algorithm).verificationKey()
        if let id = key.id, !ids.insert(id).inserted { throw .repeatedKeyID(id) }
        keys.append(key)
      } catch  where error.isOutOfScope {
        ignored.append(Ignored(index: index, reason: error))
      } catch {
        throw .inKeySet(index: index, error)
      }
    }
    guard !keys.isEmpty else { throw .noUsableKey }
    guard Set(keys.map(\.algorithm.isSymmetric)).count == 1 else { throw .mixedKeySet }
    self.keys = keys
    self.ignored = ignored
  }
}

extension KeyError {
  /// Whether the key is merely not for us (RFC 7517 §5).
  fileprivate var isOutOfScope: Bool {
    switch self {
    case .unsupportedAlgorithm, .unsupportedKeyType, .unsupportedCurve, .notForSignatures: true
    default: false
    }
  }
}
