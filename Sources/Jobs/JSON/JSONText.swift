/// A JSON value as text, valid and on one line, that passes through without being read.
///
/// Payloads, results and progress details are their owners' words: the gateway checks once that
/// they are JSON and from then on only copies bytes.
package struct JSONText: Hashable, Sendable, CustomStringConvertible {
  /// UTF-8, no raw line break: the WebSocket protocol separates messages by them.
  package let bytes: [UInt8]

  /// Takes bytes that are known to be a JSON value without raw line breaks.
  package init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  /// Checks that the bytes are one JSON value (RFC 8259) and drops raw line breaks.
  package init(validating bytes: some Sequence<UInt8>) throws(JSONError) {
    self = try JSONDocument(bytes: Array(bytes)).root.text
  }

  /// Checks a string; for literals of ours and for tests.
  package init(validating text: String) throws(JSONError) {
    try self.init(validating: text.utf8)
  }

  package static let emptyObject = JSONText(unchecked: Array("{}".utf8))

  package var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Why a text is not JSON.
package struct JSONError: Error, Hashable, CustomStringConvertible {
  /// The byte at which reading stopped.
  package var offset: Int
  /// What is wrong there.
  package var reason: String

  package var description: String { "\(reason) at byte \(offset)" }

  /// An object names a member twice; only where that is refused.
  package var isRepeatedName: Bool { reason == Self.repeatedName }
  /// Arrays and objects lie within each other deeper than allowed.
  package var isTooDeep: Bool { reason == Self.tooDeep }

  static let repeatedName = "a member is named twice"
  static let tooDeep = "too many levels"
}
