package import EventLoop
package import Jobs

/// One address of the HTTP interface: what it is called, who may call it, what it does.
package struct Route: Sendable {
  /// What stands before a route.
  package enum Admission: Sendable {
    /// Anybody may call it; nothing is counted.
    case open
    /// A token is needed; nothing is counted.
    case identified
    /// A token is needed, and the call is one request of the user's budget.
    case counted
  }

  package var method: Request.Method
  /// The parts of the path; one that begins with `:` matches any single part and names it.
  package var pattern: [Substring]
  package var admission: Admission
  package var handler: @EventLoop @Sendable (Call) async throws -> Response
  /// What an older system's address has of its own; nil for the gateway's.
  package var mount: LegacyMount?

  /// `path` as in `/v1/jobs/:id/events`.
  package init(
    _ method: Request.Method, _ path: StaticString, _ admission: Admission,
    handler: @escaping @EventLoop @Sendable (Call) async throws -> Response
  ) {
    self.method = method
    pattern = path.description.split(separator: "/").map { $0 }
    self.admission = admission
    self.handler = handler
  }

  /// The methods by which it is called, as headers name them: HEAD wherever GET is.
  var methods: [String] { (method == .get ? [method, .head] : [method]).map(\.rawValue) }

  /// The named parts if the path fits, or nil.
  func match(_ parts: [Substring]) -> [String: String]? {
    guard parts.count == pattern.count else { return nil }
    var parameters: [String: String] = [:]
    for (part, wanted) in zip(parts, pattern) {
      if wanted.hasPrefix(":") {
        parameters[String(wanted.dropFirst())] = String(part)
      } else if part != wanted {
        return nil
      }
    }
    return parameters
  }
}

extension Route {
  /// Whether requests to this listener are led to it: the gateway's own addresses are everywhere.
  func answers(at listener: String?) -> Bool { mount.map { $0.listener == listener } ?? true }
}

/// One call of a route.
@EventLoop
package final class Call {
  package let exchange: any Exchange
  package let parameters: [String: String]
  private let caller: Identity?

  init(exchange: any Exchange, parameters: [String: String], caller: Identity?) {
    self.exchange = exchange
    self.parameters = parameters
    self.caller = caller
  }

  package var request: Request { exchange.request }

  /// Who calls; only asked in routes that need a token.
  package var identity: Identity {
    guard let caller else { preconditionFailure("an open route asked who calls it") }
    return caller
  }

  /// The job that the path names; a malformed id is as unknown as any other.
  package var jobID: JobID {
    get throws(Problem) {
      guard let id = parameters["id"].flatMap({ JobID($0) }) else { throw .jobNotFound }
      return id
    }
  }
}
