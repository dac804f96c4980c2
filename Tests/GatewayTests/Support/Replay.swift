import Jobs
import Testing

/// Values that a transcript names, and what they turned out to be.
struct Replay {
  var values: [String: String]

  func filled(_ text: String) -> String {
    values.reduce(text) { $0.replacing("<\($1.key)>", with: $1.value) }
  }

  mutating func match(_ expected: String, _ actual: String) throws {
    let wanted = try JSONDocument(bytes: Array(expected.utf8)).root
    let found = try json(actual)
    if let difference = compare(wanted, found, at: "") {
      Issue.record("\(difference)\nwanted: \(expected)\nthe wire: \(actual)")
    }
  }

  private mutating func compare(_ wanted: JSONValue, _ found: JSONValue, at path: String) -> String? {
    if let text = wanted.string, text.contains("<") { return bind(text, found, at: path) }
    switch (wanted.content, found.content) {
    case (.object(let one), .object(let other)):
      let one = one.map { (name: filled($0.name), value: $0.value) }
      let names = Set(one.map(\.name))
      guard names == Set(other.map(\.name)) else {
        return "\(path) has the members \(other.map(\.name)), not \(one.map(\.name))"
      }
      for (name, value) in one {
        if let difference = compare(value, found[name]!, at: "\(path)/\(name)") { return difference }
      }
      return nil
    case (.array(let one), .array(let other)):
      guard one.count == other.count else { return "\(path) has \(other.count) elements" }
      for (index, pair) in zip(one, other).enumerated() {
        if let difference = compare(pair.0, pair.1, at: "\(path)/\(index)") { return difference }
      }
      return nil
    default:
      let same = wanted.text == found.text
      return same ? nil : "\(path) is \(found.text), not \(wanted.text)"
    }
  }

  private mutating func bind(_ text: String, _ found: JSONValue, at path: String) -> String? {
    let known = filled(text)
    let value = found.string ?? found.text.description
    guard let open = known.firstIndex(of: "<"), let close = known.lastIndex(of: ">") else {
      return known == value ? nil : "\(path) is \(value), not \(known)"
    }
    let name = String(known[known.index(after: open)..<close])
    let before = known[..<open]
    let after = known[known.index(after: close)...]
    guard value.hasPrefix(before), value.hasSuffix(after),
      value.count >= before.count + after.count
    else { return "\(path) is \(value), not \(known)" }
    values[name] = String(value.dropFirst(before.count).dropLast(after.count))
    return nil
  }
}
