/// The head of an HTTP request, as the transport has judged and copied it.
package struct Request: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
  }

  package var method: Method
  /// Percent-decoded, begins with `/`, without `.` and `..` segments, without NUL.
  package var path: String
  /// Decoded, in the order written.
  package var query: [(name: String, value: String)]
  /// Names in lower case.
  package var headers: [String: String]
  /// Nil where the request has no body.
  package var contentLength: Int?
  /// The peer's address, without its port: `127.0.0.1`, `::1`, or `unix`.
  package var peer: String
  /// The name of the listener that it came to; nil: the gateway's own.
  package var listener: String?

  package init(
    method: Method, path: String, query: [(name: String, value: String)] = [],
    headers: [String: String] = [:], contentLength: Int? = nil, peer: String = "127.0.0.1"
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.contentLength = contentLength
    self.peer = peer
  }

  /// The first value of a query parameter.
  package func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// The headers that the transport copies; others are not looked at.
  package static let knownHeaders: [String] = [
    "host", "origin", "authorization", "cookie", "content-type", "content-length",
    "if-match", "if-none-match", "if-range", "range", "accept", "prefer", "idempotency-key", "last-event-id",
    "user-agent", "traceparent", "x-forwarded-for", "x-request-id",
    "access-control-request-method", "access-control-request-headers", "sec-websocket-protocol",
    "sec-fetch-site",
  ]
}
