/// A JSON text, read strictly (RFC 8259), whose parts know the bytes they stand for.
///
/// That is what `Foundation` cannot give: a payload inside a command goes on as the very bytes that
/// came, numbers unrounded, and a member written twice is seen. Cost: one pass, one small node a value.
package struct JSONDocument: Sendable {
  /// The outermost value.
  package let root: JSONValue

  /// Reads exactly one value; white space around it is allowed.
  ///
  /// Throws on anything RFC 8259 does not allow, on more than `depthLimit` levels, on invalid UTF-8
  /// and — with `refusesDuplicates` — on an object that names a member twice.
  package init(
    bytes: [UInt8], depthLimit: Int = 64, refusesDuplicates: Bool = false
  ) throws(JSONError) {
    var reader = JSONReader(
      bytes: bytes, depthLimit: depthLimit, refusesDuplicates: refusesDuplicates)
    root = try reader.readDocument()
  }
}

/// One value of a ``JSONDocument``.
package struct JSONValue: Sendable {
  package enum Content: Sendable {
    case null
    case bool(Bool)
    /// As written; ``JSONValue/int`` and ``JSONValue/double`` read it.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// In the order written. A name that stands twice is kept twice; ``JSONValue/subscript(_:)``
    /// gives the last, as JavaScript does.
    case object([(name: String, value: JSONValue)])
  }

  package let content: Content
  let source: [UInt8]
  let range: Range<Int>

  /// The value's own text, raw line breaks between tokens dropped.
  package var text: JSONText {
    let slice = source[range]
    guard slice.contains(where: { $0 == 0x0A || $0 == 0x0D }) else {
      return JSONText(unchecked: Array(slice))
    }
    // Inside strings a line break is always escaped, so each raw one stands between tokens.
    return JSONText(unchecked: slice.filter { $0 != 0x0A && $0 != 0x0D })
  }

  /// The member of an object; nil in other values and where it is absent.
  package subscript(_ name: String) -> JSONValue? {
    guard case .object(let members) = content else { return nil }
    return members.last { $0.name == name }?.value
  }

  package var string: String? {
    if case .string(let string) = content { string } else { nil }
  }

  package var bool: Bool? {
    if case .bool(let bool) = content { bool } else { nil }
  }

  package var double: Double? {
    if case .number(let digits) = content { Double(digits) } else { nil }
  }

  /// A whole number that fits; `3.0` and `1e2` count as whole.
  package var int: Int? {
    guard case .number(let digits) = content else { return nil }
    if let int = Int(digits) { return int }
    guard let double = Double(digits), abs(double) < 9_007_199_254_740_992 else { return nil }
    return Int(exactly: double)
  }

  package var array: [JSONValue]? {
    if case .array(let values) = content { values } else { nil }
  }

  package var object: [(name: String, value: JSONValue)]? {
    if case .object(let members) = content { members } else { nil }
  }

  package var isNull: Bool {
    if case .null = content { true } else { false }
  }
}

/// The reading itself: recursive descent with a bound on depth.
private struct JSONReader {
  let bytes: [UInt8]
  let depthLimit: Int
  let refusesDuplicates: Bool
  var position = 0

  init(bytes: [UInt8], depthLimit: Int, refusesDuplicates: Bool) {
    self.bytes = bytes
    self.depthLimit = depthLimit
    self.refusesDuplicates = refusesDuplicates
  }

  mutating func readDocument() throws(JSONError) -> JSONValue {
    skipSpace()
    let value = try readValue(depth: 0)
    skipSpace()
    if position < bytes.count { throw fault("text after the value") }
    return value
  }

  private func fault(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func readValue(depth: Int) throws(JSONError) -> JSONValue {
    let start = position
    let content: JSONValue.Content
    switch next {
    case UInt8(ascii: "{"): content = try readObject(depth: depth)
    case UInt8(ascii: "["): content = try readArray(depth: depth)
    case UInt8(ascii: "\""): content = .string(try readString())
    case UInt8(ascii: "t"): content = try readWord("true", .bool(true))
    case UInt8(ascii: "f"): content = try readWord("false", .bool(false))
    case UInt8(ascii: "n"): content = try readWord("null", .null)
    case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): content = try readNumber()
    case nil: throw fault("the text ends where a value should stand")
    default: throw fault("no value can begin with this character")
    }
    return JSONValue(content: content, source: bytes, range: start..<position)
  }

