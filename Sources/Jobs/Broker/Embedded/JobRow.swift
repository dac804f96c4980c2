import Foundation
import GRDB

/// A record as two rows: what was asked for, and how the job stands.
enum JobRow {
  private static let requestColumns = [
    "sequence", "id", "kind", "user", "payload", "created_at", "epoch", "timeout", "job_order",
    "max_attempts", "retry", "start_within", "total_timeout", "idempotency_key", "fingerprint",
    "unique_key", "content_key", "parent_rule", "job_group", "weight",
  ]

  private static let jobColumns = [
    "sequence", "queue", "state", "priority", "base", "score", "attempt", "lost", "token", "offset",
    "flags", "log_count", "updated_at", "waits_from", "started_at", "finished_at", "ending",
    "due", "start_by", "end_by", "permille", "stage", "message", "details", "result",
    "failure_code", "failure_message", "cancellation_code", "cancellation_message", "parents",
  ]

  static let putRequest = put("request", requestColumns)
  static let putJob = put("job", jobColumns)

  private static func put(_ table: String, _ columns: [String]) -> String {
    """
    INSERT OR REPLACE INTO \(table) (\(columns.joined(separator: ", "))) \
    VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
    """
  }

  private static let isCancelling: Int64 = 1
  private static let isRemoved: Int64 = 2

  /// Writes what was asked for with ``putRequest``. Only of a record that has its payload.
  static func writeRequest(of record: EmbeddedRecord, _ row: inout RowWriter) throws {
    let job = record.job
    let terms = record.terms
    row.bind(record.sequence)
    row.bind(job.id.description)
    row.bind(job.kind.description)
    row.bind(job.user)
    row.bind(bytes: job.payload?.bytes ?? JSONText.emptyObject.bytes)
    row.bind(job.createdAt)
    row.bind(job.position.epoch)
    row.bind(job.timeout)
    row.bind(terms.order?.rawValue)
    row.bind(terms.maxAttempts)
    row.bind(terms.retry?.journalText)
    row.bind(terms.startWithin)
    row.bind(terms.totalTimeout)
    row.bind(terms.idempotencyKey)
    row.bind(terms.fingerprint)
    row.bind(terms.uniqueKey)
    row.bind(terms.contentKey)
    row.bind(terms.whenParentFails.rawValue)
    row.bind(job.group?.description)
    row.bind(terms.weight)
    try row.write()
  }

  /// Writes how a job stands with ``putJob``. A running job's offset is the last that was reserved for it.
  static func writeJob(of record: EmbeddedRecord, _ row: inout RowWriter) throws {
    let job = record.job
    row.bind(record.sequence)
    row.bind(job.queue.description)
    row.bind(job.state.letter)
    row.bind(job.priority.level)
    row.bind(record.base)
    row.bind(record.score.value)
    row.bind(job.attempt)
    row.bind(job.lostDeliveries)
    row.bind(Int64(bitPattern: record.token))
    row.bind(Int64(bitPattern: record.reservedOffset))
    row.bind((job.isCancelling ? isCancelling : 0) | (record.isRemoved ? isRemoved : 0))
    row.bind(record.logCount)
    row.bind(job.updatedAt)
    row.bind(record.waitsFrom)
    row.bind(job.startedAt)
    row.bind(job.finishedAt)
    row.bind(job.state.isTerminal ? record.ending : nil)
    row.bind(job.dueAt)
    row.bind(job.startBy)
    row.bind(job.endBy)
    row.bind(job.progress.percent.map { Int(($0 * 10).rounded()) })
    row.bind(job.progress.stage)
    row.bind(job.progress.message)
    row.bind(job.progress.details)
    row.bind(job.result)
    row.bind(job.failure?.code)
    row.bind(job.failure?.message)
    row.bind(record.cancellation?.code)
    row.bind(record.cancellation?.message)
    row.bind(
      record.parents.isEmpty ? nil : record.parents.map(\.description).joined(separator: " "))
    try row.write()
  }

  // MARK: Reading

