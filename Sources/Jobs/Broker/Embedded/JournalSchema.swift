import Foundation
import GRDB

/// The tables of the journal, and how changes become rows.
enum JournalSchema {
  static func migrate(_ database: DatabaseQueue) throws {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: jobs, payloads, logs, keys, requests") { database in
      try database.execute(
        sql: """
          CREATE TABLE jobs (
            id TEXT PRIMARY KEY NOT NULL, queue TEXT NOT NULL, kind TEXT NOT NULL, user TEXT NOT NULL,
            state TEXT NOT NULL, priority INTEGER NOT NULL, attempt INTEGER NOT NULL,
            max_attempts INTEGER NOT NULL, lost INTEGER NOT NULL, permille INTEGER, stage TEXT,
            message TEXT, details BLOB, is_cancelling INTEGER NOT NULL, result BLOB,
            failure_code TEXT, failure_message TEXT, created_at INTEGER NOT NULL, started_at INTEGER,
            finished_at INTEGER, updated_at INTEGER NOT NULL, timeout INTEGER,
            reserved_offset INTEGER NOT NULL, epoch TEXT NOT NULL, sequence INTEGER NOT NULL,
            token INTEGER NOT NULL, due_at INTEGER
          ) WITHOUT ROWID;
          CREATE TABLE payloads (id TEXT PRIMARY KEY NOT NULL, payload BLOB NOT NULL);
          CREATE TABLE log_lines (
            id TEXT NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (id, number)
          ) WITHOUT ROWID;
          CREATE TABLE idempotency_keys (
            user TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL,
            expires_at INTEGER NOT NULL, PRIMARY KEY (user, key)
          ) WITHOUT ROWID;
          CREATE TABLE requests (user TEXT NOT NULL, at INTEGER NOT NULL);
          CREATE INDEX requests_by_time ON requests (at);
          """)
    }
    try migrator.migrate(database)
  }

  static func write(_ change: Journal.Change, to database: Database) throws {
    switch change {
    case .job(let row):
      try database.cachedStatement(sql: upsert).execute(arguments: row.arguments)
    case .payload(let id, let bytes):
      try database.cachedStatement(sql: "INSERT OR REPLACE INTO payloads VALUES (?, ?)")
        .execute(arguments: [id.description, Data(bytes)])
    case .idempotencyKey(let key, let entry):
      try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)"
      ).execute(arguments: [
        key.user, key.key, entry.job.description, entry.fingerprint, entry.expiresAt.milliseconds,
      ])
    case .request(let user, let time):
      try database.cachedStatement(sql: "INSERT INTO requests VALUES (?, ?)")
        .execute(arguments: [user, time.milliseconds])
      // An hour is the longest window there is.
      try database.cachedStatement(sql: "DELETE FROM requests WHERE at < ?")
        .execute(arguments: [time.milliseconds - 3_600_000])
    case .logLine(let id, let number, let text):
      try database.cachedStatement(sql: "INSERT OR REPLACE INTO log_lines VALUES (?, ?, ?)")
        .execute(arguments: [id.description, number, text])
      try database.cachedStatement(sql: "DELETE FROM log_lines WHERE id = ? AND number <= ?")
        .execute(arguments: [id.description, number - EmbeddedRecord.logLimit])
    case .removal(let id):
      for table in ["jobs", "payloads", "log_lines"] {
        try database.cachedStatement(sql: "DELETE FROM \(table) WHERE id = ?")
          .execute(arguments: [id.description])
      }
    case .removalOfKey(let key):
      try database.cachedStatement(sql: "DELETE FROM idempotency_keys WHERE user = ? AND key = ?")
        .execute(arguments: [key.user, key.key])
    }
  }

  private static let upsert =
    "INSERT OR REPLACE INTO jobs VALUES (" + Array(repeating: "?", count: 27).joined(separator: ",")
    + ")"

  static func read(_ database: Database) throws -> Journal.Contents {
    var contents = Journal.Contents()
    let jobs = try Row.fetchCursor(
      database,
      sql: "SELECT jobs.*, payload FROM jobs JOIN payloads USING (id) ORDER BY sequence")
    while let row = try jobs.next() {
      let record = try EmbeddedRecord.Row(row)
      contents.jobs.append((record, [UInt8](row["payload"] as Data)))
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM idempotency_keys") {
      contents.keys[IdempotencyKey(user: row["user"], key: row["key"])] = IdempotencyEntry(
        job: try identifier(row["id"]), fingerprint: row["fingerprint"],
        expiresAt: Timestamp(milliseconds: row["expires_at"]))
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM requests ORDER BY at") {
      contents.requests.append((row["user"], Timestamp(milliseconds: row["at"])))
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM log_lines ORDER BY id, number") {
      contents.logs[try identifier(row["id"]), default: []].append((row["number"], row["text"]))
    }
    return contents
  }

  private static func identifier(_ text: String) throws(BrokerError) -> JobID {
    guard let id = JobID(text) else { throw .corrupt("the id \(text)") }
    return id
  }
}

extension EmbeddedRecord.Row {
  var arguments: StatementArguments {
    [
      id.description, queue.description, kind.description, user, state.letter, priority.level,
      attempt, maxAttempts, lostDeliveries, permille, stage, message, details.map { Data($0.bytes) },
      isCancelling, result.map { Data($0.bytes) }, failure?.code, failure?.message,
      createdAt.milliseconds, startedAt?.milliseconds, finishedAt?.milliseconds,
      updatedAt.milliseconds, timeout?.milliseconds, Int64(reservedOffset), epoch, sequence,
      Int64(token), dueAt?.milliseconds,
    ]
  }

  init(_ row: GRDB.Row) throws(BrokerError) {
    let text: String = row["id"]
    guard let id = JobID(text), let queue = QueueName(row["queue"]), let kind = JobKind(row["kind"]),
      let state = JobState(letter: row["state"] as String), let priority = Priority(row["priority"])
    else { throw .corrupt("the journal's row of job \(text)") }
    func time(_ column: String) -> Timestamp? {
      (row[column] as Int64?).map { Timestamp(milliseconds: $0) }
    }
    func json(_ column: String) -> JSONText? {
      (row[column] as Data?).map { JSONText(unchecked: [UInt8]($0)) }
    }
    self.id = id
    self.queue = queue
    self.kind = kind
    self.state = state
    self.priority = priority
    user = row["user"]
    attempt = row["attempt"]
    maxAttempts = row["max_attempts"]
    lostDeliveries = row["lost"]
    permille = row["permille"]
    stage = row["stage"]
    message = row["message"]
    details = json("details")
    isCancelling = row["is_cancelling"]
    result = json("result")
    failure = (row["failure_code"] as String?).map {
      JobFailure(code: $0, message: row["failure_message"] ?? "")
    }
    createdAt = Timestamp(milliseconds: row["created_at"])
    startedAt = time("started_at")
    finishedAt = time("finished_at")
    updatedAt = Timestamp(milliseconds: row["updated_at"])
    timeout = (row["timeout"] as Int64?).map { .milliseconds($0) }
    reservedOffset = UInt64(row["reserved_offset"] as Int64)
    epoch = row["epoch"]
    sequence = row["sequence"]
    token = UInt64(row["token"] as Int64)
    dueAt = time("due_at")
  }
}
