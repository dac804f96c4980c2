import Foundation
import Jobs

/// What a pickle held.
struct PickleDocument: Hashable, Sendable {
  let nodes: [PickleNode]
  let root: PickleValue

  /// As deep as a payload may be.
  static let depthLimit = 64
  /// A list may hold the same list twice, which holds one twice…: written out it grows without end.
  static let sizeLimit = 2 << 20

  /// The items of a tuple or a list; nil for anything else.
  func items(of value: PickleValue) -> [PickleValue]? {
    guard case .node(let place) = value else { return nil }
    switch nodes[place] {
    case .tuple(let items), .list(let items): return items
    default: return nil
    }
  }

  /// The value as JSON: tuples and sets as lists, bytes as text in base64, dates as ISO 8601 has them, spans of time
  /// in seconds. Throws for what JSON has no word for.
  func json(_ value: PickleValue) throws(PickleError) -> JSONText {
    var output: [UInt8] = []
    try write(value, to: &output, depth: 0)
    return JSONText(unchecked: output)
  }

  private func write(_ value: PickleValue, to output: inout [UInt8], depth: Int) throws(PickleError) {
    guard depth <= Self.depthLimit else { throw .tooDeep }
    guard output.count <= Self.sizeLimit else { throw .tooLarge }
    switch value {
    case .none: output += "null".utf8
    case .bool(let bool): output += (bool ? "true" : "false").utf8
    case .integer(let digits): output += digits.utf8
    case .float(let double):
      guard double.isFinite else { throw .notJSON("the number \(double)") }
      output += "\(double)".utf8
    case .text(let text): quote(text, to: &output)
    case .bytes(let bytes): quote(Data(bytes).base64EncodedString(), to: &output)
    case .global(let module, let name): throw .object(type: "\(module).\(name)")
    case .node(let place): try write(nodes[place], to: &output, depth: depth)
    }
  }

  private func write(_ node: PickleNode, to output: inout [UInt8], depth: Int) throws(PickleError) {
    switch node {
    case .list(let items), .tuple(let items), .set(let items):
      output.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        try write(item, to: &output, depth: depth + 1)
      }
      output.append(UInt8(ascii: "]"))
    case .dictionary(let entries):
      output.append(UInt8(ascii: "{"))
      for (index, entry) in try members(entries).enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        quote(entry.name, to: &output)
        output.append(UInt8(ascii: ":"))
        try write(entry.value, to: &output, depth: depth + 1)
      }
      output.append(UInt8(ascii: "}"))
    case .timeZone(let offset): quote(offset, to: &output)
    case .uuid(let text): quote(text, to: &output)
    case .emptyUUID: throw .object(type: "uuid.UUID")
    case .object(let type): throw .object(type: type)
    }
  }

  /// The members by name, each once and the last of equal ones, as Python has it. Names that are no text become one,
  /// as Python's own JSON has it.
  func members(
    _ entries: [PickleNode.Entry]
  ) throws(PickleError) -> [(name: String, value: PickleValue)] {
    var places: [String: Int] = [:]
    var members: [(name: String, value: PickleValue)] = []
    for entry in entries {
      let name: String
      switch entry.key {
      case .text(let text): name = text
      case .integer(let digits): name = digits
      case .bool(let bool): name = bool ? "true" : "false"
      case .none: name = "null"
      case .float(let double): name = "\(double)"
      case .bytes, .global, .node: throw .notJSON("a member whose name is no text")
      }
      if let place = places[name] {
        members[place].value = entry.value
      } else {
        places[name] = members.count
        members.append((name, entry.value))
      }
    }
    return members
  }

  private func quote(_ text: String, to output: inout [UInt8]) {
    var writer = JSONWriter(reserving: text.utf8.count + 2)
    writer.array { $0.element(text) }
    output += writer.bytes.dropFirst().dropLast()
  }
}
