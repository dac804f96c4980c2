/// A request's head as it came over the wire, judged by RFC 9112 without its leniencies.
///
/// What two parsers could read in two ways is refused: a proxy in front of us and we must never
/// disagree about where a request ends.
struct RequestHead {
  /// A WebSocket upgrade asked for, and well-formed.
  struct Upgrade: Equatable {
    let key: String
    let subprotocols: [String]
    /// What Sec-WebSocket-Extensions says, as it came.
    var extensions: String?
  }

  let request: Request
  let upgrade: Upgrade?
  /// The client leaves the connection open for another request.
  let keepsAlive: Bool
  /// `Expect: 100-continue`: the body comes when it is asked for.
  let awaitsContinue: Bool

  private static let known = Set(Request.knownHeaders)
  /// A second one of these would be a second opinion.
  private static let single: Set<String> = [
    "host", "content-length", "authorization", "content-type", "origin", "range", "if-range",
    "idempotency-key", "last-event-id", "expect", "upgrade", "sec-websocket-key",
    "sec-websocket-version", "x-request-id", "traceparent", "user-agent",
  ]

  /// Where the head in `bytes` ends (the index after its empty line), or nil where it has not yet.
  ///
  /// `searched` is how many bytes an earlier call has seen, so that a head that comes byte by byte
  /// is not searched from its start each time. What can no longer become a head (another protocol,
  /// say) is refused here, not waited for.
  static func end(in bytes: ArraySlice<UInt8>, searched: Int = 0) throws(Refusal) -> Int? {
    let start = bytes.startIndex
    var index = start + searched
    while index < bytes.endIndex {
      let byte = bytes[index]
      if byte == 0x0A {
        guard index > start, bytes[index - 1] == 0x0D else {
          throw Refusal(400, "A line must end with CR and LF.")
        }
        if index - start >= 3, bytes[index - 2] == 0x0A { return index + 1 }
      } else if byte == 0 {
        throw Refusal(400, "The head has a NUL.")
      }
      index += 1
    }
    return nil
  }

  /// Parses a whole head, its empty line included.
  init(_ bytes: ArraySlice<UInt8>, peer: String, limits: Limits) throws(Refusal) {
    var lines = try Self.lines(bytes)
    let (method, target, isOld) = try Self.requestLine(lines.removeFirst(), limits: limits)
    guard lines.count <= limits.headerCount else {
      throw Refusal(431, "The request has too many headers.")
    }
    var fields: [String: String] = [:]
    for line in lines {
      let (name, value) = try Self.field(line)
      if let first = fields[name] {
        if Self.single.contains(name) { throw Refusal(400, "A header that counts came twice.") }
        fields[name] = first + (name == "cookie" ? "; " : ", ") + value
      } else {
        fields[name] = value
      }
    }

    guard fields["transfer-encoding"] == nil else {
      throw Refusal(400, "Bodies are taken with a Content-Length only.")
    }
    var length: Int?
    if let declared = fields["content-length"] {
      guard (1...18).contains(declared.utf8.count),
        declared.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
      else { throw Refusal(400, "Content-Length must be a plain number.") }
      length = Int(declared)
    }
    guard let host = fields["host"], Self.isHost(host) else {
      throw Refusal(400, "The request must have one Host header.")
    }
    if let authority = target.authority { fields["host"] = authority }
    let verb = try Self.method(method)
    var awaitsContinue = false
    if let expectation = fields["expect"] {
      guard expectation.lowercased() == "100-continue" else {
        throw Refusal(417, "Only 100-continue can be expected.")
      }
      awaitsContinue = !isOld && (length ?? 0) > 0
    }

    let connection = Self.tokens(fields["connection"]).map { $0.lowercased() }
    keepsAlive = !isOld && !connection.contains("close")
    self.awaitsContinue = awaitsContinue
    upgrade = try Self.upgrade(
      fields, method: verb, isOld: isOld, connection: connection, length: length)
    request = Request(
      method: verb, path: target.path, query: target.query,
      headers: fields.filter { Self.known.contains($0.key) },
      contentLength: length == 0 ? nil : length, peer: peer)
  }
}