  /// Every record, in the order of acceptance, with the payloads of those that have not ended.
  static func all(in database: Database) throws -> [EmbeddedRecord] {
    let feeds = try FeedRow.terms(in: database)
    let ended = JobState.allCases.filter(\.isTerminal).map { "'\($0.letter)'" }
    let others = requestColumns.filter { $0 != "sequence" && $0 != "payload" }
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT job.*, \(others.joined(separator: ", ")),
          CASE WHEN state IN (\(ended.joined(separator: ", "))) THEN NULL ELSE payload END AS payload
        FROM job JOIN request USING (sequence) ORDER BY sequence
        """)
    var records: [EmbeddedRecord] = []
    while let row = try rows.next() { records.append(try record(RowReader(row), feeds)) }
    return records
  }

  private static func record(_ row: RowReader, _ feeds: [Int64: FeedTerms]) throws -> EmbeddedRecord {
    let flags = try row.number("flags")
    let job = Job(
      id: try row.known("id") { JobID($0) }, queue: try row.known("queue") { QueueName($0) },
      kind: try row.known("kind") { JobKind($0) }, user: try row.text("user"),
      state: try row.known("state") { JobState(letter: $0) },
      priority: try row.wanted(Priority(Int(try row.number("priority"))), "priority"),
      attempt: Int(try row.number("attempt")), lostDeliveries: Int(try row.number("lost")),
      progress: Progress(
        percent: try row.number(ifAny: "permille").map { Double($0) / 10 },
        stage: try row.text(ifAny: "stage"), message: try row.text(ifAny: "message"),
        details: try row.json("details")),
      isCancelling: flags & isCancelling != 0, result: try row.json("result"),
      failure: try row.failure("failure"),
      createdAt: Timestamp(milliseconds: try row.number("created_at")),
      startedAt: try row.time("started_at"), finishedAt: try row.time("finished_at"),
      updatedAt: Timestamp(milliseconds: try row.number("updated_at")),
      timeout: try row.duration("timeout"), dueAt: try row.time("due"),
      startBy: try row.time("start_by"), endBy: try row.time("end_by"),
      group: try row.text(ifAny: "job_group").map { try row.wanted(GroupID($0), "job_group") },
      position: StreamPosition(
        offset: UInt64(bitPattern: try row.number("offset")), epoch: try row.text("epoch")),
      payload: try row.payload("payload"))
    if !job.state.isTerminal { _ = try row.wanted(job.payload, "payload") }
    var record = EmbeddedRecord(
      job: job, sequence: try row.number("sequence"),
      terms: try terms(row, feeds[try row.number("sequence")] ?? FeedTerms()),
      base: try row.number("base"), score: QueueScore(value: try row.number("score")),
      waitsFrom: Timestamp(milliseconds: try row.number("waits_from")))
    record.token = UInt64(bitPattern: try row.number("token"))
    record.parents =
      try row.text(ifAny: "parents")?.split(separator: " ")
      .map { try row.wanted(JobID($0), "parents") } ?? []
    record.job.pendingParents = record.parents.count
    record.cancellation = try row.failure("cancellation")
    record.isRemoved = flags & isRemoved != 0
    record.ending = try row.number(ifAny: "ending") ?? 0
    record.logCount = Int(try row.number("log_count"))
    return record
  }

  private static func terms(_ row: RowReader, _ feed: FeedTerms) throws -> JobTerms {
    let begin = Timestamp(milliseconds: try row.number("waits_from"))
    return JobTerms(
      order: try row.text(ifAny: "job_order").map { try row.wanted(QueueOrder(rawValue: $0), "job_order") },
      maxAttempts: try row.number(ifAny: "max_attempts").map(Int.init),
      retry: try row.text(ifAny: "retry").map { try row.wanted(RetryPolicy(journalText: $0), "retry") },
      // An older journal has only what the job asked for itself, and where its queue's limits led.
      startWithin: try row.duration("start_within") ?? row.time("start_by").map { $0 - begin },
      totalTimeout: try row.duration("total_timeout") ?? row.time("end_by").map { $0 - begin },
      idempotencyKey: try row.text(ifAny: "idempotency_key"), fingerprint: try row.text("fingerprint"),
      uniqueKey: try row.text(ifAny: "unique_key"), contentKey: try row.text(ifAny: "content_key"),
      whenParentFails: try row.known("parent_rule") { ParentFailureRule(rawValue: $0) },
      weight: Int(try row.number("weight")), feed: feed)
  }
}

/// A row, read by our types.
struct RowReader {
  private let row: Row

  init(_ row: Row) { self.row = row }

  func text(_ column: String) throws -> String { try row.decode(forColumn: column) }
  func text(ifAny column: String) throws -> String? { try row.decode(forColumn: column) }
  func number(_ column: String) throws -> Int64 { try row.decode(forColumn: column) }
  func number(ifAny column: String) throws -> Int64? { try row.decode(forColumn: column) }

  func time(_ column: String) throws -> Timestamp? {
    try number(ifAny: column).map(Timestamp.init(milliseconds:))
  }

  func duration(_ column: String) throws -> Duration? {
    try number(ifAny: column).map { .milliseconds($0) }
  }

  func json(_ column: String) throws -> JSONText? {
    try row.decode(Data?.self, forColumn: column).map { JSONText(unchecked: Array($0)) }
  }

  func payload(_ column: String) throws -> JobPayload? {
    try row.decode(Data?.self, forColumn: column).map { try wanted(JobPayload(Array($0)), column) }
  }

  func failure(_ prefix: String) throws -> JobFailure? {
    guard let code = try text(ifAny: "\(prefix)_code") else { return nil }
    return JobFailure(code: code, message: try text("\(prefix)_message"))
  }

  func known<Value>(_ column: String, _ read: (String) -> Value?) throws -> Value {
    try wanted(read(try text(column)), column)
  }

  func wanted<Value>(_ value: Value?, _ column: String) throws -> Value {
    guard let value else { throw UnreadableRow(column: column, row: row.description) }
    return value
  }
}

/// A row that no Fanfare wrote.
private struct UnreadableRow: Error, CustomStringConvertible {
  let column: String
  let row: String

  var description: String { "the column \(column) cannot be read in \(row)" }
}
