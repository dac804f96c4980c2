package import Jobs

/// A database that the history of all jobs is written to: a row for each job as it stood last, and one for each change.
package protocol HistoryStore: Sendable {
  /// Writes entries of the feed, all or none; on disk when it returns. Safe to repeat: a change that is there stays as
  /// it is, and a job is not set back to how it was before.
  func write(_ entries: [FeedEntry]) async throws(HistoryError)

  /// Lets the database go; a call that is under way ends soon, with a fault.
  func close() async
}

/// Why a history was not written.
package enum HistoryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The database cannot be reached or used at present: it may go well later.
  case unavailable(reason: String)
  /// It was reached, and does not take these rows.
  case refused(reason: String)
  /// Its tables were made by a Fanfare that is newer than this one.
  case tooNew(version: Int)

  package var description: String {
    switch self {
    case .unavailable(let reason): "the history cannot be written now: \(reason)"
    case .refused(let reason): "the history does not take it: \(reason)"
    case .tooNew(let version): "the history was made by a newer Fanfare (format \(version))"
    }
  }
}

/// The tables' form; grows when it changes.
enum HistorySchema {
  static let version = 1
}

/// Where a history lies.
package enum HistoryAddress: Hashable, Sendable {
  /// A file.
  case sqlite(path: String)
  /// As libpq reads it.
  case postgres(String)

  /// Reads `sqlite:///path`, `postgres://…` and `postgresql://…`; nil for anything else.
  package init?(_ text: String) {
    if text.hasPrefix("sqlite://") {
      let path = String(text.dropFirst("sqlite://".count))
      guard path.hasPrefix("/"), path.count > 1 else { return nil }
      self = .sqlite(path: path)
    } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
      self = .postgres(text)
    } else {
      return nil
    }
  }

  /// A store that is opened when it is first written to: that there is no database keeps nobody from starting.
  package func store() -> any HistoryStore {
    switch self {
    case .sqlite(let path): SQLiteHistory(path: path)
    case .postgres(let address): PostgresHistory(address)
    }
  }
}
