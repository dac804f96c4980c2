import Foundation

/// What a pickle makes: containers, and the few plain types that are put together here, from their parts.
///
/// Nothing is looked up, imported or called: the name of a type is compared with a short list, and what is not on it
/// is ``PickleNode/object(type:)``.
struct PickleObjects {
  private(set) var nodes: [PickleNode] = []

  mutating func add(_ node: PickleNode) -> PickleValue {
    nodes.append(node)
    return .node(nodes.count - 1)
  }

  /// Adds items to a list or a set; what cannot be known takes them without a word. False for anything else.
  mutating func append(_ items: [PickleValue], to place: Int) -> Bool {
    switch nodes[place] {
    case .list(var list):
      // Let go of first: the array is then changed in place, and not copied for each item.
      nodes[place] = .list([])
      list += items
      nodes[place] = .list(list)
    case .set(var set):
      nodes[place] = .set([])
      set += items
      nodes[place] = .set(set)
    case .object: break
    default: return false
    }
    return true
  }

  /// Sets members of a dictionary, as ``append(_:to:)`` adds items.
  mutating func set(_ entries: [PickleNode.Entry], of place: Int) -> Bool {
    switch nodes[place] {
    case .dictionary(var members):
      nodes[place] = .dictionary([])
      members += entries
      nodes[place] = .dictionary(members)
    case .object: break
    default: return false
    }
    return true
  }

  /// What a class or a function gives for arguments.
  mutating func make(_ callee: PickleValue, _ arguments: PickleValue?) -> PickleValue {
    guard case .global(let module, let name) = callee else { return add(.object(type: "an unnamed type")) }
    let parts: [PickleValue]
    if case .node(let place)? = arguments, case .tuple(let items) = nodes[place] { parts = items } else { parts = [] }
    switch (module, name) {
    case ("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor"), ("copyreg", "__newobj__"):
      // It would make an object of the class that is its first argument.
      return make(parts.first ?? .none, nil)
    case ("uuid", "UUID"): return add(.emptyUUID)
    case ("collections", "OrderedDict") where parts.isEmpty: return add(.dictionary([]))
    default: break
    }
    return plain(module, name, parts) ?? add(.object(type: "\(module).\(name)"))
  }

  private mutating func plain(_ module: String, _ name: String, _ parts: [PickleValue]) -> PickleValue? {
    switch (module, name) {
    case ("datetime", "datetime"): return moment(parts).map { .text($0) }
    case ("datetime", "date"): return date(parts).map { .text($0) }
    case ("datetime", "time"): return time(parts).map { .text($0) }
    case ("datetime", "timedelta"): return span(parts).map { .float($0) }
    case ("datetime", "timezone"): return zone(parts).map { add(.timeZone($0)) }
    case ("decimal", "Decimal"), ("_pydecimal", "Decimal"):
      guard case .text? = parts.first, parts.count == 1 else { return nil }
      return parts[0]
    case ("builtins", "set"), ("__builtin__", "set"), ("builtins", "frozenset"), ("__builtin__", "frozenset"):
      guard case .node(let place)? = parts.first, case .list(let items) = nodes[place] else { return nil }
      return add(.set(items))
    case ("builtins", "bytearray"), ("__builtin__", "bytearray"), ("builtins", "bytes"), ("__builtin__", "bytes"):
      if parts.isEmpty { return .bytes([]) }
      guard case .bytes = parts[0] else { return nil }
      return parts[0]
    case ("_codecs", "encode"):
      // Bytes, in the protocols before the third: their text in Latin-1.
      guard case .text(let text)? = parts.first, parts.count == 2, parts[1] == .text("latin1") else { return nil }
      let scalars = text.unicodeScalars
      guard scalars.allSatisfy({ $0.value < 256 }) else { return nil }
      return .bytes(scalars.map { UInt8($0.value) })
    case ("pathlib", "PosixPath"), ("pathlib", "PurePosixPath"), ("pathlib._local", "PosixPath"):
      let texts = parts.compactMap { if case .text(let text) = $0 { text } else { nil } }
      guard texts.count == parts.count, let first = texts.first else { return nil }
      let rest = texts.dropFirst().joined(separator: "/")
      return .text(rest.isEmpty ? first : first.hasSuffix("/") ? first + rest : first + "/" + rest)
    default: return nil
    }
  }

