/// Reads the plain values of a pickle (protocols 0 to 5) and runs nothing.
///
/// A pickle is a program for a machine with a stack. Here its classes and functions are words only: a handful of
/// plain types are put together by us (``PickleObjects``), and whatever else it would have made or called becomes an
/// object that is known by its type alone. Memory is bounded by the length of the pickle, whose limit is its caller's.
struct PickleReader {
  private let bytes: [UInt8]
  private var position = 0
  private var stack: [PickleValue] = []
  /// What lay below each mark.
  private var marks: [[PickleValue]] = []
  private var memo: [Int: PickleValue] = [:]
  private var objects = PickleObjects()

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The value that the pickle leaves.
  static func read(_ bytes: [UInt8]) throws(PickleError) -> PickleDocument {
    var reader = PickleReader(bytes)
    while let root = try reader.step() { if let root = root.value { return reader.document(root) } }
    throw reader.fault("no end")
  }

  private func document(_ root: PickleValue) -> PickleDocument {
    PickleDocument(nodes: objects.nodes, root: root)
  }

  /// What an instruction led to: the end, with the value, or the next one.
  private struct Step { var value: PickleValue? }

  private func fault(_ what: String) -> PickleError { .malformed(offset: position, what) }

  // MARK: Instructions

  /// Carries out one instruction; nil where there is none.
  private mutating func step() throws(PickleError) -> Step? {
    guard position < bytes.count else { return nil }
    guard let code = PickleOpcode(rawValue: bytes[position]) else {
      throw fault("an unknown instruction \(bytes[position])")
    }
    position += 1
    switch code {
    case .stop: return Step(value: try pop())
    case .mark:
      marks.append(stack)
      stack = []
    case .pop: if stack.isEmpty { _ = try popMark() } else { _ = try pop() }
    case .popMark: _ = try popMark()
    case .dup: stack.append(try top())
    case .proto: _ = try take(1)
    case .frame: _ = try take(8)
    default:
      if try pushScalar(code) { return Step() }
      if try pushContainer(code) { return Step() }
      if try useMemo(code) { return Step() }
      try makeObject(code)
    }
    return Step()
  }

  private mutating func pushScalar(_ code: PickleOpcode) throws(PickleError) -> Bool {
    let value: PickleValue
    switch code {
    case .none: value = .none
    case .newTrue: value = .bool(true)
    case .newFalse: value = .bool(false)
    case .int:
      let line = try line()
      value = line == "01" ? .bool(true) : line == "00" ? .bool(false) : try integer(line)
    case .long:
      let line = try line()
      value = try integer(line.hasSuffix("L") ? String(line.dropLast()) : line)
    case .binInt: value = .integer("\(Int32(truncatingIfNeeded: try number(4)))")
    case .binInt1: value = .integer("\(try number(1))")
    case .binInt2: value = .integer("\(try number(2))")
    case .long1: value = try .integer(DecimalDigits.of(littleEndian: take(number(1))))
    case .long4:
      let length = try number(4)
      guard length <= Self.longestInteger else { throw .tooLarge }
      value = try .integer(DecimalDigits.of(littleEndian: take(length)))
    case .float:
      guard let double = Double(try line()) else { throw fault("no number") }
      value = .float(double)
    case .binFloat: value = .float(Double(bitPattern: try take(8).reduce(0) { $0 << 8 | UInt64($1) }))
    case .string:
      let line = try line()
      guard line.count >= 2, let quote = line.first, quote == "'" || quote == "\"", line.last == quote else {
        throw fault("no quoted text")
      }
      value = .text(String(line.dropFirst().dropLast()))
    case .unicode: value = .text(try escapedLine())
    case .binString: value = try .text(text(number(4)))
    case .shortBinString: value = try .text(text(number(1)))
    case .binUnicode: value = try .text(text(number(4)))
    case .shortBinUnicode: value = try .text(text(number(1)))
    case .binUnicode8: value = try .text(text(number(8)))
    case .binBytes: value = try .bytes(take(number(4)))
    case .shortBinBytes: value = try .bytes(take(number(1)))
    case .binBytes8, .byteArray8: value = try .bytes(take(number(8)))
    default: return false
    }
    stack.append(value)
    return true
  }

  private mutating func pushContainer(_ code: PickleOpcode) throws(PickleError) -> Bool {
    switch code {
    case .emptyList: stack.append(objects.add(.list([])))
    case .emptyDict: stack.append(objects.add(.dictionary([])))
    case .emptyTuple: stack.append(objects.add(.tuple([])))
    case .emptySet: stack.append(objects.add(.set([])))
    case .list: stack.append(objects.add(.list(try popMark())))
    case .tuple: stack.append(objects.add(.tuple(try popMark())))
    case .frozenSet: stack.append(objects.add(.set(try popMark())))
    case .dict: stack.append(objects.add(.dictionary(try entries(popMark()))))
    case .tuple1, .tuple2, .tuple3:
      let count = Int(code.rawValue - PickleOpcode.ext4.rawValue)
      guard stack.count >= count else { throw fault("too little on the stack") }
      let items = Array(stack.suffix(count))
      stack.removeLast(count)
      stack.append(objects.add(.tuple(items)))
    case .append:
      let item = try pop()
      try append([item])
    case .appends, .addItems: try append(popMark())
    case .setItem:
      let value = try pop()
      let key = try pop()
      try set([PickleNode.Entry(key: key, value: value)])
    case .setItems: try set(entries(popMark()))
    default: return false
    }
    return true
  }

