/// The head of an answer.
package struct HTTPHead: Hashable, Sendable {
  package struct Field: Hashable, Sendable {
    /// In lower case.
    package var name: String
    package var value: String
  }

  package var status: Int
  package var fields: [Field]

  package init(status: Int, fields: [Field] = []) {
    self.status = status
    self.fields = fields
  }

  /// The value of the first field of this name, which is in lower case.
  package subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  /// As the answer announces it.
  package var contentLength: Int? { self["content-length"].flatMap { Int($0) } }

  /// 301, 302, 303, 307, 308: the answer is elsewhere.
  var leadsOn: Bool { [301, 302, 303, 307, 308].contains(status) }
}

/// An answer whose body was kept.
package struct HTTPAnswer: Hashable, Sendable {
  package var head: HTTPHead
  package var body: [UInt8]

  package var status: Int { head.status }
}

/// The lines of a head as they come. At most ``limit`` bytes.
struct HTTPHeadLines {
  private var head = HTTPHead(status: 0)
  private var size = 0

  static let limit = 64 << 10

  enum Outcome: Equatable { case more, whole(HTTPHead), refused }

  /// Takes a line with its end. A head is whole with the empty line; those of interim answers (1xx) are passed over.
  mutating func feed(_ line: UnsafeRawBufferPointer) -> Outcome {
    size += line.count
    guard size <= Self.limit else { return .refused }
    let text = String(decoding: line, as: UTF8.self).trimmingSuffix { $0.isWhitespace }
    if text.isEmpty {
      defer { self = HTTPHeadLines() }
      return head.status >= 200 ? .whole(head) : .more
    }
    if text.hasPrefix("HTTP/") {
      let words = text.split(separator: " ", maxSplits: 2)
      guard words.count >= 2, let status = Int(words[1]) else { return .refused }
      head = HTTPHead(status: status)
    } else if let colon = text.firstIndex(of: ":") {
      head.fields.append(
        HTTPHead.Field(
          name: text[..<colon].lowercased(),
          value: String(text[text.index(after: colon)...].drop(while: \.isWhitespace))))
    }
    return .more
  }
}

extension StringProtocol {
  fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> String {
    var end = endIndex
    while end > startIndex, isTrimmed(self[index(before: end)]) { end = index(before: end) }
    return String(self[..<end])
  }
}
