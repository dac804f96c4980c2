import Jobs

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
  init(parsing bytes: [UInt8]) throws(Fault) { self.init(try Self.document(parsing: bytes)) }

  /// Reads exactly one object, as it stands: quicker than the members by name, and no less cautious.
  static func object(parsing bytes: [UInt8]) throws(Fault) -> JSONValue {
    let value = try document(parsing: bytes)
    guard case .object = value.content else { throw .syntax }
    return value
  }

  private static func document(parsing bytes: [UInt8]) throws(Fault) -> JSONValue {
    do throws(JSONError) {
      return try JSONDocument(bytes: bytes, depthLimit: Self.deepest, refusesDuplicates: true).root
    } catch {
      throw error.isRepeatedName ? .repeatedName : error.isTooDeep ? .tooDeep : .syntax
    }
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

extension JSONValue {
  /// The strings of an array of strings; nil for anything else.
  var strings: [String]? {
    guard let array else { return nil }
    let strings = array.compactMap(\.string)
    return strings.count == array.count ? strings : nil
  }
}

extension StrictJSON {
  private init(_ value: JSONValue) {
    self =
      switch value.content {
      case .null: .null
      case .bool(let bool): .bool(bool)
      case .number(let digits): .number(Double(digits) ?? .infinity)
      case .string(let text): .string(text)
      case .array(let elements): .array(elements.map(StrictJSON.init))
      case .object(let members):
        .object(Dictionary(uniqueKeysWithValues: members.map { ($0.name, StrictJSON($0.value)) }))
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
