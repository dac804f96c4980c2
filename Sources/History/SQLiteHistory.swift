import GRDB
package import Jobs

/// A history in a file of SQLite's, which is made at the first write, with its tables.
///
/// Times are milliseconds since 1970. Written ahead (WAL) and synced with each batch: what the feed lets go of is on disk.
package actor SQLiteHistory: HistoryStore {
  private let path: String
  private var database: DatabaseQueue?

  package init(path: String) { self.path = path }

  package func write(_ entries: [FeedEntry]) async throws(HistoryError) {
    do {
      let database = try opened()
      try await database.write { database in
        for entry in entries { try Self.write(HistoryRow(entry: entry), to: database) }
      }
    } catch let error as HistoryError {
      throw error
    } catch let error as DatabaseError where Self.isAboutRows(error) {
      throw .refused(reason: "\(error)")
    } catch {
      // A full disk, a lock that is held, a file that went away: opened anew the next time.
      database = nil
      throw .unavailable(reason: "\(error)")
    }
  }

  private static func isAboutRows(_ error: DatabaseError) -> Bool {
    [.SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG].contains(error.resultCode)
  }

  package func close() async {
    // What it wrote is on disk whether this goes well or not.
    try? database?.close()
    database = nil
  }

  private func opened() throws -> DatabaseQueue {
    if let database { return database }
    var configuration = Configuration()
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(5)
    configuration.label = "fanfare-history"
    let opened = try DatabaseQueue(path: path, configuration: configuration)
    let version = try opened.writeWithoutTransaction { database in
      // GRDB sets NORMAL with WAL, which may lose what was committed with the power.
      try database.execute(sql: "PRAGMA synchronous = FULL")
      return try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }
    guard version <= HistorySchema.version else { throw HistoryError.tooNew(version: version) }
    if version == 0 { try opened.write { try $0.execute(sql: Self.schema) } }
    database = opened
    return opened
  }

  private static func write(_ row: HistoryRow, to database: Database) throws {
    let (job, entry) = (row.job, row.entry)
    let offset = Int64(clamping: job.position.offset)
    try database.cachedStatement(sql: putChange).execute(arguments: [
      job.id.description, offset, job.updatedAt.milliseconds, job.state.rawValue, entry.previous?.rawValue,
      job.attempt, HistoryRow.clean(entry.reason), HistoryRow.clean(job.failure?.code),
      HistoryRow.clean(job.failure?.message),
    ])
    try database.cachedStatement(sql: putJob).execute(arguments: [
      job.id.description, job.queue.description, job.kind.description, HistoryRow.clean(job.user),
      job.state.rawValue, job.priority.level, job.attempt, job.maxAttempts, job.lostDeliveries,
      job.group?.description, job.createdAt.milliseconds, job.startedAt?.milliseconds,
      job.finishedAt?.milliseconds, job.updatedAt.milliseconds, HistoryRow.clean(job.failure?.code),
      HistoryRow.clean(job.failure?.message), row.result, offset,
    ])
  }

  private static let columns = [
    "id", "queue", "kind", "owner", "state", "priority", "attempt", "max_attempts", "lost", "job_group",
    "created_at", "started_at", "finished_at", "updated_at", "failure_code", "failure_message", "result", "number",
  ]

  private static let putChange = """
    INSERT INTO job_change
    (job, number, at, state, previous_state, attempt, reason, failure_code, failure_message)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
    """

  private static let putJob = """
    INSERT INTO job (\(columns.joined(separator: ", ")))
    VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
    ON CONFLICT (id) DO UPDATE SET \(columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
    WHERE (excluded.updated_at, excluded.number) >= (job.updated_at, job.number)
    """

  private static let schema = """
    CREATE TABLE job (
      id TEXT PRIMARY KEY, queue TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL,
      priority INTEGER NOT NULL, attempt INTEGER NOT NULL, max_attempts INTEGER NOT NULL, lost INTEGER NOT NULL,
      job_group TEXT, created_at INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER,
      updated_at INTEGER NOT NULL, failure_code TEXT, failure_message TEXT, result TEXT, number INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX job_created_at ON job (created_at);
    CREATE TABLE job_change (
      job TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, previous_state TEXT,
      attempt INTEGER NOT NULL, reason TEXT, failure_code TEXT, failure_message TEXT,
      PRIMARY KEY (job, number, at)
    ) WITHOUT ROWID;
    CREATE INDEX job_change_at ON job_change (at);
    PRAGMA user_version = \(HistorySchema.version);
    """
}
