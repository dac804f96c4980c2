import FoundationEssentials

/// Tokens that were found good, so that who shows the same one with every request is not verified each time.
///
/// Nothing is taken for good that would not be: the signature is that of the same bytes, the claims are the same, and
/// what changes with time is judged anew at each look. Bounded to ``limit`` tokens; those not shown for longest go.
struct VerifiedTokens {
  private struct Entry {
    var identity: Identity
    /// When it was verified: before that it might not have been valid yet.
    var since: Date
  }

  /// The most tokens that are kept, each of at most ``longest`` bytes.
  static let limit = 10_000
  static let longest = 2_048

  // Two generations: what is shown again moves to the younger, and the elder goes as a whole.
  private var younger: [String: Entry] = [:]
  private var elder: [String: Entry] = [:]

  var count: Int { younger.count + elder.count }

  /// Whose the token is, if it was verified before and holds at `now`, `leeway` after its end included.
  mutating func identity(of token: String, now: Date, leeway: Duration) -> Identity? {
    guard let entry = younger[token] ?? elder[token] else { return nil }
    guard now >= entry.since, entry.identity.expiresAt.addingTimeInterval(leeway / .seconds(1)) > now else {
      remove(token)
      return nil
    }
    if elder.removeValue(forKey: token) != nil { put(entry, for: token) }
    return entry.identity
  }

  /// Keeps what was verified at `now`.
  mutating func keep(_ identity: Identity, of token: String, now: Date) {
    guard token.utf8.count <= Self.longest else { return }
    put(Entry(identity: identity, since: now), for: token)
  }

  private mutating func put(_ entry: Entry, for token: String) {
    if younger.count >= Self.limit / 2 {
      elder = younger
      younger = [:]
    }
    younger[token] = entry
  }

  private mutating func remove(_ token: String) {
    younger[token] = nil
    elder[token] = nil
  }

  /// Other keys, or another policy: everything is verified anew.
  mutating func removeAll() { self = VerifiedTokens() }
}
