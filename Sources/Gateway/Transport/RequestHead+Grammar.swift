// The grammar of a head: RFC 9110 §5 and RFC 9112 §3, §5; RFC 6455 §4.2.1 for upgrades.
extension RequestHead {
  static func requestLine(
    _ line: UnsafeBufferPointer<UInt8>, limits: Limits
  ) throws(Refusal) -> (method: Request.Method, target: RequestTarget, isOld: Bool) {
    guard let first = line.firstIndex(of: 0x20), let last = line.lastIndex(of: 0x20), first > 0, last > first + 1,
      !line[(first + 1)..<last].contains(0x20)
    else { throw Refusal(400, "The request line is malformed.") }
    let isOld: Bool
    switch String(decoding: line[(last + 1)...], as: UTF8.self) {
    case "HTTP/1.1": isOld = false
    case "HTTP/1.0": isOld = true
    case let other where other.hasPrefix("HTTP/"):
      throw Refusal(505, "This server speaks HTTP/1.1.")
    default: throw Refusal(400, "The request line is malformed.")
    }
    let target = line[(first + 1)..<last]
    guard target.count <= limits.targetSize else {
      throw Refusal(414, "The target is too long.")
    }
    // Before the target is looked at: CONNECT has a target of another form.
    let method = try method(line[..<first])
    return (method, try RequestTarget(Array(target)[...]), isOld)
  }

  static func method(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) throws(Refusal) -> Request.Method {
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

  /// The name and the value of a header; nil where it is none that we look at, and is well-formed.
  static func field(
    _ line: UnsafeBufferPointer<UInt8>
  ) throws(Refusal) -> (field: HeaderField, value: String)? {
    // A line that begins with a blank would continue the one before (obs-fold): no token begins so.
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      line[..<colon].allSatisfy(isTokenByte)
    else { throw Refusal(400, "A header is malformed.") }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    var value = line[(colon + 1)...].drop(while: isBlank)
    while let last = value.last, isBlank(last) { value.removeLast() }
    guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
      throw Refusal(400, "A header has a control character.")
    }
    let name = UnsafeBufferPointer(rebasing: line[..<colon])
    guard let field = HeaderField.named(name) else { return nil }
    return (field, String(decoding: value, as: UTF8.self))
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

  /// The elements of a list (RFC 9110 §5.6.1).
  static func tokens(_ list: String?) -> [String] {
    (list ?? "").split(separator: ",").map { item in
      String(item.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
    }.filter { !$0.isEmpty }
  }

  /// Whether a list has an element, which is given in lower case and may be written in any.
  static func lists(_ token: String, in list: String?) -> Bool {
    guard let list else { return false }
    return list.utf8.split(separator: UInt8(ascii: ",")).contains { item in
      item.drop { $0 == 0x20 || $0 == 0x09 }.prefix { $0 != 0x20 && $0 != 0x09 }.lazy.map(lowercased)
        .elementsEqual(token.utf8)
    }
  }

  /// Nil where no WebSocket is asked for. Other protocols (h2c) are offers that we do not take: the
  /// request is answered over HTTP/1.1 (RFC 9110 §7.8).
  static func upgrade(
    _ fields: HeaderFields, method: Request.Method, isOld: Bool, length: Int?
  ) throws(Refusal) -> Upgrade? {
    guard lists("websocket", in: fields["upgrade"]) else { return nil }
    guard !isOld else { throw Refusal(400, "An upgrade needs HTTP/1.1.") }
    guard method == .get else {
      throw Refusal(405, "A WebSocket handshake is a GET.", headers: ["allow": "GET"])
    }
    guard (length ?? 0) == 0 else { throw Refusal(400, "A WebSocket handshake has no body.") }
    guard lists("upgrade", in: fields["connection"]) else {
      throw Refusal(400, "A WebSocket handshake says Connection: Upgrade.")
    }
    guard fields["sec-websocket-version"] == "13" else {
      throw Refusal(
        426, "WebSocket is spoken in version 13.",
        headers: ["sec-websocket-version": "13", "upgrade": "websocket"])
    }
    // Sixteen bytes in base64: 22 digits and two equals signs.
    guard let key = fields["sec-websocket-key"], key.utf8.count == 24,
      key.utf8.suffix(2).elementsEqual("==".utf8),
      key.utf8.dropLast(2).allSatisfy({ byte in
        byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || isAlphanumeric(byte)
      })
    else { throw Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64.") }
    return Upgrade(
      key: key, subprotocols: tokens(fields["sec-websocket-protocol"]),
      extensions: fields["sec-websocket-extensions"])
  }
}
