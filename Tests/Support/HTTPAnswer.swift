/// An HTTP answer as a strict client reads it.
package struct HTTPAnswer: Sendable {
  package struct Malformed: Error, Sendable {
    package let head: String
  }

  package var status: Int
  package var reason: String
  /// Names in lower case; a header sent twice is malformed.
  package var headers: [String: String] = [:]
  package var body: [UInt8] = []

  package var text: String { String(decoding: body, as: UTF8.self) }

  /// Whether a body follows the head, for all but answers to HEAD.
  package var hasBody: Bool { status >= 200 && status != 204 && status != 304 }

  /// Parses the bytes up to and with the empty line.
  package init(head: [UInt8]) throws {
    let text = String(decoding: head, as: UTF8.self)
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)
    guard !lines.isEmpty else { throw Malformed(head: text) }
    let first = lines.removeFirst().split(
      separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard first.count == 3, first[0] == "HTTP/1.1", first[1].count == 3, let status = Int(first[1])
    else { throw Malformed(head: text) }
    self.status = status
    reason = String(first[2])
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { throw Malformed(head: text) }
      let name = line[..<colon].lowercased()
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      guard headers.updateValue(String(value), forKey: name) == nil else {
        throw Malformed(head: text)
      }
    }
  }
}
