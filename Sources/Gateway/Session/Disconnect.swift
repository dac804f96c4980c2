/// Why the gateway ends a WebSocket connection, and so what the client does next.
///
/// The ranges are the protocol's: 3000–3499 and 4000–4499 reconnect, 3500–3999 and 4500–4999 do
/// not. Official SDKs act on the range alone, so a final refusal must never carry a code of the
/// first kind. `docs/protocol.md` shows this table, and a test holds the two against each other.
package enum Disconnect: UInt16, CaseIterable, Error, Sendable {
  case shutdown = 3001
  case serverError = 3004
  case expired = 3005
  case subscriptionExpired = 3006
  case slow = 3008
  case insufficientState = 3010
  case forceReconnect = 3011
  case noPong = 3012
  case tooManyRequests = 3013
  case invalidToken = 3500
  case badRequest = 3501
  case stale = 3502
  case forceDisconnect = 3503
  case connectionLimit = 3504
  case channelLimit = 3505
  case inappropriateProtocol = 3506
  case permissionDenied = 3507
  case notAvailable = 3508
  case tooManyErrors = 3509

  package var code: UInt16 { rawValue }

  /// The close frame's text: words, at most 123 bytes, never JSON (an SDK would read that as an
  /// old form of command).
  package var reason: String {
    switch self {
    case .shutdown: "shutdown"
    case .serverError: "internal server error"
    case .expired: "connection expired"
    case .subscriptionExpired: "subscription expired"
    case .slow: "slow consumer"
    case .insufficientState: "insufficient state"
    case .forceReconnect: "force reconnect"
    case .noPong: "no pong"
    case .tooManyRequests: "too many requests"
    case .invalidToken: "invalid token"
    case .badRequest: "bad request"
    case .stale: "stale"
    case .forceDisconnect: "force disconnect"
    case .connectionLimit: "connection limit"
    case .channelLimit: "channel limit"
    case .inappropriateProtocol: "inappropriate protocol"
    case .permissionDenied: "permission denied"
    case .notAvailable: "not available"
    case .tooManyErrors: "too many errors"
    }
  }

  /// Whether a client that follows the protocol comes back.
  package var invitesReconnect: Bool {
    (3000..<3500).contains(code) || (4000..<4500).contains(code)
  }
}
