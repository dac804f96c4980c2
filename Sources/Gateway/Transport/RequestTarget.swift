/// A request's target, decoded once and strictly.
struct RequestTarget: Equatable {
  /// Percent-decoded, begins with `/`.
  let path: String
  let query: [(name: String, value: String)]
  /// Of a target in absolute form, which overrides the Host header (RFC 9112 §3.2.2).
  let authority: String?

  /// Parses a target in origin form (`/path?query`) or absolute form (`http://host/path?query`).
  init(_ target: ArraySlice<UInt8>) throws(Refusal) {
    var rest = target
    var authority: String?
    for scheme in ["http://", "https://"]
    where rest.first != UInt8(ascii: "/") && rest.starts(with: scheme.utf8) {
      let afterScheme = rest.dropFirst(scheme.utf8.count)
      let end = afterScheme.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
      let name = afterScheme[..<(end ?? afterScheme.endIndex)]
      guard !name.isEmpty, !name.contains(UInt8(ascii: "@")) else {
        throw Refusal(400, "The target's authority cannot be used.")
      }
      authority = String(decoding: name, as: UTF8.self)
      rest = afterScheme[(end ?? afterScheme.endIndex)...]
      if rest.first != UInt8(ascii: "/") { rest = [UInt8(ascii: "/")] + rest }
      break
    }
    self.authority = authority
    guard rest.first == UInt8(ascii: "/") else {
      throw Refusal(400, "The target must begin with a slash.")
    }
    // Printable ASCII only; a fragment never travels (RFC 9110 §4.2.5).
    guard rest.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else {
      throw Refusal(400, "The target has a character that must be percent-encoded.")
    }
    let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
    path = try Self.decoded(rest[..<mark], plusIsSpace: false)
    // Split after decoding: an encoded slash or dot must not hide a segment.
    guard
      path.utf8.split(separator: UInt8(ascii: "/"))
        .allSatisfy({ !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) })
    else { throw Refusal(400, "The path has dot segments.") }
    var query: [(name: String, value: String)] = []
    for pair in rest[mark...].dropFirst().split(separator: UInt8(ascii: "&")) {
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      query.append(
        (
          try Self.decoded(pair[..<equals], plusIsSpace: true),
          try Self.decoded(pair[equals...].dropFirst(), plusIsSpace: true)
        ))
    }
    self.query = query
  }

  static func == (left: RequestTarget, right: RequestTarget) -> Bool {
    left.path == right.path && left.authority == right.authority
      && left.query.elementsEqual(right.query) { $0 == $1 }
  }

  private static func decoded(
    _ text: ArraySlice<UInt8>, plusIsSpace: Bool
  ) throws(Refusal) -> String {
    // Mostly there is nothing to decode, and what is there is ASCII.
    if !text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) {
      return String(decoding: text, as: UTF8.self)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      var byte = text[index]
      if byte == UInt8(ascii: "%") {
        guard index + 2 < text.endIndex, let high = hexDigit(text[index + 1]),
          let low = hexDigit(text[index + 2])
        else { throw Refusal(400, "The target has a percent sign without two hex digits.") }
        byte = high << 4 | low
        index += 2
      } else if plusIsSpace && byte == UInt8(ascii: "+") {
        byte = UInt8(ascii: " ")
      }
      guard byte != 0 else { throw Refusal(400, "The target has a NUL.") }
      bytes.append(byte)
      index += 1
    }
    guard let string = String(validating: bytes, as: UTF8.self) else {
      throw Refusal(400, "The target is not UTF-8.")
    }
    return string
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
