import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import History

@Suite("A history in PostgreSQL", .serialized, .timeLimit(.minutes(2)))
struct PostgresHistoryTests {
  /// One value, asked by a connection of its own.
  private func value(_ sql: String, of server: PostgresServer) throws -> String? {
    try PostgresConnection(server.address).run(sql)
  }

  @Test("has a row for each job as it stood last and one for each change, however often they come")
  func rows() async throws {
    let server = try await PostgresServer.start()
    let entries = try await exampleEntries()
    let history = PostgresHistory(server.address)
    for _ in 0..<2 {
      try await history.write(entries)
      try await history.write(Array(entries.prefix(2)))
      #expect(try value("SELECT count(*) FROM fanfare_job", of: server) == "3")
      #expect(try value("SELECT count(*) FROM fanfare_job_change", of: server) == "\(entries.count)")
      #expect(
        try value("SELECT string_agg(state, ' ' ORDER BY state) FROM fanfare_job", of: server)
          == "completed failed scheduled")
    }
    #expect(
      try value("SELECT result::text FROM fanfare_job WHERE result IS NOT NULL", of: server)
        == #"{"é":"\u0000","n":[1,2]}"#)
    #expect(try value("SELECT DISTINCT owner FROM fanfare_job", of: server) == "alice o'\"x\\")
    #expect(
      try value("SELECT failure_message FROM fanfare_job WHERE state = 'failed'", of: server) == "It said  and ended.")
    let milliseconds = try value(
      "SELECT (extract(epoch FROM finished_at) * 1000)::bigint FROM fanfare_job WHERE state = 'completed'", of: server)
    let end = try #require(entries.first { $0.job.state == .completed }).job.finishedAt
    #expect(milliseconds == end.map { "\($0.milliseconds)" })
    await history.close()
    await server.kill()
  }

  /// Whether it says that it cannot be written now.
  private func expectUnavailable(_ history: PostgresHistory, _ entries: [FeedEntry]) async {
    await #expect {
      try await history.write(entries)
    } throws: { error in
      if case .unavailable? = error as? HistoryError { true } else { false }
    }
  }

  @Test("is unavailable while the server is away or its tables are others, and written by the same store after")
  func away() async throws {
    let server = try await PostgresServer.start()
    let entries = try await exampleEntries()
    let history = PostgresHistory(server.address)
    try await history.write(Array(entries.prefix(2)))
    await server.kill()
    for _ in 0..<2 { await expectUnavailable(history, entries) }
    try await server.restart()
    try await history.write(entries)
    #expect(try value("SELECT count(*) FROM fanfare_job_change", of: server) == "\(entries.count)")

    for (change, back) in [
      ("RENAME COLUMN owner TO customer", "RENAME COLUMN customer TO owner"),
      ("ALTER priority TYPE boolean USING true", "ALTER priority TYPE integer USING 5"),
    ] {
      _ = try value("DELETE FROM fanfare_job", of: server)
      _ = try value("ALTER TABLE fanfare_job \(change)", of: server)
      await expectUnavailable(history, entries)
      _ = try value("ALTER TABLE fanfare_job \(back)", of: server)
      try await history.write(entries)
      #expect(try value("SELECT count(*) FROM fanfare_job", of: server) == "3")
    }
    await history.close()
    await server.kill()
  }

  @Test("passes over what a constraint forbids, and leaves alone what a newer Fanfare made")
  func refusals() async throws {
    let server = try await PostgresServer.start()
    let entries = try await exampleEntries()
    let history = PostgresHistory(server.address)
    try await history.write(Array(entries.prefix(1)))
    _ = try value("ALTER TABLE fanfare_job_change ADD CHECK (state <> 'running')", of: server)
    let log = LogRecorder(from: .error)
    try await HistoryWriter(to: history, logger: Logger(label: "test") { _ in log }).write(entries)
    let running = entries.count { $0.job.state == .running }
    #expect(log.events.count == running)
    let said = log.events.map { "\($0.metadata ?? [:])" }.joined()
    #expect(said.contains("fanfare_job_change_state_check") && !said.contains("Failing row"), "\(said)")
    #expect(running > 0)
    #expect(try value("SELECT count(*) FROM fanfare_job_change", of: server) == "\(entries.count - running)")
    #expect(try value("SELECT count(*) FROM fanfare_job WHERE state = 'completed'", of: server) == "1")
    await history.close()

    _ = try value("COMMENT ON TABLE fanfare_job IS 'Fanfare: the history of jobs, format 99'", of: server)
    await #expect(throws: HistoryError.tooNew(version: 99)) {
      try await PostgresHistory(server.address).write(entries)
    }
    await server.kill()
  }
}
