import Foundation

/// Where Redis listens, and as whom to speak to it.
///
/// Reads `redis://user:password@host:port/database` and `unix:///path?db=0` (user and password
/// may stand there too: `unix://user:password@/path`). Its text form leaves the password out.
package struct RedisEndpoint: Hashable, Sendable, CustomStringConvertible {
  /// A TCP port or a Unix socket.
  package enum Address: Hashable, Sendable {
    case tcp(host: String, port: Int)
    case unix(path: String)
  }

  package var address: Address
  /// Nil: the user `default`.
  package var user: String?
  package var password: String?
  /// Chosen with SELECT; 0 in a Redis Cluster.
  package var database: Int

  package init(_ address: Address, user: String? = nil, password: String? = nil, database: Int = 0) {
    self.address = address
    self.user = user
    self.password = password
    self.database = database
  }

  /// Nil when `text` is not of one of the forms.
  package init?(_ text: String) {
    guard let parts = URLComponents(string: text) else { return nil }
    let user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
    switch parts.scheme {
    case "redis":
      guard let named = parts.host, !named.isEmpty else { return nil }
      // URLComponents keeps the brackets of an IPv6 address.
      let host = named.hasPrefix("[") ? String(named.dropFirst().dropLast()) : named
      let database = parts.path.isEmpty || parts.path == "/" ? 0 : Int(parts.path.dropFirst())
      guard let database, database >= 0, parts.query == nil else { return nil }
      let port = parts.port ?? 6379
      guard (1...65535).contains(port) else { return nil }
      self.init(
        .tcp(host: host, port: port), user: user, password: parts.password, database: database)
    case "unix":
      guard parts.host ?? "" == "", parts.path.count > 1, parts.port == nil else { return nil }
      var database = 0
      for item in parts.queryItems ?? [] {
        guard item.name == "db", let number = item.value.flatMap({ Int($0) }), number >= 0 else {
          return nil
        }
        database = number
      }
      self.init(
        .unix(path: parts.path), user: user, password: parts.password, database: database)
    default:
      return nil
    }
  }

  package var description: String {
    let who = password == nil ? "" : "\(user ?? "")@"
    return switch address {
    case .tcp(let host, let port):
      "redis://\(who)\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
    case .unix(let path): "unix://\(who)\(path)?db=\(database)"
    }
  }
}
