package import Jobs

/// One command of a client: `{"id":…,"<method>":{…}}` (spec §2).
package struct Command: Sendable {
  package enum Method: String, CaseIterable, Sendable {
    // In the order in which the first wins where several stand in one command.
    case connect
    case subscribe
    case unsubscribe
    case publish
    case presence
    case presenceStats = "presence_stats"
    case history
    case rpc
    case send
    case refresh
    case subRefresh = "sub_refresh"
  }

  /// What a line of a message turned out to be.
  package enum Line: Sendable {
    case command(Command)
    /// `{}`.
    case pong
    /// The whole connection is at fault: it is closed with 3501.
    case malformed(String)
  }

  /// 0 only for `send`, which gets no reply.
  package var id: UInt32
  package var method: Method
  package var request: JSONValue

  /// Whether a message is nothing but a pong, in its usual form.
  package static func isPong(_ message: [UInt8]) -> Bool {
    (message.count == 2 || message.count == 3 && message[2] == 0x0A)
      && message[0] == UInt8(ascii: "{") && message[1] == UInt8(ascii: "}")
  }

  /// Whether a pong is among the objects of a message.
  static func hasPong(_ message: [UInt8]) -> Bool {
    message.split(separator: 0x0A).contains { isPong(Array($0)) }
  }

  /// Reads one message: objects separated by single line feeds, one at the end allowed.
  package static func lines(of message: [UInt8]) -> [Line] {
    var lines: [Line] = []
    var rest = message[...]
    if rest.last == 0x0A { rest.removeLast() }
    if rest.isEmpty { return [.malformed("an empty message")] }
    // Mostly one, whose bytes are those of the message.
    if !rest.contains(0x0A) { return [read(rest.count == message.count ? message : Array(rest))] }
    for line in rest.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let read = read(Array(line))
      lines.append(read)
      if case .malformed = read { break }
    }
    return lines
  }

  private static func read(_ line: [UInt8]) -> Line {
    if line.count == 2, line.first == UInt8(ascii: "{"), line.last == UInt8(ascii: "}") {
      return .pong
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONDocument(bytes: line).root
    } catch {
      return .malformed(line.isEmpty ? "an empty line" : error.description)
    }
    guard let members = value.object else { return .malformed("not an object") }
    if members.isEmpty { return .pong }
    guard let method = method(in: members), let request = value[method.rawValue] else {
      return .malformed("no known method")
    }
    guard request.object != nil else { return .malformed("\(method.rawValue) is not an object") }
    let id: UInt32
    switch value["id"]?.int {
    case let given? where given > 0 && given <= Int(UInt32.max): id = UInt32(given)
    case nil where method == .send, 0 where method == .send: id = 0
    default: return .malformed("no id")
    }
    return .command(Command(id: id, method: method, request: request))
  }

  /// The first, in the order of ``Method``, that an object has as a member.
  private static func method(in members: [(name: String, value: JSONValue)]) -> Method? {
    // All but a few commands have two members, and one of them is `id`.
    let named = members.compactMap { $0.name == "id" ? nil : Method(rawValue: $0.name) }
    guard named.count > 1 else { return named.first }
    return Method.allCases.first { named.contains($0) }
  }
}
