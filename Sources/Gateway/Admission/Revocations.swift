package import FoundationEssentials
package import Jobs

/// Which tokens are void before their time, as far as this node knows; decided as a value, in O(1) a token.
///
/// About 150 bytes a revocation are kept until it is over.
package struct Revocations: Sendable {
  private var tokens: [String: Timestamp] = [:]
  private var users: [String: Revocation] = [:]
  /// So many entries make it look for those that are over.
  private var sweepsAt = Self.leastSweep

  private static let leastSweep = 10_000

  package init() {}

  package var count: Int { tokens.count + users.count }

  /// Takes in a revocation; the later moment and the later end count. False: it says nothing new.
  @discardableResult
  package mutating func add(_ revocation: Revocation) -> Bool {
    switch revocation.subject {
    case .token(let id):
      if let known = tokens[id], known >= revocation.until { return false }
      tokens[id] = revocation.until
    case .user(let user):
      guard let known = users[user] else {
        users[user] = revocation
        break
      }
      let merged = known.merged(with: revocation)
      guard merged != known else { return false }
      users[user] = merged
    }
    return true
  }

  /// Forgets what is over, once much has gathered. An hour is left for clocks that differ: a revocation that is
  /// kept too long harms nobody, for its tokens have expired.
  package mutating func sweep(at now: Timestamp) {
    guard count >= sweepsAt else { return }
    let over = now + .seconds(-3600)
    tokens = tokens.filter { $0.value > over }
    users = users.filter { $0.value.until > over }
    sweepsAt = max(Self.leastSweep, 2 * count)
  }

  /// Whether a token is void: the one of this `jti`, or any of the user that was issued at or before the moment of
  /// the user's revocation. One that does not say when it was issued is void with them.
  ///
  /// `iat` is whole seconds as a rule, so that a token issued within the second of the revocation counts as issued
  /// before it.
  package func isVoid(user: String, tokenID: String?, issuedAt: Date?) -> Bool {
    if let tokenID, tokens[tokenID] != nil { return true }
    guard let revocation = users[user] else { return false }
    guard let issuedAt else { return true }
    return issuedAt.timeIntervalSince1970 * 1000 <= Double(revocation.at.milliseconds)
  }
}

/// What a revocation looks at in a token.
package protocol RevocableToken {
  /// `sub`.
  var user: String { get }
  /// `jti`, if told.
  var tokenID: String? { get }
  /// `iat`, if told.
  var issuedAt: Date? { get }
}

extension Identity: RevocableToken {}
extension SubscriptionGrant: RevocableToken {}

extension Revocations {
  package func isVoid(_ token: some RevocableToken) -> Bool {
    isVoid(user: token.user, tokenID: token.tokenID, issuedAt: token.issuedAt)
  }
}
