/// Why the gateway could not be asked, or what it answered instead.
enum ClientError: Error, Hashable, Sendable {
  /// Nobody answers there, or the connection broke off.
  case unreachable(String)
  /// The gateway closed the socket and said why.
  case closed(code: Int, reason: String)
  /// A command was refused.
  case refused(code: Int, message: String, isTemporary: Bool)
  /// An HTTP request was refused; the problem's own words, and in how many seconds it may be repeated.
  case problem(status: Int, detail: String, retryAfter: Int? = nil)
  /// The other side does not speak the protocol.
  case notUnderstood(String)
  /// `https` and `wss`: this client speaks in the clear only.
  case encryptionUnsupported
  /// A file of this machine could not be read.
  case unreadableFile(String)
  /// The user pressed Ctrl-C.
  case interrupted
}

extension ClientError: CustomStringConvertible {
  var description: String {
    switch self {
    case .unreachable(let why): why
    case .closed(let code, let reason): "the gateway closed the connection: \(reason) (\(code))"
    case .refused(let code, let message, _): "the gateway refused: \(message) (\(code))"
    case .problem(let status, let detail, let seconds?):
      "the gateway refused: \(detail) Try again in \(seconds) s. (\(status))"
    case .problem(let status, let detail, nil): "the gateway refused: \(detail) (\(status))"
    case .notUnderstood(let what): "the other side does not speak as a gateway does: \(what)"
    case .encryptionUnsupported:
      "https:// and wss:// are not spoken by this client yet: "
        + "use the gateway's own http:// address, on its host or through an SSH tunnel"
    case .unreadableFile(let path): "the file \(path) cannot be read"
    case .interrupted: "interrupted"
    }
  }

  /// Whether trying again may help.
  var isTemporary: Bool {
    switch self {
    case .unreachable: true
    case .closed(let code, _): ReconnectPolicy.mayReconnect(afterClose: code)
    case .refused(_, _, let isTemporary): isTemporary
    case .problem(let status, _, _): status >= 500 || status == 429
    case .notUnderstood, .encryptionUnsupported, .unreadableFile, .interrupted: false
    }
  }
}
