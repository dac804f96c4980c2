import EventLoop
import Gateway
import Jobs

/// An answer, read.
struct FakeAnswer: Sendable {
  var status: Int
  var headers: [String: String]
  /// Null where there is no body.
  var body: JSONValue

  subscript(_ name: String) -> JSONValue? { body[name] }

  /// The `code` of a problem.
  var code: String? { body["code"]?.string }
}

extension SessionHarness {
  /// Asks the gateway over HTTP, as the user, and reads what it answers.
  func ask(
    _ method: Request.Method, _ target: String, _ body: String = "", by user: String = "alice",
    scopes: Permissions? = nil, maxPriority: Int? = nil, headers: [String: String] = [:]
  ) async throws -> FakeAnswer {
    var headers = headers
    headers["host"] = "localhost"
    headers["authorization"] = "Bearer \(try token(user, scopes: scopes, maxPriority: maxPriority))"
    let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
    let query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
      let words = pair.split(separator: "=", maxSplits: 1).map(String.init)
      return (name: words[0], value: words.count > 1 ? words[1] : "")
    }
    let exchange = FakeExchange(
      Request(
        method: method, path: parts[0], query: query, headers: headers,
        contentLength: body.isEmpty ? nil : body.utf8.count), body: body)
    gateway.handle(exchange)
    let response = try await exchange.answer()
    var bytes = Array("null".utf8)
    if case .bytes(let given) = response.body, !given.isEmpty { bytes = given }
    return FakeAnswer(
      status: response.status,
      headers: Dictionary(response.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
      body: try JSONDocument(bytes: bytes).root)
  }

  /// The same as an operator.
  func admin(
    _ method: Request.Method, _ target: String, _ body: String = "",
    headers: [String: String] = [:]
  ) async throws -> FakeAnswer {
    try await ask(method, target, body, by: "root", scopes: [.admin], headers: headers)
  }

  /// Asks over a socket that is connected; the reply is the next frame.
  func call(
    _ method: String, _ data: String, by user: String = "alice", scopes: Permissions? = nil
  ) async throws -> JSONValue {
    let (session, connection) = try await connect(user, scopes: scopes)
    session.tell(#"{"id":2,"rpc":{"method":"\#(method)","data":\#(data)}}"#)
    return try json(await connection.frames(2)[1])
  }
}
