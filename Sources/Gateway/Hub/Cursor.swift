package import Jobs

extension StreamPosition {
  /// The position as HTTP writes it: `<epoch>-<offset>`, the id of a server-sent event and, quoted, the
  /// entity tag of a job. It is what a socket calls `epoch` and `offset`.
  package var cursor: String { "\(epoch)-\(offset)" }
}

extension Recovery.Request {
  /// Reads a cursor: `<epoch>-<offset>`, or an offset alone, which is of any epoch; nil for anything else.
  package init?(cursor: some StringProtocol) {
    let parts = cursor.split(separator: "-", omittingEmptySubsequences: false)
    guard let digits = parts.last, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let offset = UInt64(digits), parts.count <= 2, parts.first?.isEmpty == false
    else { return nil }
    self.init(offset: offset, epoch: parts.count == 2 ? String(parts[0]) : nil)
  }

  /// Reads the members of a subscribe command, or of an element of `connect.subs` (spec §6); nil where recovery is
  /// not asked for. Throws what is wrong with them.
  package init?(reading request: JSONValue) throws(ReplyError) {
    switch request["recover"] {
    case nil: return nil
    case let wish?:
      guard let isWished = wish.bool else { throw .badRequest }
      guard isWished else { return nil }
    }
    let (offset, epoch) = try Self.position(in: request)
    self.init(offset: offset ?? 0, epoch: epoch)
  }

  /// `offset` and `epoch` of an object; an absent and an empty epoch are both any.
  static func position(in value: JSONValue) throws(ReplyError) -> (offset: UInt64?, epoch: String?) {
    var offset: UInt64?
    if let given = value["offset"] {
      guard let number = given.int, number >= 0 else { throw .badRequest }
      offset = UInt64(number)
    }
    var epoch: String?
    if let given = value["epoch"] {
      guard let text = given.string else { throw .badRequest }
      epoch = text.isEmpty ? nil : text
    }
    return (offset, epoch)
  }
}
