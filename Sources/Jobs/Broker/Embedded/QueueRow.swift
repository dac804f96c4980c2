import GRDB

extension EmbeddedQueue {
  /// Every queue, by name.
  static func all(in database: Database) throws -> [EmbeddedQueue] {
    try Row.fetchAll(database, sql: "SELECT * FROM queue").map { row in
      let row = RowReader(row)
      var queue = EmbeddedQueue(
        name: try row.known("name", QueueName.init),
        at: Timestamp(milliseconds: try row.number("created_at")))
      queue.settings = try row.known("settings", QueueSettings.init(journalText:))
      queue.version = Int(try row.number("version"))
      queue.mode = try row.known("mode", QueueMode.init(letter:))
      queue.modeSince = Timestamp(milliseconds: try row.number("mode_since"))
      queue.updatedAt = Timestamp(milliseconds: try row.number("updated_at"))
      queue.virtualTime = try row.number("virtual_time")
      return queue
    }
  }
}

extension ScheduleStatus {
  static func all(in database: Database) throws -> [ScheduleStatus] {
    try Row.fetchAll(database, sql: "SELECT * FROM schedule").map { row in
      try RowReader(row).known("status") { ScheduleStatus(journalText: $0) }
    }
  }
}

extension QueueBook {
  /// What every queue did, in all and since the minute `first`.
  static func all(in database: Database, since first: Int64) throws -> QueueBook {
    var records: [QueueName: Record] = [:]
    for row in try Row.fetchAll(database, sql: "SELECT * FROM tally") {
      let row = RowReader(row)
      var record = Record()
      record.totals.accepted = Int(try row.number("accepted"))
      record.totals.completed = Int(try row.number("completed"))
      record.totals.failed = Int(try row.number("failed"))
      record.totals.cancelled = Int(try row.number("cancelled"))
      record.totals.retried = Int(try row.number("retried"))
      record.totals.lost = Int(try row.number("lost"))
      record.lastFinishedAt = try row.time("last_finished_at")
      record.lastFailedAt = try row.time("last_failed_at")
      record.lastFailure = try row.text(ifAny: "last_failure")
      records[try row.known("queue", QueueName.init)] = record
    }
    let rows = try Row.fetchAll(
      database, sql: "SELECT * FROM minute WHERE minute > ?", arguments: [first])
    for row in rows {
      let row = RowReader(row)
      var counts = QueueStatistics(minutes: 1)
      counts.accepted = Int(try row.number("accepted"))
      counts.completed = Int(try row.number("completed"))
      counts.failed = Int(try row.number("failed"))
      counts.cancelled = Int(try row.number("cancelled"))
      counts.retried = Int(try row.number("retried"))
      counts.wait = DurationHistogram(journalText: try row.text("wait"))
      counts.run = DurationHistogram(journalText: try row.text("run"))
      let queue = try row.known("queue", QueueName.init)
      records[queue, default: Record()].minutes[try row.number("minute")] = counts
    }
    return QueueBook(records)
  }
}

extension QueueBook.Record {
  func write(of queue: QueueName, to database: Database) throws {
    try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO tally VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      queue.description, totals.accepted, totals.completed, totals.failed, totals.cancelled,
      totals.retried, totals.lost, lastFinishedAt?.milliseconds, lastFailedAt?.milliseconds,
      lastFailure,
    ])
    for (minute, counts) in minutes {
      try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO minute VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
      ).execute(arguments: [
        queue.description, minute, counts.accepted, counts.completed, counts.failed,
        counts.cancelled, counts.retried, counts.wait.journalText, counts.run.journalText,
      ])
    }
  }
}

extension DurationHistogram {
  /// `bucket:count`, parted by spaces.
  var journalText: String {
    counts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: " ")
  }

  init(journalText: String) {
    self.init()
    for pair in journalText.split(separator: " ") {
      let parts = pair.split(separator: ":").compactMap { Int($0) }
      if parts.count == 2 { count(bucket: parts[0], times: parts[1]) }
    }
  }
}
