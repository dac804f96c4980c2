/// Why the gateway ends a subscription of a connection that goes on (spec §10).
///
/// Below 2500 it is for good; from 2500 on the client subscribes anew by itself, with its position.
/// `docs/protocol.md` shows this table, and a test holds the two against each other.
package enum Unsubscription: UInt16, CaseIterable, Sendable {
  case revoked = 2100
  case insufficientState = 2500
  case expired = 2501

  package var code: UInt16 { rawValue }

  /// Words for people.
  package var reason: String {
    switch self {
    case .revoked: "token revoked"
    case .insufficientState: "insufficient state"
    case .expired: "subscription expired"
    }
  }

  /// Whether a client that follows the protocol subscribes anew.
  package var invitesResubscribe: Bool { code >= 2500 }
}
