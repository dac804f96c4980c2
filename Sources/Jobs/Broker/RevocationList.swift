package import EventLoop

/// Tokens that are void before their time, for every node, whatever dies.
///
/// Acknowledged means kept, as everywhere in a broker; and in the same step every node is told
/// (``ControlMessage/revoked(_:)``). A revocation is forgotten when it is over: by then the tokens it is about have
/// expired, or their user was warned that the list is not kept for ever.
@EventLoop
package protocol RevocationList: AnyObject, Sendable {
  /// Declares tokens void from now, by the broker's clock, and remembers it for `memory` at least. Answers with the
  /// revocation as it stands: repeated, the later moment and the later end count.
  func revoke(
    _ subject: Revocation.Subject, for memory: Duration
  ) async throws(BrokerError) -> RevocationAnswer

  /// Takes in a revocation that was made elsewhere, with its moment and its end; safe to repeat. False: there was
  /// nothing new in it.
  @discardableResult
  func take(_ revocation: Revocation) async throws(BrokerError) -> Bool

  /// Revocations that are not over, the one that is over first in front, a page of at most `limit` (1…1000).
  ///
  /// Every one that stood when the first page was taken, and stands when the last is, comes at least once.
  func revocations(after cursor: String?, limit: Int) async throws(BrokerError) -> RevocationPage
}

/// That some tokens are void.
package struct Revocation: Hashable, Sendable {
  /// Which tokens.
  package enum Subject: Hashable, Sendable {
    /// The one with this `jti`.
    case token(String)
    /// All of the user (`sub`) that were issued up to the moment of the revocation, and those that do not say when.
    case user(String)
  }

  package var subject: Subject
  /// When it was made. A user's tokens with an `iat` at or before it are void.
  package var at: Timestamp
  /// Until when it is remembered.
  package var until: Timestamp

  package init(_ subject: Subject, at: Timestamp, until: Timestamp) {
    self.subject = subject
    self.at = at
    self.until = until
  }

  /// What both say of the same tokens: the later moment and the later end count.
  package func merged(with other: Revocation) -> Revocation {
    precondition(subject == other.subject, "revocations of different tokens are merged")
    return Revocation(subject, at: max(at, other.at), until: max(until, other.until))
  }
}

/// A revocation as it stands, and where it is kept.
package struct RevocationAnswer: Hashable, Sendable {
  package var revocation: Revocation
  package var durability: Acceptance.Durability

  package init(_ revocation: Revocation, durability: Acceptance.Durability = .broker) {
    self.revocation = revocation
    self.durability = durability
  }
}

/// One page of the list.
package struct RevocationPage: Hashable, Sendable {
  package var revocations: [Revocation]
  /// Where to go on; nil after the last page.
  package var next: String?

  package init(_ revocations: [Revocation], next: String? = nil) {
    self.revocations = revocations
    self.next = next
  }
}

extension RevocationList {
  /// The whole list, page by page.
  package func allRevocations() async throws(BrokerError) -> [Revocation] {
    var all: [Revocation] = []
    var cursor: String?
    repeat {
      let page = try await revocations(after: cursor, limit: 1000)
      all += page.revocations
      cursor = page.next
    } while cursor != nil
    return all
  }
}

extension Revocation.Subject {
  /// As brokers keep it: `j` and the token's id, or `s` and the user.
  var key: String {
    switch self {
    case .token(let id): "j\(id)"
    case .user(let user): "s\(user)"
    }
  }

  /// Reads ``key``; nil for anything else.
  init?(key: some StringProtocol) {
    let name = String(key.dropFirst())
    switch key.first {
    case "j": self = .token(name)
    case "s": self = .user(name)
    default: return nil
    }
  }
}
