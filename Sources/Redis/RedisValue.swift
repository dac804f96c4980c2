/// What Redis answers (RESP2), as values of ours: nothing of the library's memory is kept.
package enum RedisValue: Hashable, Sendable {
  case null
  /// A bulk string: any bytes.
  case bytes([UInt8])
  /// A status such as `OK`.
  case status(String)
  case integer(Int64)
  /// An error inside an array; an error as the whole answer is thrown instead.
  case error(RedisFailure)
  case array([RedisValue])

  /// The bytes of a string or status.
  package var bytes: [UInt8]? {
    switch self {
    case .bytes(let bytes): bytes
    case .status(let text): Array(text.utf8)
    default: nil
    }
  }

  /// A string or status as text.
  package var text: String? {
    switch self {
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    case .status(let text): text
    default: nil
    }
  }

  /// An integer, or a string of its digits.
  package var integer: Int64? {
    switch self {
    case .integer(let number): number
    case .bytes(let bytes): Int64(String(decoding: bytes, as: UTF8.self))
    default: nil
    }
  }

  /// The elements of an array.
  package var elements: [RedisValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  package var isNull: Bool { self == .null }
}
