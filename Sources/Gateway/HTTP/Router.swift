package import EventLoop
import Jobs
import Logging

/// Leads each request through admission to its route, and every error to its problem.
///
/// Admission comes first: the token is judged and the budget spent before a byte of the body is read.
@EventLoop
package final class Router {
  private let routes: [Route]
  private let environment: SessionEnvironment
  private let door: Door
  private let origins: OriginPolicy

  package init(
    routes: [Route], environment: SessionEnvironment, door: Door, origins: OriginPolicy
  ) {
    self.routes = routes
    self.environment = environment
    self.door = door
    self.origins = origins
  }

  /// The answer to a request, whatever happens.
  package func answer(_ exchange: any Exchange) async -> Response {
    let request = exchange.request
    if request.method == .options { return origins.preflight(request) }
    var headers: [(name: String, value: String)] = []
    var response: Response
    do {
      response = try await respond(to: exchange, addingTo: &headers)
    } catch let problem as Problem {
      response = problem.response
    } catch let error as BrokerError {
      response = Problem(error).response
    } catch RequestBodyError.tooLarge(let limit) {
      response =
        Problem(.payloadTooLarge, status: 413, detail: "At most \(limit) bytes are taken.").response
    } catch RequestBodyError.interrupted {
      // The client has gone or is too slow; the transport closes, the answer is for the log.
      response = Response(400)
    } catch {
      environment.logger.error(
        "a request failed", metadata: ["path": "\(request.path)", "error": "\(error)"])
      response = Problem(.internalError, status: 500).response
    }
    response.headers += headers
    response.headers += origins.headers(for: request)
    if !response.headers.contains(where: { $0.name == "x-content-type-options" }) {
      response.headers.append(("x-content-type-options", "nosniff"))
    }
    return response
  }

  private func respond(
    to exchange: any Exchange, addingTo headers: inout [(name: String, value: String)]
  ) async throws -> Response {
    let request = exchange.request
    let (route, parameters) = try find(request, addingTo: &headers)
    var caller: Identity?
    if case .open = route.admission {} else { caller = try await door.admit(request) }
    if case .counted = route.admission, let caller {
      let budget = await environment.limiter.spend(by: caller.user)
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

  private func find(
    _ request: Request, addingTo headers: inout [(name: String, value: String)]
  ) throws(Problem) -> (Route, [String: String]) {
    let parts = request.path.split(separator: "/", omittingEmptySubsequences: true)
    let method = request.method == .head ? .get : request.method
    var allowed: [String] = []
    for route in routes {
      guard let parameters = route.match(parts) else { continue }
      if route.method == method { return (route, parameters) }
      allowed.append(route.method.rawValue)
      if route.method == .get { allowed.append(Request.Method.head.rawValue) }
    }
    if allowed.isEmpty { throw .notFound }
    let list = allowed.joined(separator: ", ")
    // A 405 must name them (RFC 9110 §15.5.6).
    headers.append(("allow", list))
    throw Problem(.methodNotAllowed, status: 405, detail: "Allowed: \(list).")
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