  private mutating func useMemo(_ code: PickleOpcode) throws(PickleError) -> Bool {
    switch code {
    case .put:
      guard let place = Int(try line()) else { throw fault("no number") }
      memo[place] = try top()
    case .binPut: memo[try number(1)] = try top()
    case .longBinPut: memo[try number(4)] = try top()
    case .memoize: memo[memo.count] = try top()
    case .get:
      guard let place = Int(try line()) else { throw fault("no number") }
      try recall(place)
    case .binGet: try recall(number(1))
    case .longBinGet: try recall(number(4))
    default: return false
    }
    return true
  }

  private mutating func makeObject(_ code: PickleOpcode) throws(PickleError) {
    switch code {
    case .global:
      let module = try line()
      stack.append(.global(module: module, name: try line()))
    case .stackGlobal:
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw fault("a class without a name")
      }
      stack.append(.global(module: module, name: name))
    case .reduce, .newObj:
      let arguments = try pop()
      let callee = try pop()
      stack.append(objects.make(callee, arguments))
    case .newObjEx:
      _ = try pop()
      let arguments = try pop()
      stack.append(objects.make(try pop(), arguments))
    case .obj:
      guard let callee = try popMark().first else { throw fault("an object without a class") }
      stack.append(objects.make(callee, nil))
    case .inst:
      let module = try line()
      let name = try line()
      _ = try popMark()
      stack.append(objects.make(.global(module: module, name: name), nil))
    case .build:
      let state = try pop()
      let object = try pop()
      stack.append(objects.build(object, state))
    case .persID, .binPersID:
      if code == .persID { _ = try line() } else { _ = try pop() }
      stack.append(objects.add(.object(type: "a persistent id")))
    case .ext1, .ext2, .ext4:
      _ = try take(1 << Int(code.rawValue - PickleOpcode.ext1.rawValue))
      stack.append(objects.add(.object(type: "an extension")))
    case .nextBuffer: stack.append(objects.add(.object(type: "a buffer")))
    case .readOnlyBuffer: _ = try top()
    default: preconditionFailure("an instruction that nothing carries out")
    }
  }

  // MARK: The stack

  private func top() throws(PickleError) -> PickleValue {
    guard let value = stack.last else { throw fault("an empty stack") }
    return value
  }

  private mutating func pop() throws(PickleError) -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func popMark() throws(PickleError) -> [PickleValue] {
    guard let below = marks.popLast() else { throw fault("no mark") }
    defer { stack = below }
    return stack
  }

  private mutating func recall(_ place: Int) throws(PickleError) {
    guard let value = memo[place] else { throw fault("nothing kept as \(place)") }
    stack.append(value)
  }

  private func entries(_ items: [PickleValue]) throws(PickleError) -> [PickleNode.Entry] {
    guard items.count.isMultiple(of: 2) else { throw fault("a key without a value") }
    return stride(from: 0, to: items.count, by: 2).map {
      PickleNode.Entry(key: items[$0], value: items[$0 + 1])
    }
  }

  private mutating func append(_ items: [PickleValue]) throws(PickleError) {
    guard case .node(let place) = try top(), objects.append(items, to: place) else {
      throw fault("items for what is no list")
    }
  }

  private mutating func set(_ entries: [PickleNode.Entry]) throws(PickleError) {
    guard case .node(let place) = try top(), objects.set(entries, of: place) else {
      throw fault("members for what is no dictionary")
    }
  }

  // MARK: Bytes

  /// The most bytes of a whole number: the digits of more take too long.
  private static let longestInteger = 512

  private mutating func take(_ count: Int) throws(PickleError) -> [UInt8] {
    guard count >= 0, count <= bytes.count - position else { throw fault("too few bytes") }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  /// A whole number of so many bytes, the lowest first.
  private mutating func number(_ count: Int) throws(PickleError) -> Int {
    let value = try take(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let number = Int(exactly: value) else { throw fault("a length beyond all") }
    return number
  }

  private mutating func text(_ count: Int) throws(PickleError) -> String {
    String(decoding: try take(count), as: UTF8.self)
  }

  private mutating func line() throws(PickleError) -> String {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else { throw fault("a line without an end") }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  /// A line of Latin-1 in which other characters are `\u` and four digits, or `\U` and eight: protocol 0.
  private mutating func escapedLine() throws(PickleError) -> String {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else { throw fault("a line without an end") }
    var text = String.UnicodeScalarView()
    var high: UInt32?
    while position < end {
      let byte = bytes[position]
      position += 1
      let count = position < end && byte == UInt8(ascii: "\\") ? (bytes[position] | 0x20 == 0x75 ? 4 : 0) : 0
      guard count > 0 else {
        text.append(Unicode.Scalar(byte))
        continue
      }
      let length = bytes[position] == UInt8(ascii: "U") ? 8 : count
      position += 1
      guard let digits = UInt32(String(decoding: try take(length), as: UTF8.self), radix: 16), position <= end else {
        throw fault("no character")
      }
      switch digits {
      case 0xD800..<0xDC00: high = digits
      case 0xDC00..<0xE000:
        // Half a character stands for none, as elsewhere in our texts.
        let whole = high.flatMap { Unicode.Scalar(0x10000 + ($0 - 0xD800) << 10 + (digits - 0xDC00)) }
        text.append(whole ?? "\u{FFFD}")
        high = nil
      default: text.append(Unicode.Scalar(digits) ?? "\u{FFFD}")
      }
    }
    position = end + 1
    return String(text)
  }

  private func integer(_ text: String) throws(PickleError) -> PickleValue {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.count <= 1300, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw fault("no whole number")
    }
    let plain = digits.drop { $0 == "0" }
    return .integer(plain.isEmpty ? "0" : (text.hasPrefix("-") ? "-" : "") + plain)
  }
}
