/// What is wrong with a line of an archive.
package struct ArchiveFault: Error, Hashable, Sendable, CustomStringConvertible {
  package var member: String
  package var reason: String

  package init(member: String, _ reason: String) {
    self.member = member
    self.reason = reason
  }

  package var description: String { "\(member) \(reason)" }
}

extension JSONValue {
  /// A member that has to be there and to be read by `parse`.
  func name<Value>(
    _ member: String, _ parse: (String) -> Value?
  ) throws(ArchiveFault) -> Value {
    guard let text = self[member]?.string, let value = parse(text) else {
      throw ArchiveFault(member: member, "is missing or unreadable")
    }
    return value
  }

  func name<Value>(
    optional member: String, _ parse: (String) -> Value?
  ) throws(ArchiveFault) -> Value? {
    guard self[member] != nil else { return nil }
    return try name(member, parse)
  }

  func number(_ member: String) throws(ArchiveFault) -> Int {
    guard let number = self[member]?.int else {
      throw ArchiveFault(member: member, "is missing or no whole number")
    }
    return number
  }

  func time(_ member: String) -> Timestamp? {
    self[member]?.int.map { Timestamp(milliseconds: Int64($0)) }
  }

  func duration(_ member: String) -> Duration? {
    self[member]?.int.map { .milliseconds($0) }
  }

  func bytes(_ member: String) -> JSONText? {
    self[member]?.string.map { JSONText(unchecked: Array($0.utf8)) }
  }

  func payload(_ member: String) throws(ArchiveFault) -> JobPayload? {
    try name(optional: member) { JobPayload(Array($0.utf8)) }
  }

  func counts(_ member: String) throws(ArchiveFault) -> [JobState: Int] {
    var counts: [JobState: Int] = [:]
    for (name, value) in self[member]?.object ?? [] {
      guard let state = JobState(rawValue: name), let count = value.int else {
        throw ArchiveFault(member: member, "names a state that is none")
      }
      counts[state] = count
    }
    return counts
  }
}

extension JSONWriter {
  mutating func member(_ name: StaticString, _ duration: Duration?) {
    member(name, duration?.milliseconds)
  }

  mutating func member(_ name: StaticString, _ time: Timestamp?) {
    member(name, time?.milliseconds)
  }

  /// As a string, so that not a byte changes.
  mutating func member(_ name: StaticString, quoted text: JSONText?) {
    member(name, text.map { String(decoding: $0.bytes, as: UTF8.self) })
  }
}