  private mutating func readWord(
    _ word: String, _ content: JSONValue.Content
  ) throws(JSONError) -> JSONValue.Content {
    guard bytes[position...].starts(with: word.utf8) else {
      throw fault("no value can begin with this character")
    }
    position += word.utf8.count
    return content
  }

  private mutating func readObject(depth: Int) throws(JSONError) -> JSONValue.Content {
    if depth >= depthLimit { throw fault(JSONError.tooDeep) }
    position += 1
    var members: [(name: String, value: JSONValue)] = []
    skipSpace()
    if next == UInt8(ascii: "}") {
      position += 1
      return .object(members)
    }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw fault("a member's name is missing") }
      let name = try readString()
      if refusesDuplicates, members.contains(where: { $0.name == name }) {
        throw fault(JSONError.repeatedName)
      }
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw fault("a colon is missing") }
      position += 1
      skipSpace()
      members.append((name, try readValue(depth: depth + 1)))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return .object(members)
      default: throw fault("a comma or a closing brace is missing")
      }
    }
  }

  private mutating func readArray(depth: Int) throws(JSONError) -> JSONValue.Content {
    if depth >= depthLimit { throw fault(JSONError.tooDeep) }
    position += 1
    var values: [JSONValue] = []
    skipSpace()
    if next == UInt8(ascii: "]") {
      position += 1
      return .array(values)
    }
    while true {
      skipSpace()
      values.append(try readValue(depth: depth + 1))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return .array(values)
      default: throw fault("a comma or a closing bracket is missing")
      }
    }
  }

  private mutating func readDigits() -> Bool {
    let start = position
    while let byte = next, isDigit(byte) { position += 1 }
    return position > start
  }

  private mutating func readNumber() throws(JSONError) -> JSONValue.Content {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    if next == UInt8(ascii: "0") {
      position += 1
    } else if !readDigits() {
      throw fault("a digit is missing")
    }
    if next == UInt8(ascii: ".") {
      position += 1
      if !readDigits() { throw fault("a digit is missing") }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      if !readDigits() { throw fault("a digit is missing") }
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func readString() throws(JSONError) -> String {
    position += 1
    let start = position
    var all: UInt8 = 0
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      all |= byte
      position += 1
    }
    guard let byte = next else { throw fault("a string does not end") }
    if byte == UInt8(ascii: "\"") {
      let slice = bytes[start..<position]
      // ASCII needs no validation, which costs as much as all the rest.
      guard let string = all < 0x80 ? String(decoding: slice, as: UTF8.self) : String(validating: slice, as: UTF8.self)
      else { throw fault("a string is not UTF-8") }
      position += 1
      return string
    }
    return try readEscapedString(from: start)
  }

  private mutating func readEscapedString(from start: Int) throws(JSONError) -> String {
    var unescaped = Array(bytes[start..<position])
    while true {
      guard let byte = next else { throw fault("a string does not end") }
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: unescaped, as: UTF8.self) else {
          throw fault("a string is not UTF-8")
        }
        position += 1
        return string
      case UInt8(ascii: "\\"):
        position += 1
        try readEscape(into: &unescaped)
      case 0..<0x20: throw fault("a control character stands unescaped in a string")
      default:
        unescaped.append(byte)
        position += 1
      }
    }
  }

  private mutating func readEscape(into unescaped: inout [UInt8]) throws(JSONError) {
    guard let byte = next else { throw fault("a string does not end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(byte)
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0C)
    case UInt8(ascii: "n"): unescaped.append(0x0A)
    case UInt8(ascii: "r"): unescaped.append(0x0D)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"):
      var scalar = UInt32(try readFourDigits())
      if (0xD800..<0xDC00).contains(scalar) {
        guard next == UInt8(ascii: "\\"), position + 1 < bytes.count,
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw fault("half of a surrogate pair") }
        position += 2
        let low = UInt32(try readFourDigits())
        guard (0xDC00..<0xE000).contains(low) else { throw fault("half of a surrogate pair") }
        scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(scalar) else { throw fault("half of a surrogate pair") }
      unescaped.append(contentsOf: String(Character(scalar)).utf8)
    default: throw fault("an unknown escape")
    }
  }

  private mutating func readFourDigits() throws(JSONError) -> UInt16 {
    guard position + 4 <= bytes.count,
      bytes[position..<position + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt16(
        String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
    else { throw fault("four hexadecimal digits are missing") }
    position += 4
    return value
  }
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
