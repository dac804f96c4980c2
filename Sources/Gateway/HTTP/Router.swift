package import EventLoop
import Jobs
import Logging

/// Leads each request through admission to its route, and every error to its problem.
///
/// Admission comes first: the token is judged and the budget spent before a byte of the body is read.
@EventLoop
package final class Router {
  private let routes: RouteTable
  private let environment: SessionEnvironment
  private let door: Door
  private let origins: OriginPolicy

  package init(
    routes: [Route], environment: SessionEnvironment, door: Door, origins: OriginPolicy
  ) {
    self.routes = RouteTable(routes)
    self.environment = environment
    self.door = door
    self.origins = origins
  }

  /// The answer to a request, whatever happens.
  package func answer(_ exchange: any Exchange) async -> Response {
    let request = exchange.request
    if request.method == .options { return origins.preflight(request, allowing: methods(at: request)) }
    var headers: [(name: String, value: String)] = []
    // What is not found at a listener of its own is told in its system's words.
    var mount = routes.mount(at: request.listener)
    var response: Response
    do {
      let (route, parameters) = try find(request, &mount, addingTo: &headers)
      response = try await respond(to: exchange, by: route, parameters, addingTo: &headers)
    } catch {
      let problem = problem(error, of: request)
      response = mount?.dialect.response(to: problem, of: request) ?? problem.response
    }
    if let mount { response.headers += mount.notices }
    response.headers += headers
    response.headers += origins.headers(for: request)
    if !response.headers.contains(where: { $0.name == "x-content-type-options" }) {
      response.headers.append(("x-content-type-options", "nosniff"))
    }
    return response
  }

  private func problem(_ error: any Error, of request: Request) -> Problem {
    switch error {
    case let problem as Problem: problem
    case let error as BrokerError: Problem(error)
    case RequestBodyError.tooLarge(let limit):
      Problem(.payloadTooLarge, status: 413, detail: "At most \(limit) bytes are taken.")
    case RequestBodyError.interrupted:
      // The client has gone or is too slow; the transport closes, the answer is for the log.
      Problem(.invalidRequest, status: 400, detail: "The body did not arrive.")
    default: unforeseen(error, of: request)
    }
  }

  private func unforeseen(_ error: any Error, of request: Request) -> Problem {
    environment.logger.error(
      "a request failed", metadata: ["path": "\(request.path)", "error": "\(error)"])
    return Problem(.internalError, status: 500)
  }

  private func respond(
    to exchange: any Exchange, by route: Route, _ parameters: [String: String],
    addingTo headers: inout [(name: String, value: String)]
  ) async throws -> Response {
    var caller: Identity?
    if case .open = route.admission {} else { caller = try await admit(exchange.request, to: route) }
    if case .counted = route.admission, let caller {
      let budget = await environment.limiter.spend(by: spender(caller, of: exchange.request, at: route))
      headers += rateLimitHeaders(budget)
      guard budget.isAdmitted else {
        throw Problem(
          .quotaExceeded, status: 429,
          detail: "At most \(environment.limiter.limit) requests in any "
            + "\(environment.limiter.window.milliseconds / 1000) seconds.",
          retryAfter: budget.retryAfter)
      }
    }
    let response = try await route.handler(
      Call(exchange: exchange, parameters: parameters, caller: caller))
    if let budget = response.budget {
      headers.removeAll { $0.name.hasPrefix("ratelimit") }
      headers += rateLimitHeaders(budget)
    }
    return response
  }

  /// Who calls: whose the token is, or whom an older system's callers without one stand for.
  private func admit(_ request: Request, to route: Route) async throws(Problem) -> Identity {
    guard let stand = route.mount?.caller else { return try await door.admit(request) }
    if let identity = try await door.admitIfTold(request) { return identity }
    // Any page could act for a caller who needs no token.
    guard origins.isFromNoForeignPage(request) else {
      throw Problem(.originRefused, status: 403, detail: "Add the origin to gateway.cors_origins, by its name.")
    }
    return stand
  }

  /// Whose budget a request is of: callers without a token have one for each address they come from.
  private func spender(_ caller: Identity, of request: Request, at route: Route) -> String {
    caller == route.mount?.caller ? "\(caller.user)@\(request.peer)" : caller.user
  }

  /// The route of a request. `mount` is that of the route, or of one that only the method does not fit.
  private func find(
    _ request: Request, _ mount: inout LegacyMount?, addingTo headers: inout [(name: String, value: String)]
  ) throws(Problem) -> (Route, [String: String]) {
    let parts = request.path.split(separator: "/", omittingEmptySubsequences: true)
    let method = request.method == .head ? .get : request.method
    var allowed: [String] = []
    for route in routes.candidates(for: parts, at: request.listener) {
      guard let parameters = route.match(parts) else { continue }
      mount = route.mount
      if route.method == method { return (route, parameters) }
      allowed += route.methods
    }
    if allowed.isEmpty { throw .notFound }
    let list = allowed.joined(separator: ", ")
    // A 405 must name them (RFC 9110 §15.5.6).
    headers.append(("allow", list))
    throw Problem(.methodNotAllowed, status: 405, detail: "Allowed: \(list).")
  }

  /// What may be asked at an address. Where there is nothing a page shall be told so, and not be kept from asking.
  private func methods(at request: Request) -> [String] {
    let parts = request.path.split(separator: "/", omittingEmptySubsequences: true)
    let found = routes.candidates(for: parts, at: request.listener).filter { $0.match(parts) != nil }
    guard !found.isEmpty else { return ["GET", "HEAD", "POST"] }
    return found.flatMap(\.methods).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// draft-ietf-httpapi-ratelimit-headers-10.
  private func rateLimitHeaders(_ budget: BudgetStanding) -> [(name: String, value: String)] {
    let window = environment.limiter.window.milliseconds / 1000
    let reset = budget.retryAfter > .zero ? secondsRoundedUp(budget.retryAfter) : 0
    return [
      ("ratelimit-policy", "\"requests\";q=\(environment.limiter.limit);w=\(window)"),
      ("ratelimit", "\"requests\";r=\(budget.remaining);t=\(reset)"),
    ]
  }
}
