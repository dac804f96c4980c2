package import Jobs

/// Reads the members of a request one by one and gathers every fault, each with its JSON pointer.
///
/// Members may be JSON or, from an address, plain text: `limit=50` reads as `"limit":50` does. What
/// nobody asked for is a fault too: a misspelt member must not pass for a default.
package struct MemberReader {
  private enum Given {
    case json(JSONValue)
    case text(String)

    var text: String? {
      switch self {
      case .json(let value): value.string
      case .text(let text): text
      }
    }

    var int: Int? {
      switch self {
      case .json(let value): value.int
      case .text(let text): Int(text)
      }
    }

    var double: Double? {
      switch self {
      case .json(let value): value.double
      case .text(let text): Double(text)
      }
    }

    var json: JSONValue? {
      if case .json(let value) = self { value } else { nil }
    }
  }

  private var given: [String: Given] = [:]
  private var order: [String] = []
  private var asked: Set<String> = []
  /// Where the members stand in the request.
  private let pointer: String
  /// Whether a member that is `null` counts as one that is not there.
  private let takesNullForAbsent: Bool
  package private(set) var faults: [Problem.Fault] = []

  /// Nothing but what is added.
  package init() {
    pointer = ""
    takesNullForAbsent = false
  }

  /// The members of an object; anything else is a fault at once.
  package init(
    _ value: JSONValue, at pointer: String = "", takingNullForAbsent takesNull: Bool = false
  ) throws(Problem) {
    guard let members = value.object else { throw .invalid([.init(pointer, "must be an object")]) }
    self.pointer = pointer
    takesNullForAbsent = takesNull
    for (name, value) in members { add(.json(value), named: name) }
  }

  /// A member from the address. Of one that stands there twice the values make a list.
  package mutating func add(text: String, named name: String) {
    if case .text(let before)? = given[name] {
      given[name] = .text("\(before),\(text)")
    } else {
      add(.text(text), named: name)
    }
  }

  /// A member that is itself a document.
  package mutating func add(_ value: JSONValue, named name: String) { add(.json(value), named: name) }

  private mutating func add(_ value: Given, named name: String) {
    if given.updateValue(value, forKey: name) == nil { order.append(name) }
  }

  package func has(_ name: String) -> Bool { given[name] != nil }

  package mutating func fault(_ name: String, _ detail: String) {
    faults.append(.init("\(pointer)/\(name)", detail))
  }

  /// Notes a member that must not be there, and passes over it.
  package mutating func refuse(_ name: String, _ detail: String) {
    guard given.removeValue(forKey: name) != nil else { return }
    order.removeAll { $0 == name }
    fault(name, detail)
  }

  /// Throws all faults there are: also those of members that nobody asked for.
  package mutating func finish() throws(Problem) {
    noteUnknown()
    guard faults.isEmpty else { throw .invalid(faults) }
  }

  /// Members that nobody asked for are no faults.
  package mutating func acceptRest() { asked.formUnion(order) }

  /// The members that nobody asked for so far, in their order, as JSON.
  package var rest: [(name: String, text: JSONText)] {
    order.filter { !asked.contains($0) }.compactMap { name in
      given[name].map { given in
        var writer = JSONWriter()
        switch given {
        case .json(let value): writer.element(value.text)
        case .text(let text): writer.element(text)
        }
        return (name, writer.text)
      }
    }
  }

  private mutating func noteUnknown() {
    for name in order where !asked.contains(name) { fault(name, "is not known") }
  }

  // MARK: Kinds of members

  /// The value, or nil where it is absent or — with a fault — not what is wanted.
  private mutating func read<Value>(
    _ name: String, _ wanted: String, _ convert: (Given) -> Value?
  ) -> Value? {
    asked.insert(name)
    guard let value = given[name], !isAbsent(name) else { return nil }
    if let converted = convert(value) { return converted }
    fault(name, wanted)
    return nil
  }

  /// Notes a member without which nothing can be done.
  package mutating func require(_ name: String) {
    if isAbsent(name) { fault(name, "is missing") }
  }

  private func isAbsent(_ name: String) -> Bool {
    guard let value = given[name] else { return true }
    return takesNullForAbsent && value.json?.isNull == true
  }

  package mutating func text(_ name: String, upTo limit: Int = 255) -> String? {
    read(name, "must be 1 to \(limit) bytes of text") { given in
      given.text.flatMap { (1...limit).contains($0.utf8.count) ? $0 : nil }
    }
  }

  package mutating func whole(_ name: String, in range: ClosedRange<Int>) -> Int? {
    let wanted = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
    return read(name, wanted) { $0.int.flatMap { range.contains($0) ? $0 : nil } }
  }

  package mutating func number(_ name: String, in range: ClosedRange<Double>) -> Double? {
    let wanted = "must be a number from \(range.lowerBound) to \(range.upperBound)"
    return read(name, wanted) { $0.double.flatMap { range.contains($0) ? $0 : nil } }
  }

  /// A number of seconds, above zero unless `mayBeZero`.
  package mutating func seconds(
    _ name: String, upTo limit: Int, mayBeZero: Bool = false
  ) -> Duration? {
    let wanted =
      mayBeZero
      ? "must be a number of seconds from 0 to \(limit)" : "must be a number of seconds above 0, at most \(limit)"
    return read(name, wanted) { given in
      guard let number = given.double, number <= Double(limit),
        mayBeZero ? number >= 0 : number > 0
      else { return nil }
      return .milliseconds(Int64(number * 1000))
    }
  }

  /// A moment, in milliseconds since 1970.
  package mutating func time(_ name: String) -> Timestamp? {
    let wanted = "must be a moment in milliseconds since 1970"
    return read(name, wanted) { given in
      given.int.flatMap {
        (0...253_402_300_799_999).contains($0) ? Timestamp(milliseconds: Int64($0)) : nil
      }
    }
  }

  package mutating func flag(_ name: String) -> Bool? {
    read(name, "must be true or false") { given in
      switch given {
      case .json(let value): value.bool
      case .text("true"), .text("1"), .text(""): true
      case .text("false"), .text("0"): false
      case .text: nil
      }
    }
  }

  /// One of a few words.
  package mutating func word<Word: RawRepresentable<String> & CaseIterable>(
    _ name: String, as type: Word.Type = Word.self
  ) -> Word? {
    let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
    return read(name, "is one of \(words)") { $0.text.flatMap { Word(rawValue: $0) } }
  }

  /// Any number of a few words: a list, or one of them alone.
  package mutating func words<Word: RawRepresentable<String> & CaseIterable & Hashable>(
    _ name: String, as type: Word.Type = Word.self
  ) -> Set<Word>? {
    let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
    return read(name, "is one of \(known)") { given in
      let texts: [String?] =
        switch given {
        case .json(let value): value.array?.map(\.string) ?? [value.string]
        case .text(let text): text.split(separator: ",").map(String.init)
        }
      var words: Set<Word> = []
      for text in texts {
        guard let word = text.flatMap({ Word(rawValue: $0) }) else { return nil }
        words.insert(word)
      }
      return words
    }
  }

  /// What a text names, as `read` has it.
  package mutating func name<Name>(
    _ name: String, wanted: String = "must be 1 to 64 letters, digits, dots, dashes",
    _ read: (String) -> Name?
  ) -> Name? {
    self.read(name, wanted) { $0.text.flatMap(read) }
  }

  /// A list of what texts name, at most `limit`.
  package mutating func names<Name>(
    _ name: String, wanted: String, upTo limit: Int, _ read: (String) -> Name?
  ) -> [Name]? {
    self.read(name, wanted) { given in
      guard let values = given.json?.array, values.count <= limit else { return nil }
      var names: [Name] = []
      for value in values {
        guard let name = value.string.flatMap(read) else { return nil }
        names.append(name)
      }
      return names
    }
  }

  /// Any JSON.
  package mutating func value(_ name: String) -> JSONValue? {
    read(name, "must be JSON") { $0.json }
  }

  /// An object, read to its end by a reader of its own, whose faults are ours.
  package mutating func part<Value, Failure: Error>(
    _ name: String, _ read: (inout MemberReader) throws(Failure) -> Value
  ) throws(Failure) -> Value? {
    let object = self.read(name, "must be an object") { given in
      given.json.flatMap { $0.object == nil ? nil : $0 }
    }
    guard let object,
      var part = try? MemberReader(object, at: "\(pointer)/\(name)", takingNullForAbsent: takesNullForAbsent)
    else { return nil }
    let value = try read(&part)
    part.noteUnknown()
    faults += part.faults
    return value
  }

  /// A list of objects, at least one and at most `limit`, each read as a ``part(_:_:)`` is.
  package mutating func parts<Value, Failure: Error>(
    _ name: String, upTo limit: Int, _ read: (inout MemberReader) throws(Failure) -> Value
  ) throws(Failure) -> [Value]? {
    let objects = self.read(name, "must be a list of 1 to \(limit) objects") { given in
      given.json?.array.flatMap { list in
        (1...limit).contains(list.count) && list.allSatisfy { $0.object != nil } ? list : nil
      }
    }
    guard let objects else { return nil }
    var values: [Value] = []
    for (index, object) in objects.enumerated() {
      guard
        var part = try? MemberReader(
          object, at: "\(pointer)/\(name)/\(index)", takingNullForAbsent: takesNullForAbsent)
      else { continue }
      values.append(try read(&part))
      part.noteUnknown()
      faults += part.faults
    }
    return values
  }

  /// The members that are `null`: what a merge patch (RFC 7396) takes away.
  package mutating func takeNulls() -> Set<String> {
    var nulls: Set<String> = []
    for (name, value) in given where value.json?.isNull == true { nulls.insert(name) }
    for name in nulls { given[name] = nil }
    order.removeAll { nulls.contains($0) }
    return nulls
  }
}
