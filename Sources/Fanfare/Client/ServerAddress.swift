import Foundation

/// Where a gateway is reached: `http://host:port`, as a user writes it.
struct ServerAddress: Hashable, Sendable {
  var isSecure: Bool
  var host: String
  var port: Int
  /// What stands before the gateway's own paths; empty or begins with `/` and does not end with it.
  var prefix: String

  /// Reads `http`, `https`, `ws` and `wss` addresses, and a bare `host:port`; nil for anything else.
  ///
  /// A WebSocket's path may stand at the end: it is dropped.
  init?(_ text: String) {
    var rest = Substring(text)
    isSecure = false
    if let scheme = rest.range(of: "://") {
      switch rest[..<scheme.lowerBound].lowercased() {
      case "http", "ws": break
      case "https", "wss": isSecure = true
      default: return nil
      }
      rest = rest[scheme.upperBound...]
    }
    let authority = rest.prefix { !"/?#".contains($0) }
    var path = rest[authority.endIndex...].prefix { !"?#".contains($0) }
    if path.hasSuffix(Self.socketPath) { path = path.dropLast(Self.socketPath.count) }
    while path.hasSuffix("/") { path = path.dropLast() }
    prefix = String(path)

    guard !authority.contains("@"), let (host, port) = Self.split(authority) else { return nil }
    self.host = host
    self.port = port ?? (isSecure ? 443 : 80)
  }

  private static func split(_ authority: Substring) -> (host: String, port: Int?)? {
    var host = authority
    var port: Int?
    let afterHost = authority.hasPrefix("[") ? authority.firstIndex(of: "]") : authority.startIndex
    guard let afterHost else { return nil }
    if let colon = authority[afterHost...].lastIndex(of: ":") {
      guard let number = Int(authority[authority.index(after: colon)...]),
        (1...65_535).contains(number)
      else { return nil }
      host = authority[..<colon]
      port = number
    }
    let bare = host.hasPrefix("[") ? host.dropFirst().dropLast() : host
    guard !bare.isEmpty, !bare.contains(where: \.isWhitespace) else { return nil }
    return (String(bare), port)
  }

  /// Where WebSockets are opened, behind the prefix.
  static let socketPath = "/connection/websocket"

  /// The value of the `Host` header.
  var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// A full address of one of the gateway's paths, for people to open.
  func url(_ path: String) -> String {
    "\(isSecure ? "https" : "http")://\(authority)\(prefix)\(path)"
  }
}
