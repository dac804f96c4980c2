import Foundation
import GRDB
import Synchronization

/// What an embedded broker must not forget, in a SQLite file: `<folder>/journal.sqlite`.
///
/// A batch is one transaction, on disk when ``write(_:)`` returns: the log is written ahead (WAL) and
/// synced at each commit (`synchronous = FULL`; NORMAL would lose acknowledged jobs with the power).
/// SQLite works on a queue of its own: the loop never waits for the disk. One process a folder.
package final class Journal: Sendable {
  private let database: DatabaseQueue
  private let lock: Mutex<FolderLock?>
  /// The folder it lies in.
  package let folder: String

  /// Opens the journal in `folder`, which is made if need be. Blocks: call it off the loop, or use
  /// ``EmbeddedBroker/open(at:clock:logger:)``.
  init(in folder: String) throws(JournalError) {
    self.folder = folder
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .unreadable(path: folder, reason: "\(error)")
    }
    lock = Mutex(try FolderLock(folder: folder))
    let path = "\(folder)/journal.sqlite"
    do {
      var configuration = Configuration()
      configuration.journalMode = .wal
      configuration.label = "fanfare-journal"
      database = try DatabaseQueue(path: path, configuration: configuration)
      let version = try database.writeWithoutTransaction { database in
        // GRDB sets NORMAL with WAL.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        // Rows change several times in a job's life: a longer log moves each page less often.
        try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
        return try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
      }
      guard version <= JournalSchema.version else {
        throw JournalError.tooNew(path: path, version: version)
      }
      let steps =
        version == 0 ? [JournalSchema.statements] : Array(JournalSchema.migrations[(version - 1)...])
      // All of them or none: a file of a form in between is nobody's.
      try database.write { for step in steps { try $0.execute(sql: step) } }
    } catch let error as JournalError {
      throw error
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
  }

  /// Makes a batch durable, all of it or, if it throws, nothing.
  func write(_ batch: JournalBatch) async throws {
    // Straight from the caller to SQLite's queue and back: GRDB's own async form goes through the
    // global executor both ways.
    try await withCheckedThrowingContinuation { continuation in
      database.asyncWriteWithoutTransaction { database in
        continuation.resume(
          with: Result {
            try database.inTransaction(.immediate) {
              try batch.write(to: database)
              return .commit
            }
          })
      }
    }
  }

  /// Everything a broker needs to go on, payloads of ended jobs and logs left out. Blocks.
  func load(at now: Timestamp) throws(JournalError) -> JournalContent {
    do {
      return try database.read { database in
        JournalContent(
          records: try JobRow.all(in: database), queues: try EmbeddedQueue.all(in: database),
          schedules: try ScheduleStatus.all(in: database), groups: try EmbeddedGroup.all(in: database),
          book: try QueueBook.all(in: database, since: now.minute - QueueBook.span),
          spendings: try RequestWindows.Spending.all(in: database),
          revocations: try Revocation.all(in: database), feed: try FeedRow.book(in: database))
      }
    } catch {
      throw .unreadable(path: "\(folder)/journal.sqlite", reason: "\(error)")
    }
  }

  /// What was asked for with the job of this number; nil when it is forgotten.
  func payload(of sequence: Int64) async throws -> JobPayload? {
    try await database.read { database in
      let statement = try database.cachedStatement(
        sql: "SELECT payload FROM request WHERE sequence = ?")
      let data = try Data.fetchOne(statement, arguments: [sequence])
      return data.flatMap { JobPayload(Array($0)) }
    }
  }

  /// The numbers of jobs in a range that have both rows, and those that only something is left of.
  func numbers(
    in range: ClosedRange<Int64>
  ) async throws -> (whole: Set<Int64>, parts: Set<Int64>) {
    try await database.read { database in
      func numbers(_ table: String) throws -> Set<Int64> {
        try Int64.fetchSet(
          database, sql: "SELECT DISTINCT \(table) BETWEEN ? AND ?",
          arguments: [range.lowerBound, range.upperBound])
      }
      let jobs = try numbers("sequence FROM job WHERE sequence")
      let requests = try numbers("sequence FROM request WHERE sequence")
      let logs = try numbers("job FROM log WHERE job")
      return (jobs.intersection(requests), jobs.union(requests).union(logs))
    }
  }

  /// Forgets what is left of jobs of these numbers.
  func forget(_ numbers: [Int64]) async throws {
    var batch = JournalBatch()
    batch.removed = numbers
    batch.feed.unfollowed = numbers
    try await write(batch)
  }

  /// The groups behind `first`, up to and with `last`; nil: from the first, to the last.
  func groups(after first: GroupID?, through last: GroupID?) async throws -> Set<String> {
    try await database.read { database in
      try String.fetchSet(
        database, sql: "SELECT id FROM job_group WHERE id > ? AND id <= ?",
        // Names are hexadecimal digits: all are greater than nothing, and less than a letter beyond f.
        arguments: [first?.description ?? "", last?.description ?? "g"])
    }
  }

  /// Forgets the rows of groups of these names.
  func forget(groups: [String]) async throws {
    try await database.write { database in
      for name in groups { try JournalBatch.GroupChange.forget(name, in: database) }
    }
  }

  /// The log of the job of this number, oldest line first.
  func logLines(of sequence: Int64) async throws -> [String] {
    try await database.read { database in
      let statement = try database.cachedStatement(
        sql: "SELECT line FROM log WHERE job = ? ORDER BY number")
      return try String.fetchAll(statement, arguments: [sequence])
    }
  }

  /// The entries of the feed behind a number, at most `limit` and about a megabyte.
  func feed(after number: Int64, limit: Int) async throws -> [FeedEntry] {
    try await database.read { try FeedRow.entries(after: number, limit: limit, in: $0) }
  }

  /// Forgets minutes up to this one.
  func forgetMinutes(upTo minute: Int64) async throws {
    try await database.write {
      try $0.execute(sql: "DELETE FROM minute WHERE minute <= ?", arguments: [minute])
    }
  }

  /// Bounds the file to `bytes`; nil takes the bound away. At the bound a broker accepts nothing new,
  /// as with a full disk.
  package func limitSize(toBytes bytes: Int?) async throws {
    try await database.writeWithoutTransaction { database in
      let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
      // SQLite takes no bound below the present size, and answers with the one in force.
      let pages = bytes.map { max(1, $0 / pageSize) } ?? 4_294_967_294
      _ = try Int64.fetchOne(database, sql: "PRAGMA max_page_count = \(pages)")
    }
  }

  /// Writes a little; throws while nothing can be written.
  func probe() async throws {
    try await database.write { try $0.execute(sql: "PRAGMA user_version = \(JournalSchema.version)") }
  }

  /// Lets the files go; what was written is in `journal.sqlite` alone.
  func close() throws {
    try database.close()
    lock.withLock { $0 = nil }
  }
}

/// All that survives of a broker.
struct JournalContent: Sendable {
  /// In the order of acceptance.
  var records: [EmbeddedRecord]
  var queues: [EmbeddedQueue]
  var schedules: [ScheduleStatus]
  var groups: [EmbeddedGroup]
  var book: QueueBook
  var spendings: [String: RequestWindows.Spending]
  var revocations: [Revocation]
  var feed: FeedBook
}
