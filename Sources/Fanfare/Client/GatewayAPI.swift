import Jobs

/// A gateway's HTTP interface, as a user or an operator asks it: one request, one JSON answer.
struct GatewayAPI {
  let server: ServerAddress
  let token: String

  /// Asks; throws `problem` for a refusal, in the gateway's own words.
  func ask(
    _ method: String, _ path: String, query: [(String, String?)] = [], body: JSONText? = nil
  ) throws(ClientError) -> JSONValue {
    let pairs = query.compactMap { name, value in
      value.map { "\(name)=\(FileUpload.queryEncoded($0))" }
    }
    let target = pairs.isEmpty ? path : "\(path)?\(pairs.joined(separator: "&"))"
    let (_, answer) = try HTTPConnection.request(
      server, method, target, token: token,
      headers: body == nil ? [] : [("Content-Type", "application/json")],
      body: .bytes(body?.bytes ?? []))
    do throws(JSONError) {
      return try JSONDocument(bytes: answer.isEmpty ? Array("{}".utf8) : answer).root
    } catch {
      throw .notUnderstood("an answer that is not JSON: \(error)")
    }
  }

  /// Asks, and waits where too much was asked for in too short a time.
  func askPatiently(
    _ method: String, _ path: String, body: JSONText
  ) throws(ClientError) -> JSONValue {
    while true {
      do throws(ClientError) { return try ask(method, path, body: body) } catch {
        guard case .problem(429, _, let seconds?) = error else { throw error }
        Terminal.note("The budget of requests is spent; going on in \(seconds) s.")
        try Interrupt.pause(.seconds(seconds))
      }
    }
  }

  /// The path of a queue, a job or a worker: names hold nothing that needs encoding, but who types
  /// one may.
  static func path(_ parts: String...) -> String {
    "/v1/" + parts.map(FileUpload.queryEncoded).joined(separator: "/")
  }
}
