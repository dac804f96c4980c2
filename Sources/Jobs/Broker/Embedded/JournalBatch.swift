import Foundation
import GRDB

/// Changes that become durable together.
struct JournalBatch: Sendable {
  /// Records as they now stand; those that are new come with their payload in `accepted`.
  var records: [EmbeddedRecord] = []
  var accepted: Set<JobID> = []
  /// Forgotten jobs.
  var removed: [JobID] = []
  var logs: [LogAppend] = []
  var spendings: [String: RequestWindows.Spending?] = [:]

  /// Lines that follow the `first` − 1 that were logged before.
  struct LogAppend: Sendable {
    var job: JobID
    var first: Int
    var lines: [String]

    /// How many lines of a job are kept.
    static let limit = 200
  }

  var isEmpty: Bool {
    records.isEmpty && removed.isEmpty && logs.isEmpty && spendings.isEmpty
  }

  func write(to database: Database) throws {
    let put = try database.cachedStatement(sql: JournalSchema.putJob)
    let putPayload = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO payload (job, bytes) VALUES (?, ?)")
    for record in records {
      try put.execute(arguments: StatementArguments(record.columns))
      if accepted.contains(record.job.id), let payload = record.job.payload {
        try putPayload.execute(
          arguments: [record.job.id.description, Data(payload.bytes)])
      }
    }
    try writeLogs(to: database)
    for id in removed {
      for table in ["job WHERE id", "payload WHERE job", "log WHERE job"] {
        try database.cachedStatement(sql: "DELETE FROM \(table) = ?")
          .execute(arguments: [id.description])
      }
    }
    try writeSpendings(to: database)
  }

  private func writeLogs(to database: Database) throws {
    guard !logs.isEmpty else { return }
    let append = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO log (job, number, line) VALUES (?, ?, ?)")
    let trim = try database.cachedStatement(sql: "DELETE FROM log WHERE job = ? AND number <= ?")
    for log in logs {
      let id = log.job.description
      for (index, line) in log.lines.enumerated() {
        try append.execute(arguments: [id, log.first + index, line])
      }
      let last = log.first + log.lines.count - 1
      try trim.execute(arguments: [id, last - LogAppend.limit])
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
