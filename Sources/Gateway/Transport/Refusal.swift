/// Why the transport answers a request itself, before anyone above hears of it.
struct Refusal: Error, Equatable {
  let status: Int
  /// One sentence for who wrote the client.
  let detail: String
  var headers: [String: String] = [:]

  /// A client must wait for the answer to its handshake (RFC 6455 §4.1).
  static let tooEager = Refusal(400, "Frames came before the handshake.")

  init(_ status: Int, _ detail: String, headers: [String: String] = [:]) {
    self.status = status
    self.detail = detail
    self.headers = headers
  }

  /// A problem document (RFC 9457). The detail is a sentence of ours and needs no escaping.
  var response: Response {
    let body = """
      {"type":"about:blank","title":"\(StatusLine.reason(status))","status":\(status),\
      "detail":"\(detail)"}
      """
    return Response(
      status,
      headers: [("content-type", "application/problem+json")]
        + headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      body: .bytes(Array(body.utf8)))
  }
}
