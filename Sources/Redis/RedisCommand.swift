/// A command in the form it is sent in, built once without intermediate strings.
package struct RedisCommand: Hashable, Sendable {
  // The head `*<count>\r\n` is known last and written, right-aligned, into the room kept for it.
  private static let headRoom = 12
  private var buffer: [UInt8]
  private var count = 0

  /// A command without arguments yet.
  package init(_ name: String, reserving capacity: Int = 128) {
    buffer = []
    buffer.reserveCapacity(Self.headRoom + capacity)
    for _ in 0..<Self.headRoom { buffer.append(0) }
    append(name)
  }

  /// A command with text arguments.
  package init(_ name: String, _ arguments: String...) {
    self.init(name)
    for argument in arguments { append(argument) }
  }

  /// Adds one argument.
  package mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(contentsOf: $0) }
  }

  /// Adds one argument of any bytes.
  package mutating func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
  }

  /// Adds a number as its digits.
  package mutating func append(_ number: some BinaryInteger) { append(String(number)) }

  private mutating func append(contentsOf bytes: UnsafeBufferPointer<UInt8>) {
    count += 1
    buffer.append(UInt8(ascii: "$"))
    appendDigits(bytes.count)
    appendLineEnd()
    buffer.append(contentsOf: bytes)
    appendLineEnd()
  }

  private mutating func appendLineEnd() {
    buffer.append(UInt8(ascii: "\r"))
    buffer.append(UInt8(ascii: "\n"))
  }

  private mutating func appendDigits(_ number: Int) {
    if number >= 10 { appendDigits(number / 10) }
    buffer.append(UInt8(ascii: "0") + UInt8(number % 10))
  }

  /// The bytes for the wire, valid inside `body`, and a NUL behind them: hiredis looks for the next
  /// argument of a SUBSCRIBE with `strchr`, past the last one.
  func withEncoded<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    let head = Array("*\(count)\r\n".utf8)
    precondition(head.count <= Self.headRoom, "a command has fewer than ten million arguments")
    var copy = buffer
    copy.append(0)
    return copy.withUnsafeMutableBufferPointer { buffer in
      let start = Self.headRoom - head.count
      for index in head.indices { buffer[start + index] = head[index] }
      return body(UnsafeBufferPointer(rebasing: buffer[start..<(buffer.count - 1)]))
    }
  }

  /// The bytes for the wire.
  package var encoded: [UInt8] { withEncoded(Array.init) }
}
