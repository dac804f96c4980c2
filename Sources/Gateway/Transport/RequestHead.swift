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

  var request: Request
  let upgrade: Upgrade?
  /// The client leaves the connection open for another request.
  let keepsAlive: Bool
  /// `Expect: 100-continue`: the body comes when it is asked for.
  let awaitsContinue: Bool

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
    self = try bytes.withUnsafeBufferPointer { text throws(Refusal) in
      try RequestHead(text, peer: peer, limits: limits)
    }
  }

  private init(_ text: UnsafeBufferPointer<UInt8>, peer: String, limits: Limits) throws(Refusal) {
    var lines = HeadLines(text)
    guard let first = try lines.next() else { throw Refusal(400, "The request is empty.") }
    let (verb, target, isOld) = try Self.requestLine(first, limits: limits)
    var fields = HeaderFields()
    var count = 0
    while let line = try lines.next() {
      count += 1
      guard count <= limits.headerCount else { throw Refusal(431, "The request has too many headers.") }
      guard let (field, value) = try Self.field(line) else { continue }
      try fields.add(value, to: field)
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
    var awaitsContinue = false
    if let expectation = fields["expect"] {
      guard expectation.lowercased() == "100-continue" else {
        throw Refusal(417, "Only 100-continue can be expected.")
      }
      awaitsContinue = !isOld && (length ?? 0) > 0
    }

    keepsAlive = !isOld && !Self.lists("close", in: fields["connection"])
    self.awaitsContinue = awaitsContinue
    upgrade = try Self.upgrade(fields, method: verb, isOld: isOld, length: length)
    request = Request(
      method: verb, path: target.path, query: target.query, headers: fields.kept(host: target.authority),
      contentLength: length == 0 ? nil : length, peer: peer)
  }
}
