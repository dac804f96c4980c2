import GRDB

/// Revocations of an embedded broker, by what they are about and in the order in which they are over.
struct RevocationBook: Sendable {
  private var entries: [Revocation.Subject: Revocation] = [:]
  private var order = SortedBlocks<Ending>()

  /// Where a revocation stands in the list.
  struct Ending: Comparable, Sendable {
    let until: Timestamp
    let key: String

    static func < (a: Ending, b: Ending) -> Bool { (a.until, a.key) < (b.until, b.key) }
  }

  init(_ revocations: [Revocation] = []) {
    for revocation in revocations { self[revocation.subject] = revocation }
  }

  subscript(subject: Revocation.Subject) -> Revocation? {
    get { entries[subject] }
    set {
      order.move(from: entries[subject]?.ending, to: newValue?.ending)
      entries[subject] = newValue
    }
  }

  /// Those that are not over at `now`, behind `last`; at most `limit`.
  func page(after last: Ending?, limit: Int, at now: Timestamp) -> [Revocation] {
    let first = Ending(until: now + .milliseconds(1), key: "")
    let bound = last.map { max($0, first) } ?? first
    return order.elements(after: bound, limit: limit) { _ in true }
      .compactMap { Revocation.Subject(key: $0.key).flatMap { entries[$0] } }
  }

  /// Those that are over; at most 200.
  func over(at now: Timestamp) -> [Revocation.Subject] {
    order.prefix(200) { $0.until <= now }.compactMap { Revocation.Subject(key: $0.key) }
  }
}

extension Revocation {
  var ending: RevocationBook.Ending { RevocationBook.Ending(until: until, key: subject.key) }

  /// Every revocation that the journal keeps.
  static func all(in database: Database) throws -> [Revocation] {
    let rows = try Row.fetchAll(database, sql: "SELECT subject, made_at, until FROM revocation")
    return try rows.compactMap { row in
      guard let subject = Subject(key: try row.decode(String.self, forColumn: "subject")) else { return nil }
      return Revocation(
        subject, at: Timestamp(milliseconds: try row.decode(forColumn: "made_at")),
        until: Timestamp(milliseconds: try row.decode(forColumn: "until")))
    }
  }
}

extension Revocation? {
  /// Writes the row of a subject; nil takes it away.
  func write(of subject: Revocation.Subject, to database: Database) throws {
    guard let self else {
      return try database.cachedStatement(sql: "DELETE FROM revocation WHERE subject = ?")
        .execute(arguments: [subject.key])
    }
    try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO revocation (subject, made_at, until) VALUES (?, ?, ?)"
    ).execute(arguments: [subject.key, self.at.milliseconds, self.until.milliseconds])
  }
}
