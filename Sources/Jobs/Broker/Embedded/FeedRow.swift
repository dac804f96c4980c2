import GRDB

/// The feed in the journal.
enum FeedRow {
  /// For what each job is fed, by its number.
  static func terms(in database: Database) throws -> [Int64: FeedTerms] {
    try Row.fetchAll(database, sql: "SELECT sequence, terms FROM followed").reduce(into: [:]) { terms, row in
      let row = RowReader(row)
      terms[try row.number("sequence")] = try row.known("terms") { FeedTerms(journalText: $0) }
    }
  }

  static func book(in database: Database) throws -> FeedBook {
    var book = FeedBook()
    for row in try Row.fetchAll(database, sql: "SELECT * FROM feed_consumer") {
      let row = RowReader(row)
      book.readers[FeedConsumer(try row.text("name"))] = FeedBook.Reader(
        position: try row.number("position"), lost: Int(try row.number("lost")))
    }
    let ends = try Row.fetchOne(database, sql: "SELECT min(number) AS first, max(number) AS last FROM feed")
    let passed = book.readers.values.map(\.position).max() ?? 0
    book.last = max(try ends.flatMap { try RowReader($0).number(ifAny: "last") } ?? 0, passed)
    book.first = try ends.flatMap { try RowReader($0).number(ifAny: "first") } ?? book.last + 1
    return book
  }

  /// The entries behind a number, at most `limit` and about a megabyte.
  static func entries(after number: Int64, limit: Int, in database: Database) throws -> [FeedEntry] {
    let rows = try Row.fetchCursor(
      database, sql: "SELECT number, entry FROM feed WHERE number > ? ORDER BY number LIMIT ?",
      arguments: [number, limit])
    var entries: [FeedEntry] = []
    var room = 1 << 20
    while room > 0, let row = try rows.next() {
      let row = RowReader(row)
      let text = try row.text("entry")
      room -= text.utf8.count
      let place = FeedPlace(try row.number("number"))
      entries.append(
        try row.wanted(
          (try? JSONDocument(bytes: Array(text.utf8)).root).flatMap { try? FeedEntry(reading: $0, at: place) },
          "entry"))
    }
    return entries
  }
}

/// What of the feed becomes durable with a batch.
struct FeedChange: Sendable {
  /// New jobs that are followed, and the numbers of forgotten ones.
  var followed: [(sequence: Int64, terms: FeedTerms)] = []
  var unfollowed: [Int64] = []
  private var entries: [(number: Int64, entry: FeedEntry)] = []
  /// Which entry is the first now, where that changed.
  private var first: Int64?
  /// Consumers that changed; nil: forgotten.
  private var readers: [(FeedConsumer, FeedBook.Reader?)] = []

  var isEmpty: Bool {
    followed.isEmpty && unfollowed.isEmpty && entries.isEmpty && first == nil && readers.isEmpty
  }

  mutating func add(_ new: [(number: Int64, entry: FeedEntry)], from before: FeedBook, to now: FeedBook) {
    entries = new.filter { $0.number >= now.first }
    if now.first != before.first { first = now.first }
    for consumer in Set(before.readers.keys).union(now.readers.keys)
    where before.readers[consumer] != now.readers[consumer] {
      readers.append((consumer, now.readers[consumer]))
    }
  }

  func write(to database: Database) throws {
    for (sequence, terms) in followed {
      try database.cachedStatement(sql: "INSERT OR REPLACE INTO followed (sequence, terms) VALUES (?, ?)")
        .execute(arguments: [sequence, terms.journalText])
    }
    for sequence in unfollowed {
      try database.cachedStatement(sql: "DELETE FROM followed WHERE sequence = ?")
        .execute(arguments: [sequence])
    }
    for (number, entry) in entries {
      try database.cachedStatement(sql: "INSERT OR REPLACE INTO feed (number, entry) VALUES (?, ?)")
        .execute(arguments: [number, entry.json.description])
    }
    if let first {
      try database.cachedStatement(sql: "DELETE FROM feed WHERE number < ?").execute(arguments: [first])
    }
    for (consumer, reader) in readers {
      guard let reader else {
        try database.cachedStatement(sql: "DELETE FROM feed_consumer WHERE name = ?")
          .execute(arguments: [consumer.description])
        continue
      }
      try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO feed_consumer (name, position, lost) VALUES (?, ?, ?)"
      ).execute(arguments: [consumer.description, reader.position, reader.lost])
    }
  }
}

extension FeedTerms {
  fileprivate var journalText: String {
    var writer = JSONWriter()
    writer.object { write(into: &$0) }
    return writer.text.description
  }

  fileprivate init?(journalText: String) {
    guard let root = try? JSONDocument(bytes: Array(journalText.utf8)).root,
      let terms = try? FeedTerms(reading: root)
    else { return nil }
    self = terms
  }
}
