/// Writes JSON straight into bytes, without an intermediate tree: the form of the hot path.
///
/// Members that are nil are left out. The writer trusts its caller to nest properly.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  /// What was written, as a value.
  package var text: JSONText { JSONText(unchecked: bytes) }

  /// An object, as the outermost value or as an element of an array.
  package mutating func object(_ members: (inout JSONWriter) -> Void) {
    separate()
    open(UInt8(ascii: "{"))
    members(&self)
    close(UInt8(ascii: "}"))
  }

  /// An object as a member.
  package mutating func object(_ name: StaticString, _ members: (inout JSONWriter) -> Void) {
    self.name(name)
    open(UInt8(ascii: "{"))
    members(&self)
    close(UInt8(ascii: "}"))
  }

  /// An array, as the outermost value or as an element of another.
  package mutating func array(_ elements: (inout JSONWriter) -> Void) {
    separate()
    open(UInt8(ascii: "["))
    elements(&self)
    close(UInt8(ascii: "]"))
  }

  /// An array as a member; `elements` writes them with the forms that take no name.
  package mutating func array(_ name: StaticString, _ elements: (inout JSONWriter) -> Void) {
    self.name(name)
    open(UInt8(ascii: "["))
    elements(&self)
    close(UInt8(ascii: "]"))
  }

  package mutating func member(_ name: StaticString, _ value: String?) {
    guard let value else { return }
    self.name(name)
    quote(value)
    needsComma = true
  }

  package mutating func member(_ name: StaticString, _ value: (some BinaryInteger)?) {
    guard let value else { return }
    self.name(name)
    append(value)
    needsComma = true
  }

  /// A number with at most one digit after the point, as percentages are given.
  package mutating func member(tenths name: StaticString, _ value: Double?) {
    guard let value, value.isFinite else { return }
    self.name(name)
    let tenths = Int((value * 10).rounded())
    append(tenths / 10)
    if tenths % 10 != 0 {
      bytes.append(UInt8(ascii: "."))
      bytes.append(UInt8(ascii: "0") + UInt8(abs(tenths % 10)))
    }
    needsComma = true
  }

  /// Any finite number, in the shortest form that reads back the same.
  package mutating func member(_ name: StaticString, number value: Double?) {
    guard let value, value.isFinite else { return }
    self.name(name)
    bytes.append(contentsOf: "\(value)".utf8)
    needsComma = true
  }

  package mutating func member(_ name: StaticString, _ value: Bool?) {
    guard let value else { return }
    self.name(name)
    bytes.append(contentsOf: (value ? "true" : "false").utf8)
    needsComma = true
  }

  /// A value that passes through as it is.
  package mutating func member(_ name: StaticString, _ value: JSONText?) {
    guard let value else { return }
    self.name(name)
    bytes.append(contentsOf: value.bytes)
    needsComma = true
  }

  /// Only written when true: the facts beside a state.
  package mutating func fact(_ name: StaticString, _ value: Bool) {
    if value { member(name, true) }
  }

  /// A string as an element of an array.
  package mutating func element(_ value: String) {
    separate()
    quote(value)
    needsComma = true
  }

  /// A value as an element of an array, or as the outermost one.
  package mutating func element(_ value: JSONText) {
    separate()
    bytes.append(contentsOf: value.bytes)
    needsComma = true
  }

  /// An object as a member whose name is only known at run time.
  package mutating func object(named name: String, _ members: (inout JSONWriter) -> Void) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    open(UInt8(ascii: "{"))
    members(&self)
    close(UInt8(ascii: "}"))
  }

  /// A member whose name is only known at run time.
  package mutating func member(named name: String, _ value: JSONText) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(contentsOf: value.bytes)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = false
  }

  private mutating func open(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func name(_ name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  /// The digits of a whole number.
  private mutating func append(_ value: some BinaryInteger) {
    guard let small = UInt32(exactly: value) else {
      bytes.append(contentsOf: String(value).utf8)
      return
    }
    var divisor: UInt32 = 1
    while small / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: small / divisor % 10))
      divisor /= 10
    }
  }

  private mutating func quote(_ string: String) {
    bytes.append(UInt8(ascii: "\""))
    let isPlain =
      string.utf8.withContiguousStorageIfAvailable { text in
        guard !text.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
        else { return false }
        bytes.append(contentsOf: text)
        return true
      } ?? false
    if isPlain {
      bytes.append(UInt8(ascii: "\""))
      return
    }
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0x0A: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
      case 0x0D: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
      case 0x09: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
      case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
