/// Why a transfer did not come to its end. None of the texts names the address: it may hold what is secret.
package enum HTTPError: Error, Hashable, Sendable {
  case hostNotFound
  /// All that the host's name leads to is not to be connected to (``HTTPLimits/Addresses``).
  case privateAddress
  case cannotConnect
  /// The server does not prove who it is, or TLS cannot be agreed on.
  case untrusted(reason: String)
  case connectTimedOut(after: Duration)
  case timedOut(after: Duration)
  /// Nothing moved for so long.
  case stalled(after: Duration)
  case tooLarge(limit: Int)
  case tooManyRedirections(limit: Int)
  /// An answer leads on without saying where to.
  case leadsNowhere
  /// An answer leads on to what is no address of the web.
  case leadsAstray(WebAddress.Fault)
  /// The connection broke, or what came over it is no HTTP.
  case interrupted(reason: String)
  /// What was to be sent cannot be read.
  case unreadableBody(reason: String)
  case cancelled

  /// Whether the same may go well another time.
  package var mayPass: Bool {
    switch self {
    case .hostNotFound, .cannotConnect, .connectTimedOut, .timedOut, .stalled, .interrupted: true
    case .privateAddress, .untrusted, .tooLarge, .tooManyRedirections, .leadsNowhere, .leadsAstray,
      .unreadableBody, .cancelled:
      false
    }
  }
}

extension HTTPError: CustomStringConvertible {
  /// The end of a sentence that begins with what was attempted.
  package var description: String {
    switch self {
    case .hostNotFound: "the host cannot be found"
    case .privateAddress: "it leads to a private address"
    case .cannotConnect: "nobody answers there"
    case .untrusted(let reason): "the server cannot be trusted: \(reason)"
    case .connectTimedOut(let time): "no connection came about within \(time)"
    case .timedOut(let time): "it took longer than \(time)"
    case .stalled(let time): "nothing moved for \(time)"
    case .tooLarge(let limit): "it has more than \(limit) bytes"
    case .tooManyRedirections(let limit): "it leads on more than \(limit) times"
    case .leadsNowhere: "it leads nowhere"
    case .leadsAstray: "it leads to an address that may not be fetched"
    case .interrupted(let reason): "the transfer broke off: \(reason)"
    case .unreadableBody(let reason): "what was to be sent cannot be read: \(reason)"
    case .cancelled: "it was cancelled"
    }
  }
}
