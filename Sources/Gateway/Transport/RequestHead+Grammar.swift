// The grammar of a head: RFC 9110 §5 and RFC 9112 §3, §5; RFC 6455 §4.2.1 for upgrades.
extension RequestHead {
  /// Lines end with CRLF; a CR or LF alone, or a NUL, is refused.
  static func lines(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = bytes.startIndex
    var index = start
    while index < bytes.endIndex {
      switch bytes[index] {
      case 0x0D:
        guard index + 1 < bytes.endIndex, bytes[index + 1] == 0x0A else {
          throw Refusal(400, "A carriage return stands alone.")
        }
        if index > start { lines.append(bytes[start..<index]) }
        index += 2
        start = index
      case 0x0A: throw Refusal(400, "A line must end with CR and LF.")
      case 0: throw Refusal(400, "The head has a NUL.")
      default: index += 1
      }
    }
    guard !lines.isEmpty else { throw Refusal(400, "The request is empty.") }
    return lines
  }

  static func requestLine(
    _ line: ArraySlice<UInt8>, limits: Limits
  ) throws(Refusal) -> (method: ArraySlice<UInt8>, target: RequestTarget, isOld: Bool) {
    let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw Refusal(400, "The request line is malformed.")
    }
    let isOld: Bool
    switch String(decoding: parts[2], as: UTF8.self) {
    case "HTTP/1.1": isOld = false
    case "HTTP/1.0": isOld = true
    case let other where other.hasPrefix("HTTP/"):
      throw Refusal(505, "This server speaks HTTP/1.1.")
    default: throw Refusal(400, "The request line is malformed.")
    }
    guard parts[1].count <= limits.targetSize else {
      throw Refusal(414, "The target is too long.")
    }
    // Before the target is looked at: CONNECT has a target of another form.
    _ = try method(parts[0])
    return (parts[0], try RequestTarget(parts[1]), isOld)
  }

  static func method(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> Request.Method {
    let name = String(decoding: bytes, as: UTF8.self)
    if let method = Request.Method(rawValue: name) { return method }
    guard bytes.allSatisfy(isTokenByte) else {
      throw Refusal(400, "The request line is malformed.")
    }
    if name == "CONNECT" || name == "TRACE" {
      throw Refusal(
        405, "This method is not offered.",
        headers: ["allow": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"])
    }
    throw Refusal(501, "This method is not known.")
  }

  static func field(_ line: ArraySlice<UInt8>) throws(Refusal) -> (name: String, value: String) {
    // A line that begins with a blank would continue the one before (obs-fold): no token begins so.
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
      line[..<colon].allSatisfy(isTokenByte)
    else { throw Refusal(400, "A header is malformed.") }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    var value = line[(colon + 1)...].drop(while: isBlank)
    while let last = value.last, isBlank(last) { value.removeLast() }
    guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
      throw Refusal(400, "A header has a control character.")
    }
    return (
      String(decoding: line[..<colon], as: UTF8.self).lowercased(),
      String(decoding: value, as: UTF8.self)
    )
  }

  /// A byte of a token (RFC 9110 §5.6.2): a letter, a digit or one of fifteen marks.
  static func isTokenByte(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || isTokenMark(byte) }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  private static func isTokenMark(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }

  /// A name or address with an optional port; nothing that could be read as a path or credentials.
  static func isHost(_ host: String) -> Bool {
    !host.isEmpty
      && host.utf8.allSatisfy { byte in
        (0x21...0x7E).contains(byte) && !"/?#@,\\\"<>".utf8.contains(byte)
      }
  }

  static func tokens(_ list: String?) -> [String] {
    (list ?? "").split(separator: ",").map { item in
      String(item.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
    }.filter { !$0.isEmpty }
  }

  /// Nil where no WebSocket is asked for. Other protocols (h2c) are offers that we do not take: the
  /// request is answered over HTTP/1.1 (RFC 9110 §7.8).
  static func upgrade(
    _ fields: [String: String], method: Request.Method, isOld: Bool, connection: [String],
    length: Int?
  ) throws(Refusal) -> Upgrade? {
    guard tokens(fields["upgrade"]).contains(where: { $0.lowercased() == "websocket" }) else {
      return nil
    }
    guard !isOld else { throw Refusal(400, "An upgrade needs HTTP/1.1.") }
    guard method == .get else {
      throw Refusal(405, "A WebSocket handshake is a GET.", headers: ["allow": "GET"])
    }
    guard (length ?? 0) == 0 else { throw Refusal(400, "A WebSocket handshake has no body.") }
    guard connection.contains("upgrade") else {
      throw Refusal(400, "A WebSocket handshake says Connection: Upgrade.")
    }
    guard fields["sec-websocket-version"] == "13" else {
      throw Refusal(
        426, "WebSocket is spoken in version 13.",
        headers: ["sec-websocket-version": "13", "upgrade": "websocket"])
    }
    // Sixteen bytes in base64: 22 digits and two equals signs.
    guard let key = fields["sec-websocket-key"], key.utf8.count == 24, key.hasSuffix("=="),
      key.dropLast(2).utf8.allSatisfy({ byte in
        byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || isAlphanumeric(byte)
      })
    else { throw Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64.") }
    return Upgrade(
      key: key, subprotocols: tokens(fields["sec-websocket-protocol"]),
      extensions: fields["sec-websocket-extensions"])
  }
}
