package import EventLoop
import Jobs

/// Something that lives only as long as its token is good: a socket, a stream, a long poll, a subscription.
@EventLoop
package protocol TokenHolder: AnyObject {
  /// What its token says; nil where it has gone.
  var heldToken: (any RevocableToken)? { get }
  /// The token is void: end, at once.
  func tokenWasRevoked()
}

/// Who lives by which token, so that a revocation looks at those it is about and not at all. Adding and removing are
/// O(1); whoever is held is kept alive.
@EventLoop
final class TokenHolders {
  /// Mostly there is one: then there is no table for it.
  private enum Entry {
    case one(any TokenHolder)
    case many([ObjectIdentifier: any TokenHolder])
  }

  private var users: [String: Entry] = [:]
  private var tokens: [String: Entry] = [:]

  /// By user.
  var count: Int {
    users.values.reduce(0) { sum, entry in
      if case .many(let holders) = entry { sum + holders.count } else { sum + 1 }
    }
  }

  func add(_ holder: any TokenHolder, of token: some RevocableToken) {
    Self.add(holder, to: &users[token.user])
    if let id = token.tokenID { Self.add(holder, to: &tokens[id]) }
  }

  func remove(_ holder: any TokenHolder, of token: some RevocableToken) {
    Self.remove(holder, from: &users[token.user])
    if let id = token.tokenID { Self.remove(holder, from: &tokens[id]) }
  }

  /// Those that a revocation may be about.
  func holders(of subject: Revocation.Subject) -> [any TokenHolder] {
    let entry: Entry? =
      switch subject {
      case .user(let user): users[user]
      case .token(let id): tokens[id]
      }
    return switch entry {
    case .one(let holder): [holder]
    case .many(let holders): Array(holders.values)
    case nil: []
    }
  }

  private static func add(_ holder: any TokenHolder, to entry: inout Entry?) {
    switch entry {
    case nil: entry = .one(holder)
    case .one(let other):
      if other === holder { return }
      entry = .many([ObjectIdentifier(other): other, ObjectIdentifier(holder): holder])
    case .many(var holders):
      // Taken out first: a table that two hold would be copied.
      entry = nil
      holders[ObjectIdentifier(holder)] = holder
      entry = .many(holders)
    }
  }

  private static func remove(_ holder: any TokenHolder, from entry: inout Entry?) {
    switch entry {
    case nil: break
    case .one(let other): if other === holder { entry = nil }
    case .many(var holders):
      entry = nil
      holders[ObjectIdentifier(holder)] = nil
      entry = holders.isEmpty ? nil : .many(holders)
    }
  }
}
