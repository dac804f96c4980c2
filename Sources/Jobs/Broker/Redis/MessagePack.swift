/// A value of MessagePack, as Redis's `cmsgpack` writes and reads it.
enum MessagePack: Hashable, Sendable {
  case none
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  /// A string: any bytes.
  case bytes([UInt8])
  case array([MessagePack])
  case map([String: MessagePack])

  static func text(_ text: some StringProtocol) -> MessagePack { .bytes(Array(text.utf8)) }

  static func duration(_ duration: Duration) -> MessagePack { .integer(duration.milliseconds) }

  var integer: Int64? {
    switch self {
    case .integer(let number): number
    case .number(let number): Int64(exactly: number)
    default: nil
    }
  }

  var number: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number
    default: nil
    }
  }

  var bytes: [UInt8]? {
    guard case .bytes(let bytes) = self else { return nil }
    return bytes
  }

  var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

  var elements: [MessagePack]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  var fields: [String: MessagePack]? {
    guard case .map(let fields) = self else { return nil }
    return fields
  }

  var isTrue: Bool { self == .boolean(true) }

  var duration: Duration? { integer.map { .milliseconds($0) } }

  var timestamp: Timestamp? { integer.map { Timestamp(milliseconds: $0) } }
}

// MARK: Reading

extension MessagePack {
  /// Every value of `bytes`, one behind the other; nil where it is no MessagePack.
  static func values(in bytes: [UInt8]) -> [MessagePack]? {
    var reader = Reader(bytes: bytes)
    var values: [MessagePack] = []
    values.reserveCapacity(16)
    while reader.position < bytes.count {
      guard let value = reader.next(depth: 0) else { return nil }
      values.append(value)
    }
    return values
  }

  /// The elements of the one array that `bytes` are; nil where they are anything else.
  static func array(in bytes: [UInt8]) -> [MessagePack]? {
    guard let values = values(in: bytes), values.count == 1 else { return nil }
    return values[0].elements
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    mutating func next(depth: Int) -> MessagePack? {
      guard depth < 8, let head = unsigned(1) else { return nil }
      switch head {
      case 0x00...0x7F: return .integer(Int64(head))
      case 0x80...0x8F: return map(head & 0x0F, depth)
      case 0x90...0x9F: return array(head & 0x0F, depth)
      case 0xA0...0xBF: return string(head & 0x1F)
      case 0xC0: return MessagePack.none
      case 0xC2: return .boolean(false)
      case 0xC3: return .boolean(true)
      case 0xC4, 0xD9: return unsigned(1).flatMap { string($0) }
      case 0xC5, 0xDA: return unsigned(2).flatMap { string($0) }
      case 0xC6, 0xDB: return unsigned(4).flatMap { string($0) }
      case 0xCA: return unsigned(4).map { .number(Double(Float(bitPattern: UInt32($0)))) }
      case 0xCB: return unsigned(8).map { .number(Double(bitPattern: $0)) }
      case 0xCC: return unsigned(1).map { .integer(Int64($0)) }
      case 0xCD: return unsigned(2).map { .integer(Int64($0)) }
      case 0xCE: return unsigned(4).map { .integer(Int64($0)) }
      case 0xCF: return unsigned(8).flatMap { Int64(exactly: $0) }.map { .integer($0) }
      case 0xD0: return unsigned(1).map { .integer(Int64(Int8(truncatingIfNeeded: $0))) }
      case 0xD1: return unsigned(2).map { .integer(Int64(Int16(truncatingIfNeeded: $0))) }
      case 0xD2: return unsigned(4).map { .integer(Int64(Int32(truncatingIfNeeded: $0))) }
      case 0xD3: return unsigned(8).map { .integer(Int64(bitPattern: $0)) }
      case 0xDC: return unsigned(2).flatMap { array($0, depth) }
      case 0xDD: return unsigned(4).flatMap { array($0, depth) }
      case 0xDE: return unsigned(2).flatMap { map($0, depth) }
      case 0xDF: return unsigned(4).flatMap { map($0, depth) }
      case 0xE0...0xFF: return .integer(Int64(Int8(truncatingIfNeeded: head)))
      default: return nil
      }
    }

    private mutating func unsigned(_ count: Int) -> UInt64? {
      guard position + count <= bytes.count else { return nil }
      var value: UInt64 = 0
      for index in position..<(position + count) { value = value << 8 | UInt64(bytes[index]) }
      position += count
      return value
    }

    private mutating func string(_ length: UInt64) -> MessagePack? {
      guard length <= UInt64(bytes.count - position) else { return nil }
      defer { position += Int(length) }
      return .bytes(Array(bytes[position..<(position + Int(length))]))
    }

    private mutating func array(_ count: UInt64, _ depth: Int) -> MessagePack? {
      var elements: [MessagePack] = []
      for _ in 0..<count {
        guard let element = next(depth: depth + 1) else { return nil }
        elements.append(element)
      }
      return .array(elements)
    }

    private mutating func map(_ count: UInt64, _ depth: Int) -> MessagePack? {
      var fields: [String: MessagePack] = [:]
      for _ in 0..<count {
        guard let key = next(depth: depth + 1)?.text, let value = next(depth: depth + 1) else {
          return nil
        }
        fields[key] = value
      }
      return .map(fields)
    }
  }
}

// MARK: Writing

extension MessagePack {
  /// The bytes of this value.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return bytes
  }

  private func write(to bytes: inout [UInt8]) {
    func append(_ head: UInt8, _ value: UInt64, _ count: Int) {
      bytes.append(head)
      for place in (0..<count).reversed() {
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place)))
      }
    }
    switch self {
    case .none: bytes.append(0xC0)
    case .boolean(let isTrue): bytes.append(isTrue ? 0xC3 : 0xC2)
    case .integer(let number):
      if (0...127).contains(number) {
        bytes.append(UInt8(number))
      } else {
        append(0xD3, UInt64(bitPattern: number), 8)
      }
    case .number(let number): append(0xCB, number.bitPattern, 8)
    case .bytes(let text):
      if text.count < 32 { bytes.append(0xA0 | UInt8(text.count)) } else { append(0xDB, UInt64(text.count), 4) }
      bytes += text
    case .array(let elements):
      // One byte for few, as `cmsgpack` writes them: the scripts know where a record's values begin.
      let count = elements.count
      if count < 16 { bytes.append(0x90 | UInt8(count)) } else { append(0xDD, UInt64(count), 4) }
      for element in elements { element.write(to: &bytes) }
    case .map(let fields):
      append(0xDF, UInt64(fields.count), 4)
      for (key, value) in fields {
        MessagePack.text(key).write(to: &bytes)
        value.write(to: &bytes)
      }
    }
  }
}
