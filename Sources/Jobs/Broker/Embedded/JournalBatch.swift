import Foundation
import GRDB

/// Changes that become durable together.
struct JournalBatch: Sendable {
  /// Records as they now stand, and those of them that are new.
  var records: [EmbeddedTable.Entry] = []
  var accepted: [EmbeddedTable.Entry] = []
  /// The numbers of forgotten jobs.
  var removed: [Int64] = []
  var logs: [LogAppend] = []
  var spendings: [String: RequestWindows.Spending?] = [:]
  var queues: [EmbeddedQueue] = []
  var removedQueues: [QueueName] = []
  /// Queues of which is forgotten what they did, before `tallies` are written.
  var forgottenRecords: [QueueName] = []
  /// Schedules as they now stand; nil: forgotten.
  var schedules: [(ScheduleName, ScheduleStatus?)] = []
  /// Groups as they now stand, and as the journal has them; nil: not there.
  var groups: [GroupChange] = []
  /// Revocations as they now stand; nil: forgotten.
  var revocations: [(Revocation.Subject, Revocation?)] = []
  /// What queues did, in all and in the minutes that changed.
  var tallies: [(QueueName, QueueBook.Record)] = []
  var feed = FeedChange()

  /// Lines that follow the `first` − 1 that were logged before.
  struct LogAppend: Sendable {
    /// The job's number.
    var job: Int64
    var first: Int
    var lines: [String]

    /// How many lines of a job are kept.
    static let limit = 200
  }

  struct GroupChange: Sendable {
    var id: GroupID
    var group: EmbeddedGroup?
    var before: EmbeddedGroup?
  }

  var isEmpty: Bool {
    records.isEmpty && removed.isEmpty && logs.isEmpty && spendings.isEmpty && queues.isEmpty
      && removedQueues.isEmpty && forgottenRecords.isEmpty && tallies.isEmpty
      && schedules.isEmpty && groups.isEmpty && revocations.isEmpty && feed.isEmpty
  }

  func write(to database: Database) throws {
    try writeJobs(to: database)
    try writeLogs(to: database)
    try forgetJobs(in: database)
    try writeQueues(to: database)
    try writeTallies(to: database)
    try writeSchedules(to: database)
    for change in groups { try change.write(to: database) }
    try writeSpendings(to: database)
    for (subject, revocation) in revocations { try revocation.write(of: subject, to: database) }
    try feed.write(to: database)
  }

  private func writeJobs(to database: Database) throws {
    // In the order of acceptance: pages are filled one after the other.
    let accepted = accepted.sorted { $0.record.sequence < $1.record.sequence }
    let records = records.sorted { $0.record.sequence < $1.record.sequence }
    if !accepted.isEmpty {
      var row = try RowWriter(JobRow.putRequest, in: database)
      for entry in accepted { try JobRow.writeRequest(of: entry.record, &row) }
    }
    if !records.isEmpty {
      var row = try RowWriter(JobRow.putJob, in: database)
      for entry in records { try JobRow.writeJob(of: entry.record, &row) }
    }
  }

  private func forgetJobs(in database: Database) throws {
    guard !removed.isEmpty else { return }
    for table in ["job WHERE sequence", "request WHERE sequence", "log WHERE job"] {
      var row = try RowWriter("DELETE FROM \(table) = ?", in: database)
      for sequence in removed {
        row.bind(sequence)
        try row.write()
      }
    }
  }

  private func writeLogs(to database: Database) throws {
    guard !logs.isEmpty else { return }
    let append = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO log (job, number, line) VALUES (?, ?, ?)")
    let trim = try database.cachedStatement(sql: "DELETE FROM log WHERE job = ? AND number <= ?")
    for log in logs {
      for (index, line) in log.lines.enumerated() {
        try append.execute(arguments: [log.job, log.first + index, line])
      }
      let last = log.first + log.lines.count - 1
      try trim.execute(arguments: [log.job, last - LogAppend.limit])
    }
  }

  private func writeQueues(to database: Database) throws {
    for queue in queues {
      try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO queue
          (name, settings, version, mode, mode_since, created_at, updated_at, virtual_time)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        queue.name.description, queue.settings.journalText, queue.version, queue.mode.letter,
        queue.modeSince.milliseconds, queue.createdAt.milliseconds, queue.updatedAt.milliseconds,
        queue.virtualTime,
      ])
    }
    for name in removedQueues {
      try database.cachedStatement(sql: "DELETE FROM queue WHERE name = ?")
        .execute(arguments: [name.description])
    }
  }

  private func writeTallies(to database: Database) throws {
    for queue in forgottenRecords {
      for table in ["tally", "minute"] {
        try database.cachedStatement(sql: "DELETE FROM \(table) WHERE queue = ?")
          .execute(arguments: [queue.description])
      }
    }
    for (queue, record) in tallies { try record.write(of: queue, to: database) }
  }

  private func writeSchedules(to database: Database) throws {
    for (name, schedule) in schedules {
      guard let schedule else {
        try database.cachedStatement(sql: "DELETE FROM schedule WHERE name = ?")
          .execute(arguments: [name.description])
        continue
      }
      try database.cachedStatement(sql: "INSERT OR REPLACE INTO schedule (name, status) VALUES (?, ?)")
        .execute(arguments: [name.description, schedule.journalText])
    }
  }

  private func writeSpendings(to database: Database) throws {
    guard !spendings.isEmpty else { return }
    let put = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO spending (user, moments, is_over) VALUES (?, ?, ?)")
    let forget = try database.cachedStatement(sql: "DELETE FROM spending WHERE user = ?")
    for (user, spending) in spendings {
      guard let spending else {
        try forget.execute(arguments: [user])
        continue
      }
      let moments = spending.moments.map { "\($0.milliseconds)" }.joined(separator: " ")
      try put.execute(arguments: [user, moments, spending.isOver.milliseconds])
    }
  }
}

extension RequestWindows.Spending {
  /// What every user has spent.
  static func all(in database: Database) throws -> [String: RequestWindows.Spending] {
    let rows = try Row.fetchAll(database, sql: "SELECT user, moments, is_over FROM spending")
    return try rows.reduce(into: [:]) { spendings, row in
      let moments: String = try row.decode(forColumn: "moments")
      let isOver: Int64 = try row.decode(forColumn: "is_over")
      spendings[try row.decode(String.self, forColumn: "user")] = RequestWindows.Spending(
        moments: moments.split(separator: " ").compactMap { Int64($0) }
          .map(Timestamp.init(milliseconds:)),
        isOver: Timestamp(milliseconds: isOver))
    }
  }
}
