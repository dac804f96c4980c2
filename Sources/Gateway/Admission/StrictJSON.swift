/// A JSON text (RFC 8259) read with the caution a signed text asks for.
///
/// What parsers disagree about is refused: a name that occurs twice (RFC 7515 §4, RFC 7519 §4), bytes that
/// are no UTF-8, half a surrogate pair, anything behind the end. Depth is bounded, so that a hostile text
/// cannot exhaust the stack.
enum StrictJSON: Sendable, Hashable {
  case null
  case bool(Bool)
  /// Numbers out of `Double`'s range are infinite here; whoever wants a number checks.
  case number(Double)
  case string(String)
  case array([StrictJSON])
  case object([String: StrictJSON])

  enum Fault: Error { case syntax, repeatedName, tooDeep }

  /// Arrays and objects within each other.
  static let deepest = 16

  /// Reads exactly one value.
  init(parsing bytes: [UInt8]) throws(Fault) {
    var parser = Parser(bytes: bytes)
    self = try parser.document()
  }

  /// The members of exactly one object; anything else is a fault of syntax.
  static func members(of bytes: [UInt8]) throws(Fault) -> [String: StrictJSON] {
    guard let members = try StrictJSON(parsing: bytes).object else { throw .syntax }
    return members
  }

  var object: [String: StrictJSON]? {
    if case .object(let members) = self { members } else { nil }
  }

  var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  var number: Double? {
    if case .number(let value) = self { value } else { nil }
  }

  var array: [StrictJSON]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The strings of an array of strings; nil for anything else.
  var strings: [String]? {
    guard let array else { return nil }
    let strings = array.compactMap(\.string)
    return strings.count == array.count ? strings : nil
  }
}

extension StrictJSON {
  private struct Parser {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(Fault) -> StrictJSON {
      skipSpace()
      let value = try value(depth: 0)
      skipSpace()
      guard position == bytes.count else { throw .syntax }
      return value
    }

    private mutating func value(depth: Int) throws(Fault) -> StrictJSON {
      switch peek {
      case UInt8(ascii: "{"): return try object(depth: depth + 1)
      case UInt8(ascii: "["): return try array(depth: depth + 1)
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"): return try word("true", .bool(true))
      case UInt8(ascii: "f"): return try word("false", .bool(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      default: return try number()
      }
    }

    private mutating func object(depth: Int) throws(Fault) -> StrictJSON {
      guard depth <= StrictJSON.deepest else { throw .tooDeep }
      position += 1
      skipSpace()
      var members: [String: StrictJSON] = [:]
      if take(UInt8(ascii: "}")) { return .object(members) }
      while true {
        guard peek == UInt8(ascii: "\"") else { throw .syntax }
        let name = try string()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw .syntax }
        skipSpace()
        let value = try value(depth: depth)
        guard members.updateValue(value, forKey: name) == nil else { throw .repeatedName }
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        guard take(UInt8(ascii: ",")) else { throw .syntax }
        skipSpace()
      }
    }

    private mutating func array(depth: Int) throws(Fault) -> StrictJSON {
      guard depth <= StrictJSON.deepest else { throw .tooDeep }
      position += 1
      skipSpace()
      var elements: [StrictJSON] = []
      if take(UInt8(ascii: "]")) { return .array(elements) }
      while true {
        elements.append(try value(depth: depth))
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        guard take(UInt8(ascii: ",")) else { throw .syntax }
        skipSpace()
      }
    }

    private mutating func string() throws(Fault) -> String {
      position += 1
      let start = position
      while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
        position += 1
      }
      if peek == UInt8(ascii: "\"") {
        defer { position += 1 }
        return try text(bytes[start..<position])
      }
      var unescaped = Array(bytes[start..<position])
      while let byte = peek, byte >= 0x20 {
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return try text(unescaped[...])
        case UInt8(ascii: "\\"): try escape(into: &unescaped)
        default: unescaped.append(byte)
        }
      }
      throw .syntax
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(Fault) -> String {
      guard let text = String(validating: bytes, as: UTF8.self) else { throw .syntax }
      return text
    }

    private mutating func escape(into unescaped: inout [UInt8]) throws(Fault) {
      guard let letter = peek else { throw .syntax }
      position += 1
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
      case UInt8(ascii: "b"): unescaped.append(0x08)
      case UInt8(ascii: "f"): unescaped.append(0x0C)
      case UInt8(ascii: "n"): unescaped.append(0x0A)
      case UInt8(ascii: "r"): unescaped.append(0x0D)
      case UInt8(ascii: "t"): unescaped.append(0x09)
      case UInt8(ascii: "u"):
        var code = UInt32(try codeUnit())
        if 0xD800...0xDBFF ~= code {
          guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw .syntax }
          let low = UInt32(try codeUnit())
          guard 0xDC00...0xDFFF ~= low else { throw .syntax }
          code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        // A low surrogate that comes first is no scalar either.
        guard let scalar = Unicode.Scalar(code) else { throw .syntax }
        unescaped.append(contentsOf: String(Character(scalar)).utf8)
      default: throw .syntax
      }
    }

    private mutating func codeUnit() throws(Fault) -> UInt16 {
      guard bytes.count - position >= 4 else { throw .syntax }
      var code: UInt16 = 0
      for byte in bytes[position..<position + 4] {
        guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw .syntax }
        code = code << 4 | UInt16(digit)
      }
      position += 4
      return code
    }

    private mutating func number() throws(Fault) -> StrictJSON {
      let start = position
      _ = take(UInt8(ascii: "-"))
      if !take(UInt8(ascii: "0")) { try digits() }
      if take(UInt8(ascii: ".")) { try digits() }
      if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
        if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
        try digits()
      }
      guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
        throw .syntax
      }
      return .number(value)
    }

    private mutating func digits() throws(Fault) {
      let start = position
      while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
      guard position > start else { throw .syntax }
    }

    private mutating func word(_ word: StaticString, _ value: StrictJSON) throws(Fault) -> StrictJSON {
      let end = position + word.utf8CodeUnitCount
      guard end <= bytes.count,
        bytes[position..<end].elementsEqual(
          UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
      else { throw .syntax }
      position = end
      return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard peek == byte else { return false }
      position += 1
      return true
    }

    private mutating func skipSpace() {
      while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }
  }
}

extension StrictJSON {
  /// The value as compact JSON; names are in byte order, so that equal values are equal texts.
  var serialized: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .number(let value):
      if let whole = Int64(exactly: value) { String(whole) } else { String(value) }
    case .string(let text): Self.quoted(text)
    case .array(let elements): "[" + elements.map(\.serialized).joined(separator: ",") + "]"
    case .object(let members):
      "{"
        + members.sorted { $0.key < $1.key }
        .map { Self.quoted($0.key) + ":" + $0.value.serialized }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\u{0}"..<"\u{20}":
        let code = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - code.count) + code
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
