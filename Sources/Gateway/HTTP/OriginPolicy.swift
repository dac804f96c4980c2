/// Which web pages may talk to the gateway through somebody's browser.
package struct OriginPolicy: Sendable {
  private let socketOrigins: [String]
  private let corsOrigins: [String]
  private let hasCookie: Bool

  package init(settings: GatewaySettings) {
    socketOrigins = settings.allowedOrigins
    corsOrigins = settings.corsOrigins
    hasCookie = settings.tokenCookie != nil
  }

  /// Whether the page behind this request may open a socket.
  ///
  /// No `Origin`: not a page, let in. Else it must be our own host or on the list (spec §1).
  package func isAllowed(_ request: Request) -> Bool {
    guard let origin = request.headers["origin"] else { return true }
    if isOwn(origin, request) { return true }
    return lists(socketOrigins, origin) || lists(corsOrigins, origin)
  }

  /// Whether a cookie speaks for the user here: the page behind the request is of our own host, or of an origin that
  /// is listed by its name. `*` lists none: everybody's page would act for whoever opens it.
  ///
  /// A browser leaves `Origin` out of plain reads alone, and tells of those, if it is not too old, whether a foreign
  /// site asks (Fetch §3.2, Fetch Metadata §2.4).
  func takesCookie(of request: Request) -> Bool {
    (request.headers["origin"] != nil || [.get, .head].contains(request.method)) && isFromNoForeignPage(request)
  }

  /// Whether no page of others is behind the request: it may act for a caller who needs no token.
  ///
  /// What is no browser sends no `Origin`; a browser does with whatever a foreign page asks that is no plain read, and
  /// tells of plain reads that a foreign site asks for them.
  func isFromNoForeignPage(_ request: Request) -> Bool {
    guard let origin = request.headers["origin"] else { return request.headers["sec-fetch-site"] != "cross-site" }
    return isOwn(origin, request) || names(socketOrigins, origin) || names(corsOrigins, origin)
  }

  private func isOwn(_ origin: String, _ request: Request) -> Bool {
    guard let host = request.headers["host"], let range = origin.firstRange(of: "://") else {
      return false
    }
    return origin[range.upperBound...].lowercased() == host.lowercased()
  }

  private func lists(_ origins: [String], _ origin: String) -> Bool {
    origins.contains("*") || names(origins, origin)
  }

  private func names(_ origins: [String], _ origin: String) -> Bool {
    origin != "*" && origins.contains { $0.lowercased() == origin.lowercased() }
  }

  /// The answer to a browser's question beforehand (CORS preflight): the methods that the address answers.
  package func preflight(_ request: Request, allowing methods: [String]) -> Response {
    let methods = (methods + [Request.Method.options.rawValue]).joined(separator: ", ")
    guard let origin = request.headers["origin"], lists(corsOrigins, origin) else {
      return Response(204, headers: [("allow", methods), ("vary", "origin")])
    }
    return Response(
      204,
      headers: headers(for: request) + [
        ("access-control-allow-methods", methods),
        (
          "access-control-allow-headers",
          "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, prefer, range"
        ),
        ("access-control-max-age", "600"),
      ])
  }

  /// What lets a page of a listed origin read the answer.
  package func headers(for request: Request) -> [(name: String, value: String)] {
    guard !corsOrigins.isEmpty else { return [] }
    guard let origin = request.headers["origin"], lists(corsOrigins, origin) else {
      return [("vary", "origin")]
    }
    // Without it a browser keeps the answer to a request with a cookie from the page.
    let credentials: [(name: String, value: String)] =
      hasCookie && names(corsOrigins, origin) ? [("access-control-allow-credentials", "true")] : []
    return credentials + [
      ("access-control-allow-origin", origin),
      (
        "access-control-expose-headers",
        "etag, link, location, retry-after, ratelimit, ratelimit-policy, preference-applied, content-range, "
          + "deprecation, sunset, x-job-state, x-problem"
      ),
      ("vary", "origin"),
    ]
  }
}
