import Foundation
import GRDB

/// The tables of the journal.
enum JournalSchema {
  /// Grows when a table changes its form.
  static let version = 1

  static let statements = """
    CREATE TABLE job (
      id TEXT PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, queue TEXT NOT NULL, kind TEXT NOT NULL,
      user TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL, attempt INTEGER NOT NULL,
      max_attempts INTEGER NOT NULL, lost INTEGER NOT NULL, token INTEGER NOT NULL,
      permille INTEGER, stage TEXT, message TEXT, details BLOB,
      is_cancelling INTEGER NOT NULL, cancellation_code TEXT, cancellation_message TEXT,
      result BLOB, failure_code TEXT, failure_message TEXT,
      created_at INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER, updated_at INTEGER NOT NULL,
      timeout INTEGER, due INTEGER, offset INTEGER NOT NULL, epoch TEXT NOT NULL,
      idempotency_key TEXT, fingerprint TEXT NOT NULL, log_count INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE payload (job TEXT PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE log (
      job TEXT NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE spending (
      user TEXT PRIMARY KEY, moments TEXT NOT NULL, is_over INTEGER NOT NULL
    ) WITHOUT ROWID;
    PRAGMA user_version = \(version);
    """

  /// The columns of a job in the order ``EmbeddedRecord/columns`` gives their values.
  static let jobColumns = [
    "id", "sequence", "queue", "kind", "user", "state", "priority", "attempt", "max_attempts",
    "lost", "token", "permille", "stage", "message", "details", "is_cancelling",
    "cancellation_code", "cancellation_message", "result", "failure_code", "failure_message",
    "created_at", "started_at", "finished_at", "updated_at", "timeout", "due", "offset", "epoch",
    "idempotency_key", "fingerprint", "log_count",
  ]

  static let putJob = """
    INSERT OR REPLACE INTO job (\(jobColumns.joined(separator: ", "))) \
    VALUES (\(jobColumns.map { _ in "?" }.joined(separator: ", ")))
    """
}

extension EmbeddedRecord {
  /// The record as a row. A running job's offset is the last that was reserved for it.
  var columns: [(any DatabaseValueConvertible)?] {
    [
      job.id.description, sequence, job.queue.description, job.kind.description, job.user,
      job.state.letter, job.priority.level, job.attempt, job.maxAttempts, job.lostDeliveries,
      Int64(bitPattern: token), job.progress.percent.map { Int(($0 * 10).rounded()) },
      job.progress.stage, job.progress.message, job.progress.details.map { Data($0.bytes) },
      job.isCancelling, cancellation?.code, cancellation?.message,
      job.result.map { Data($0.bytes) }, job.failure?.code, job.failure?.message,
      job.createdAt.milliseconds, job.startedAt?.milliseconds, job.finishedAt?.milliseconds,
      job.updatedAt.milliseconds, job.timeout?.milliseconds, due?.milliseconds,
      Int64(bitPattern: reservedOffset), job.position.epoch, idempotencyKey, fingerprint, logCount,
    ]
  }

  /// Every record, in the order of acceptance, with the payloads of those that have not ended.
  static func all(in database: Database) throws -> [EmbeddedRecord] {
    let ended = JobState.allCases.filter(\.isTerminal).map { "'\($0.letter)'" }
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT job.*, payload.bytes AS payload FROM job LEFT JOIN payload
        ON payload.job = job.id AND job.state NOT IN (\(ended.joined(separator: ", ")))
        ORDER BY sequence
        """)
    var records: [EmbeddedRecord] = []
    while let row = try rows.next() { records.append(try EmbeddedRecord(row)) }
    return records
  }

  private init(_ row: Row) throws {
    func text(_ column: String) throws -> String { try row.decode(forColumn: column) }
    func time(_ column: String) throws -> Timestamp? {
      try row.decode(Int64?.self, forColumn: column).map(Timestamp.init(milliseconds:))
    }
    func json(_ column: String) throws -> JSONText? {
      try row.decode(Data?.self, forColumn: column).map { JSONText(unchecked: Array($0)) }
    }
    func failure(_ prefix: String) throws -> JobFailure? {
      guard let code = try row.decode(String?.self, forColumn: "\(prefix)_code") else { return nil }
      return JobFailure(code: code, message: try text("\(prefix)_message"))
    }
    func known<Value>(_ value: Value?, _ column: String) throws -> Value {
      guard let value else { throw UnreadableRow(column: column, row: row.description) }
      return value
    }
    let job = Job(
      id: try known(JobID(try text("id")), "id"),
      queue: try known(QueueName(try text("queue")), "queue"),
      kind: try known(JobKind(try text("kind")), "kind"), user: try text("user"),
      state: try known(JobState(letter: try text("state")), "state"),
      priority: try known(Priority(try row.decode(forColumn: "priority")), "priority"),
      attempt: try row.decode(forColumn: "attempt"),
      maxAttempts: try row.decode(forColumn: "max_attempts"),
      lostDeliveries: try row.decode(forColumn: "lost"),
      progress: Progress(
        percent: try row.decode(Int?.self, forColumn: "permille").map { Double($0) / 10 },
        stage: try row.decode(forColumn: "stage"), message: try row.decode(forColumn: "message"),
        details: try json("details")),
      isCancelling: try row.decode(forColumn: "is_cancelling"), result: try json("result"),
      failure: try failure("failure"), createdAt: try known(time("created_at"), "created_at"),
      startedAt: try time("started_at"), finishedAt: try time("finished_at"),
      updatedAt: try known(time("updated_at"), "updated_at"),
      timeout: try row.decode(Int64?.self, forColumn: "timeout").map { .milliseconds($0) },
      position: StreamPosition(
        offset: UInt64(bitPattern: try row.decode(Int64.self, forColumn: "offset")),
        epoch: try text("epoch")),
      payload: try json("payload"))
    if !job.state.isTerminal, job.payload == nil {
      throw UnreadableRow(column: "payload", row: row.description)
    }
    self.init(
      job: job, sequence: try row.decode(forColumn: "sequence"),
      token: UInt64(bitPattern: try row.decode(Int64.self, forColumn: "token")),
      due: try time("due"), cancellation: try failure("cancellation"),
      idempotencyKey: try row.decode(forColumn: "idempotency_key"),
      fingerprint: try text("fingerprint"), logCount: try row.decode(forColumn: "log_count"))
  }
}

/// A row that no Fanfare wrote.
private struct UnreadableRow: Error, CustomStringConvertible {
  let column: String
  let row: String

  var description: String { "the column \(column) cannot be read in \(row)" }
}
