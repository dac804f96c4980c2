import Jobs

/// Reads a payload member by member, and keeps all that is wrong with it until the end.
struct PayloadReader {
  let root: JSONValue
  private(set) var faults: [PayloadFault] = []

  /// Throws for what is no object; members other than these are noted as faults.
  init(_ payload: JSONText, members: Set<String>) throws(PayloadFaults) {
    let root = try Self.root(of: payload)
    self.root = root
    for (name, _) in root.object ?? [] where !members.contains(name) {
      faults.append(PayloadFault("/\(PayloadFault.step(name))", "is not known"))
    }
  }

  /// The payload as an object in which no name stands twice.
  static func root(of payload: JSONText) throws(PayloadFaults) -> JSONValue {
    let root: JSONValue
    do {
      root = try JSONDocument(bytes: payload.bytes, refusesDuplicates: true).root
    } catch {
      throw PayloadFaults([PayloadFault("", "the payload is not JSON: \(error)")])
    }
    guard root.object != nil else {
      throw PayloadFaults([PayloadFault("", "the payload must be an object")])
    }
    return root
  }

  mutating func note(_ fault: PayloadFault) { faults.append(fault) }
  mutating func note(_ faults: PayloadFaults) { self.faults += faults.faults }

  /// What the body makes; nil, and a fault noted, where it throws.
  mutating func take<Value>(_ body: () throws(PayloadFault) -> Value) -> Value? {
    do {
      return try body()
    } catch {
      faults.append(error)
      return nil
    }
  }

  /// An input; nil with a fault noted where it is none.
  mutating func reference(_ name: String) -> InputReference? {
    let value = root[name]
    return take { () throws(PayloadFault) in try Self.reference(value, at: "/\(name)") }
  }

  static func reference(_ value: JSONValue?, at pointer: String) throws(PayloadFault) -> InputReference {
    guard let text = value?.string else { throw PayloadFault(pointer, "must be a text") }
    return try InputReference(text, at: pointer)
  }

  /// The name of an output: a plain file name with one of these extensions. `standard` where the payload names none.
  mutating func output(
    _ name: String = "output", of extensions: Set<String>, standard: ArtifactName? = nil
  ) -> ArtifactName? {
    let value = root[name]
    if value == nil, let standard { return standard }
    return take { () throws(PayloadFault) in
      guard let text = value?.string else { throw PayloadFault("/\(name)", "must be a text") }
      // A percent sign would be a pattern: many files, or another name than the one asked for.
      guard let output = ArtifactName(text), !text.contains("%"), !text.contains(":") else {
        throw PayloadFault("/\(name)", "must be a plain file name")
      }
      guard extensions.contains(output.fileExtension) else {
        throw PayloadFault("/\(name)", "has an extension that is not allowed")
      }
      return output
    }
  }

  /// A short text without control characters; nil where there is none.
  mutating func shortText(_ name: String, limit: Int = 200) -> String? {
    guard let value = root[name], !value.isNull else { return nil }
    return take { () throws(PayloadFault) in
      guard let text = value.string, text.utf8.count <= limit, LogBuffer.clean(text) == text else {
        throw PayloadFault("/\(name)", "must be a text of at most \(limit) bytes, in one line")
      }
      return text
    }
  }

  /// Throws what was noted.
  func check() throws(PayloadFaults) {
    if !faults.isEmpty { throw PayloadFaults(faults) }
  }
}
