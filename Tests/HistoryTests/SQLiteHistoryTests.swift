import EventLoop
import Foundation
import GRDB
import History
import Jobs
import Support
import Testing

@Suite("A history in SQLite", .timeLimit(.minutes(1)))
struct SQLiteHistoryTests {
  private let folder = TemporaryFolder()
  private var path: String { folder.path("history.sqlite") }

  private func rows(_ sql: String) async throws -> [Row] {
    let queue = try DatabaseQueue(path: path)
    let rows = try queue.read { try Row.fetchAll($0, sql: sql) }
    try queue.close()
    return rows
  }

  /// It says that it cannot be written now.
  private func expectUnavailable(_ history: SQLiteHistory, _ entries: [FeedEntry]) async {
    await #expect {
      try await history.write(entries)
    } throws: { error in
      if case .unavailable? = error as? HistoryError { true } else { false }
    }
  }

  @Test("has a row for each job as it stood last, and one for each change")
  func rows() async throws {
    let entries = try await exampleEntries()
    let history = SQLiteHistory(path: path)
    try await history.write(entries)
    let jobs = try await rows("SELECT * FROM job ORDER BY state")
    #expect(jobs.count == 3)
    #expect(jobs.map { $0["state"] as String } == ["completed", "failed", "scheduled"])
    let ids = entries.reduce(into: [String]()) { ids, entry in
      if ids.last != entry.job.id.description, !ids.contains(entry.job.id.description) {
        ids.append(entry.job.id.description)
      }
    }
    #expect(Set(jobs.map { $0["id"] as String }) == Set(ids))
    #expect(jobs[0]["result"] as String? == #"{"é":"\u0000","n":[1,2]}"#)
    #expect(jobs[1]["failure_code"] as String? == "exit_status")
    #expect(jobs[1]["failure_message"] as String? == "It said  and ended.", "without what no database takes")
    #expect(jobs.map { $0["owner"] as String } == Array(repeating: "alice o'\"x\\", count: 3))
    #expect(jobs[2]["finished_at"] as Int64? == nil && jobs[0]["started_at"] as Int64? != nil)
    let changes = try await rows("SELECT * FROM job_change ORDER BY job, number")
    #expect(changes.count == entries.count)
    #expect(Set(changes.map { $0["previous_state"] as String? }) == [nil, "queued", "running"])
    await history.close()
  }

  @Test("changes nothing where an entry comes again, and sets no job back")
  func repeats() async throws {
    let entries = try await exampleEntries()
    var history = SQLiteHistory(path: path)
    try await history.write(entries)
    let jobs = try await rows("SELECT * FROM job ORDER BY id")
    let changes = try await rows("SELECT * FROM job_change ORDER BY job, number")
    try await history.write(Array(entries.prefix(2)))
    await history.close()
    history = SQLiteHistory(path: path)
    try await history.write(entries)
    #expect(try await rows("SELECT * FROM job ORDER BY id") == jobs)
    #expect(try await rows("SELECT * FROM job_change ORDER BY job, number") == changes)
    await history.close()
  }

  @Test("says that it cannot be written now, and can be later")
  func away() async throws {
    let entries = try await exampleEntries()
    let history = SQLiteHistory(path: folder.path("later/history.sqlite"))
    await expectUnavailable(history, entries)
    try FileManager.default.createDirectory(atPath: folder.path("later"), withIntermediateDirectories: true)
    try await history.write(entries)
    await history.close()
  }

  @Test("leaves tables of others alone, and waits until they are gone")
  func otherShape() async throws {
    let entries = try await exampleEntries()
    let other = try DatabaseQueue(path: path)
    try await other.write { try $0.execute(sql: "CREATE TABLE job (name TEXT); INSERT INTO job VALUES ('mine')") }
    let history = SQLiteHistory(path: path)
    await expectUnavailable(history, entries)
    #expect(try await rows("SELECT name FROM job").count == 1)
    try await other.write { try $0.execute(sql: "DROP TABLE job") }
    try await history.write(entries)
    try await other.write { try $0.execute(sql: "ALTER TABLE job RENAME COLUMN owner TO customer") }
    await expectUnavailable(history, entries)
    try await other.write { try $0.execute(sql: "ALTER TABLE job RENAME COLUMN customer TO owner") }
    try await history.write(entries)
    #expect(try await rows("SELECT * FROM job_change").count == entries.count)
    try other.close()
    await history.close()
  }

  @Test("passes over what a constraint refuses, and writes what is behind it")
  func refused() async throws {
    let entries = try await exampleEntries()
    let history = SQLiteHistory(path: path)
    try await history.write(Array(entries.prefix(1)))
    let other = try DatabaseQueue(path: path)
    try await other.write {
      try $0.execute(
        sql: """
          CREATE TRIGGER picky BEFORE INSERT ON job_change WHEN NEW.state = 'running'
          BEGIN SELECT RAISE(ABORT, 'not those'); END
          """)
    }
    let running = entries.count { $0.job.state == .running }
    #expect(running > 0)
    try await HistoryWriter(to: history, logger: .silent).write(entries)
    #expect(try await rows("SELECT * FROM job_change").count == entries.count - running)
    #expect(try await rows("SELECT * FROM job WHERE state = 'completed'").count == 1)
    try other.close()
    await history.close()
  }

  @Test("is left alone where a newer Fanfare made it")
  func tooNew() async throws {
    let queue = try DatabaseQueue(path: path)
    try await queue.write { try $0.execute(sql: "PRAGMA user_version = 99") }
    try queue.close()
    await #expect(throws: HistoryError.tooNew(version: 99)) {
      try await SQLiteHistory(path: path).write(exampleEntries())
    }
  }
}

@Suite("A history's address")
struct HistoryAddressTests {
  @Test("is a file's with its whole path, or what libpq reads")
  func forms() {
    #expect(HistoryAddress("sqlite:///var/a.sqlite") == .sqlite(path: "/var/a.sqlite"))
    #expect(HistoryAddress("postgres://u:p@h/d") == .postgres("postgres://u:p@h/d"))
    #expect(HistoryAddress("postgresql:///d?host=/run") == .postgres("postgresql:///d?host=/run"))
    for text in ["", "sqlite://a.sqlite", "sqlite:///", "mysql://h/d", "/var/a.sqlite"] {
      #expect(HistoryAddress(text) == nil, "\(text)")
    }
  }
}
