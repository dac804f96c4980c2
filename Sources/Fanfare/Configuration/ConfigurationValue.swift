import TOMLKit

/// One value of the configuration, as a file, a variable or a flag wrote it.
enum ConfigurationValue: Hashable, Sendable {
  case text(String)
  case whole(Int)
  case decimal(Double)
  case boolean(Bool)
  case list([ConfigurationValue])
  case table([String: ConfigurationValue])
  /// What TOML knows and no key of ours takes: dates and times.
  case other(String)
  /// Written outside of TOML, where everything is text; each key reads it in its own type.
  case untyped(String)

  /// Copies a parsed document out of the library's memory.
  init(_ value: any TOMLValueConvertible) {
    let value = value.tomlValue
    switch value.type {
    case .string: self = .text(value.string ?? "")
    case .int: self = .whole(value.int ?? 0)
    case .double: self = .decimal(value.double ?? 0)
    case .bool: self = .boolean(value.bool ?? false)
    case .array: self = .list((value.array.map(Array.init) ?? []).map { ConfigurationValue($0) })
    case .table: self = .table(value.table.map(Self.members) ?? [:])
    case .date, .time, .dateTime: self = .other("\(value.type) \(value.debugDescription)")
    }
  }

  private static func members(of table: TOMLTable) -> [String: ConfigurationValue] {
    var members: [String: ConfigurationValue] = [:]
    for (name, value) in table { members[name] = ConfigurationValue(value) }
    return members
  }
}

extension ConfigurationValue: CustomStringConvertible {
  /// The value as TOML would write it, on one line.
  var description: String {
    switch self {
    case .text(let text), .untyped(let text): Self.quoted(text)
    case .whole(let number): String(number)
    case .decimal(let number): "\(number)"
    case .boolean(let boolean): boolean ? "true" : "false"
    case .list(let values): "[" + values.map(\.description).joined(separator: ", ") + "]"
    case .table(let members):
      "{ "
        + members.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
        .joined(separator: ", ") + " }"
    case .other(let text): text
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\r": quoted += "\\r"
      case "\u{0}"..<"\u{20}", "\u{7F}":
        let digits = String(scalar.value, radix: 16, uppercase: true)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
