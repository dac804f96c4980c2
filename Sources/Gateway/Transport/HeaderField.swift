/// A header that the transport looks at. Others are judged for their form, and thrown away.
struct HeaderField: Sendable {
  /// In lower case.
  let name: String
  /// A second one would be a second opinion, and is refused.
  let isSingle: Bool
  /// It stands in ``Request/headers``.
  let isKept: Bool
  private let bytes: [UInt8]

  private init(_ name: String) {
    self.name = name
    bytes = Array(name.utf8)
    isSingle = Self.single.contains(name)
    isKept = Request.knownHeaders.contains(name)
  }

  /// The one of this name, in whatever case it was written; nil where it is none of ours.
  static func named(_ name: UnsafeBufferPointer<UInt8>) -> HeaderField? {
    guard name.count < byLength.count else { return nil }
    for field in byLength[name.count] where field.isNamed(name) { return field }
    return nil
  }

  private func isNamed(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    for index in bytes.indices where lowercased(name[index]) != bytes[index] { return false }
    return true
  }

  private static let single: Set<String> = [
    "host", "content-length", "authorization", "content-type", "origin", "range", "if-range",
    "idempotency-key", "last-event-id", "expect", "upgrade", "sec-websocket-key",
    "sec-websocket-version", "x-request-id", "traceparent", "user-agent",
  ]

  /// All of them, by the length of their names: of one length there are few.
  private static let byLength: [[HeaderField]] = {
    let others: Set = ["transfer-encoding", "connection", "sec-websocket-extensions"]
    let names = others.union(single).union(Request.knownHeaders)
    var table = [[HeaderField]](repeating: [], count: (names.map(\.utf8.count).max() ?? 0) + 1)
    for name in names.sorted() { table[name.utf8.count].append(HeaderField(name)) }
    return table
  }()
}

/// A byte of ASCII in lower case; others as they are.
func lowercased(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// The headers of one request that the transport looks at. A handful: looked through, not hashed.
struct HeaderFields {
  private var values: [(field: HeaderField, value: String)] = []

  init() { values.reserveCapacity(8) }

  /// The value of the header of this name, which is in lower case.
  subscript(_ name: String) -> String? { values.first { $0.field.name == name }?.value }

  /// Adds a value; one to a header that may be written in several lines joins those before it (RFC 9110 §5.3). Throws
  /// where it may not.
  mutating func add(_ value: String, to field: HeaderField) throws(Refusal) {
    guard let index = values.firstIndex(where: { $0.field.name == field.name }) else {
      values.append((field, value))
      return
    }
    if field.isSingle { throw Refusal(400, "A header that counts came twice.") }
    values[index].value += (field.name == "cookie" ? "; " : ", ") + value
  }

  /// Those that handlers see; `host` in the place of the header of that name, where it is given.
  func kept(host: String?) -> [String: String] {
    var kept: [String: String] = [:]
    for (field, value) in values where field.isKept { kept[field.name] = value }
    if let host { kept["host"] = host }
    return kept
  }
}
