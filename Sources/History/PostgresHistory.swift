import Foundation
package import Jobs
import Synchronization

/// A history in PostgreSQL, in two tables that are made at the first write: `fanfare_job` and `fanfare_job_change`.
///
/// libpq waits for the server; so all of it happens on a thread of its own. A connection that broke is made anew with the
/// next write, which the feed repeats.
package actor PostgresHistory: HistoryStore {
  private let address: String
  private let executor = BlockingExecutor(label: "fanfare-history")
  private var connection: PostgresConnection?
  /// Of the connection, for who wants to end a call that hangs; and whether somebody does.
  private let underWay = Mutex<(socket: Int32?, isClosing: Bool)>((nil, false))

  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// `address` is what libpq takes: `postgres://user:password@host/database?sslmode=verify-full`.
  package init(_ address: String) { self.address = address }

  package func write(_ entries: [FeedEntry]) async throws(HistoryError) {
    var writer = JSONWriter(reserving: 512 * entries.count)
    writer.array { list in
      for entry in entries { list.object { HistoryRow(entry: entry).write(into: &$0) } }
    }
    do throws(HistoryError) {
      try connected().run(Self.put, writer.text.description)
    } catch {
      if case .refused = error { throw error }
      drop()
      throw error
    }
  }

  package nonisolated func close() async {
    underWay.withLock { underWay in
      underWay.isClosing = true
      if let socket = underWay.socket { shutdown(socket, CInt(SHUT_RDWR)) }
    }
    await drop()
  }

  private func drop() {
    underWay.withLock { $0.socket = nil }
    connection = nil
  }

  private func connected() throws(HistoryError) -> PostgresConnection {
    if let connection { return connection }
    let connection = try PostgresConnection(address)
    try Self.makeTables(connection)
    let isClosing = underWay.withLock { underWay in
      underWay.socket = connection.socket
      return underWay.isClosing
    }
    if isClosing { throw .unavailable(reason: "it is being closed") }
    self.connection = connection
    return connection
  }

  /// Makes what is missing; several gateways may come at once.
  private static func makeTables(_ connection: PostgresConnection) throws(HistoryError) {
    let known = try connection.run(
      "SELECT obj_description(to_regclass('fanfare_job'), 'pg_class')")
    if let version = known.flatMap({ Int($0.drop { !$0.isNumber }) }) {
      guard version <= HistorySchema.version else { throw .tooNew(version: version) }
      return
    }
    try connection.execute(schema)
  }

  private static let schema = """
    BEGIN;
    SELECT pg_advisory_xact_lock(\(0x46616e66617265));
    CREATE TABLE IF NOT EXISTS fanfare_job (
      id uuid PRIMARY KEY, queue text NOT NULL, kind text NOT NULL, owner text NOT NULL, state text NOT NULL,
      priority integer NOT NULL, attempt integer NOT NULL, max_attempts integer NOT NULL, lost integer NOT NULL,
      job_group text, created_at timestamptz NOT NULL, started_at timestamptz, finished_at timestamptz,
      updated_at timestamptz NOT NULL, failure_code text, failure_message text, result json, number bigint NOT NULL
    );
    CREATE INDEX IF NOT EXISTS fanfare_job_created_at ON fanfare_job (created_at);
    CREATE TABLE IF NOT EXISTS fanfare_job_change (
      job uuid NOT NULL, number bigint NOT NULL, at timestamptz NOT NULL, state text NOT NULL, previous_state text,
      attempt integer NOT NULL, reason text, failure_code text, failure_message text,
      PRIMARY KEY (job, number, at)
    );
    CREATE INDEX IF NOT EXISTS fanfare_job_change_at ON fanfare_job_change (at);
    COMMENT ON TABLE fanfare_job IS 'Fanfare: the history of jobs, format \(HistorySchema.version)';
    COMMIT;
    """

  private static func moment(_ column: String) -> String { "to_timestamp(\(column) / 1000.0)" }

  /// Both tables in one statement, and so in one step.
  private static let put = """
    WITH entry AS (
      SELECT * FROM json_to_recordset($1::json) AS entry (
        job uuid, queue text, kind text, owner text, state text, previous_state text, reason text, priority integer,
        attempt integer, max_attempts integer, lost integer, job_group text, created_at bigint, started_at bigint,
        finished_at bigint, updated_at bigint, failure_code text, failure_message text, result text, number bigint)
    ), change AS (
      INSERT INTO fanfare_job_change
      (job, number, at, state, previous_state, attempt, reason, failure_code, failure_message)
      SELECT job, number, \(moment("updated_at")), state, previous_state, attempt, reason, failure_code,
        failure_message
      FROM entry ON CONFLICT DO NOTHING
    )
    INSERT INTO fanfare_job AS known
    (id, queue, kind, owner, state, priority, attempt, max_attempts, lost, job_group, created_at, started_at,
      finished_at, updated_at, failure_code, failure_message, result, number)
    SELECT DISTINCT ON (job) job, queue, kind, owner, state, priority, attempt, max_attempts, lost, job_group,
      \(moment("created_at")), \(moment("started_at")), \(moment("finished_at")), \(moment("updated_at")),
      failure_code, failure_message, result::json, number
    FROM entry ORDER BY job, updated_at DESC, number DESC
    ON CONFLICT (id) DO UPDATE SET
      queue = excluded.queue, kind = excluded.kind, owner = excluded.owner, state = excluded.state,
      priority = excluded.priority, attempt = excluded.attempt, max_attempts = excluded.max_attempts,
      lost = excluded.lost, job_group = excluded.job_group, created_at = excluded.created_at,
      started_at = excluded.started_at, finished_at = excluded.finished_at, updated_at = excluded.updated_at,
      failure_code = excluded.failure_code, failure_message = excluded.failure_message, result = excluded.result,
      number = excluded.number
    WHERE (excluded.updated_at, excluded.number) >= (known.updated_at, known.number)
    """
}
