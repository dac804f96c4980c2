/// What a token may ask for. The raw value is the word in the claim `scope`.
package enum Scope: String, Sendable, Hashable, CaseIterable {
  /// Submit jobs.
  case submit = "jobs:submit"
  /// See one's own jobs and watch them.
  case read = "jobs:read"
  /// Cancel, retry and remove one's own jobs.
  case manage = "jobs:manage"
  /// See and manage everyone's jobs, and the queues. Includes the three above.
  case admin
  /// Lease jobs and settle them. Not included in `admin`: operators do not work.
  case work
}

/// The scopes a token grants.
package struct Permissions: Sendable, Hashable {
  private let scopes: Set<Scope>

  /// Grants exactly these, and what they include.
  package init(_ scopes: some Sequence<Scope>) { self.scopes = Set(scopes) }

  /// Grants the scopes among `words`. Words of others (`openid`) are passed over (RFC 6749 §3.3).
  package init(words: some Sequence<some StringProtocol>) {
    self.init(words.compactMap { Scope(rawValue: String($0)) })
  }

  /// What a user may who was given no scopes: submit, read, manage.
  package static let standard: Permissions = [.submit, .read, .manage]

  /// Whether the scope was granted, or included in one that was.
  package func allows(_ scope: Scope) -> Bool {
    if scopes.contains(scope) { return true }
    return switch scope {
    case .submit, .read, .manage: scopes.contains(.admin)
    case .admin, .work: false
    }
  }
}

extension Permissions: ExpressibleByArrayLiteral {
  /// Grants exactly these, and what they include.
  package init(arrayLiteral scopes: Scope...) { self.init(scopes) }
}

extension Permissions: CustomStringConvertible {
  /// The scopes as the claim `scope` writes them, parted by spaces, in one order.
  package var description: String {
    Scope.allCases.filter(scopes.contains).map(\.rawValue).joined(separator: " ")
  }
}