  /// Gives an object its state: only a UUID's is looked at.
  mutating func build(_ object: PickleValue, _ state: PickleValue) -> PickleValue {
    guard case .node(let place) = object, case .emptyUUID = nodes[place] else { return object }
    var members: [PickleNode.Entry] = []
    if case .node(let place) = state, case .dictionary(let entries) = nodes[place] { members = entries }
    guard case .integer(let digits)? = members.last(where: { $0.key == .text("int") })?.value,
      let text = Self.uuid(digits)
    else {
      nodes[place] = .object(type: "uuid.UUID")
      return object
    }
    nodes[place] = .uuid(text)
    return object
  }

  /// The text form of a UUID (RFC 9562) from its number in decimal digits; nil beyond 128 bits.
  private static func uuid(_ digits: String) -> String? {
    var (high, low): (UInt64, UInt64) = (0, 0)
    for digit in digits.utf8 {
      guard (0x30...0x39).contains(digit) else { return nil }
      let product = low.multipliedFullWidth(by: 10)
      let (sum, carry) = product.low.addingReportingOverflow(UInt64(digit - 0x30))
      let (shifted, isOver) = high.multipliedReportingOverflow(by: 10)
      let (added, isOverToo) = shifted.addingReportingOverflow(product.high + (carry ? 1 : 0))
      if isOver || isOverToo { return nil }
      (high, low) = (added, sum)
    }
    let text = [high, low].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
    let cuts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
    let characters = Array(text)
    return cuts.map { String(characters[$0.0..<$0.1]) }.joined(separator: "-")
  }

  // MARK: Dates

  private func numbers(_ value: PickleValue?, _ count: Int) -> [Int]? {
    switch value {
    case .bytes(let bytes)? where bytes.count == count: bytes.map { Int($0) }
    // What Python 2 wrote: a text of those bytes.
    case .text(let text)? where text.unicodeScalars.count == count:
      text.unicodeScalars.allSatisfy { $0.value < 256 } ? text.unicodeScalars.map { Int($0.value) } : nil
    default: nil
    }
  }

  private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private func day(_ parts: ArraySlice<Int>) -> String {
    let parts = Array(parts)
    // The highest bit of the month tells which of two equal hours a clock that is set back means.
    return String(format: "%04d-", parts[0] << 8 | parts[1]) + two(parts[2] & 0x7F) + "-" + two(parts[3])
  }

  private func clock(_ parts: ArraySlice<Int>) -> String {
    let parts = Array(parts)
    let text = two(parts[0] & 0x7F) + ":" + two(parts[1]) + ":" + two(parts[2])
    let fraction = parts[3] << 16 | parts[4] << 8 | parts[5]
    return fraction == 0 ? text : text + String(format: ".%06d", fraction)
  }

  private func moment(_ parts: [PickleValue]) -> String? {
    guard let numbers = numbers(parts.first, 10) else { return nil }
    let text = day(numbers[..<4]) + "T" + clock(numbers[4...])
    guard parts.count > 1 else { return text }
    return offset(parts[1]).map { text + $0 }
  }

  private func date(_ parts: [PickleValue]) -> String? { numbers(parts.first, 4).map { day($0[...]) } }

  private func time(_ parts: [PickleValue]) -> String? {
    guard let numbers = numbers(parts.first, 6) else { return nil }
    guard parts.count > 1 else { return clock(numbers[...]) }
    return offset(parts[1]).map { clock(numbers[...]) + $0 }
  }

  private func offset(_ zone: PickleValue) -> String? {
    if case .node(let place) = zone, case .timeZone(let text) = nodes[place] { text } else { nil }
  }

  /// In seconds.
  private func span(_ parts: [PickleValue]) -> Double? {
    let numbers = parts.compactMap { if case .integer(let digits) = $0 { Double(digits) } else { nil } }
    guard parts.count == 3, numbers.count == 3 else { return nil }
    return numbers[0] * 86_400 + numbers[1] + numbers[2] / 1_000_000
  }

  private func zone(_ parts: [PickleValue]) -> String? {
    guard case .float(let seconds)? = parts.first, abs(seconds) < 86_400 else { return nil }
    let minutes = Int(abs(seconds)) / 60
    return (seconds < 0 ? "-" : "+") + two(minutes / 60) + ":" + two(minutes % 60)
  }
}
