import Foundation
import GRDB
import Jobs
import Support
import Testing

@Suite("A journal of an older version", .timeLimit(.minutes(1)))
struct JournalMigrationTests {
  private let place = BrokerFolder()
  private static let ids = (0..<6).map { "01970000-0000-8000-8000-00000000000\($0)" }
  private static let accepted: Int64 = 1_749_999_000_000

  @Test("is taken up whole from version 1, and written on in the form of today")
  func migration() async throws {
    try writeVersion1()
    for _ in 0..<2 {
      let broker = try await place.open()
      try await check(broker)
      await broker.close()
    }
    try await checkForm()

    let broker = try await place.open()
    let id = try #require(JobID(Self.ids[3]))
    #expect(try await broker.retry(id).state == .queued, "with the payload it came with")
    let taken = try await broker.lease(from: [.mail], limit: 9, for: .seconds(30), by: .a)
    #expect(taken.map { $0.lease.job.description } == [0, 1, 3].map { Self.ids[$0] })
    #expect(taken[2].payload.description == #"{"n":3}"#)
    await broker.close()
  }

  @Test("is taken up whole from version 2, which had neither schedules nor groups")
  func migrationFromVersion2() async throws {
    var broker = try await place.open()
    try await broker.change { $0.concurrency = 3 }
    let parent = try await broker.accept(.example(key: "k"))
    // Version 2 had the column, and refused every job that named a group.
    let child = try await broker.accept(.child(of: [parent.id]))
    let completed = try await broker.accept(.example(queue: .video))
    let lease = try #require(try await broker.next(from: .video)).lease
    _ = try await broker.log(["one"], under: lease)
    try await broker.end(lease, .complete(JSONText(unchecked: Array("[1]".utf8))))
    let before = try await broker.allJobs(matching: JobFilter())
    let queues = try await broker.queues()
    await broker.close()
    try await makeVersion2()

    for _ in 0..<2 {
      broker = try await place.open()
      #expect(try await broker.allJobs(matching: JobFilter()) == before)
      #expect(try await broker.queues() == queues)
      #expect(try await broker.logLines(of: completed.id) == ["one"])
      #expect(try await broker.schedules().isEmpty)
      await broker.close()
    }
    try await checkForm()
    broker = try await place.open()
    let group = try await broker.create(GroupRequest(user: "alice", callback: .example(queue: .default))).id
    let member = try await broker.accept(.example(priority: .high) { $0.group = group })
    #expect(try await broker.work() == member.id)
    #expect(try await broker.close(group).state == .finished)
    #expect(try await broker.work() == parent.id)
    #expect(try await broker.find(child.id).state == .queued)
    await broker.close()
  }

  @Test("is taken up whole from version 3, which did not know since when a queue was paused")
  func migrationFromVersion3() async throws {
    var broker = try await place.open()
    try await broker.change { $0.concurrency = 3 }
    try await broker.accept()
    place.clock.advance(by: .seconds(60))
    _ = try await broker.setMode(of: .mail, to: .paused)
    place.clock.advance(by: .seconds(60))
    try await broker.change { $0.concurrency = 4 }
    let before = try await broker.find()
    await broker.close()
    let queue = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try await queue.write { database in
      try database.execute(sql: "DROP TABLE revocation; \(Self.dropFeed)")
      try Self.takeBackQueues(in: database)
      try database.execute(sql: "PRAGMA user_version = 3")
    }
    try queue.close()
    for _ in 0..<2 {
      broker = try await place.open()
      var wanted = before
      wanted.modeSince = before.updatedAt
      #expect(try await broker.find() == wanted)
      await broker.close()
    }
    try await checkForm()
  }

  @Test("is taken up whole from version 4, which knew no revocations")
  func migrationFromVersion4() async throws {
    var broker = try await place.open()
    let job = try await broker.accept()
    await broker.close()
    let queue = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try await queue.write { database in
      try database.execute(sql: "DROP TABLE revocation; \(Self.dropFeed); PRAGMA user_version = 4")
    }
    try queue.close()
    broker = try await place.open()
    #expect(try await broker.job(job.id) == job)
    let revocation = try await broker.revoke(.user("alice"), for: .seconds(600)).revocation
    await broker.close()
    broker = try await place.open()
    #expect(try await broker.allRevocations() == [revocation], "it survives a restart")
    await broker.close()
    try await checkForm()
  }

  @Test("is taken up whole from version 5, which had no feed")
  func migrationFromVersion5() async throws {
    var broker = try await place.open()
    let job = try await broker.accept()
    await broker.close()
    let queue = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try await queue.write { try $0.execute(sql: "\(Self.dropFeed); PRAGMA user_version = 5") }
    try queue.close()
    broker = try await place.open()
    #expect(try await broker.job(job.id) == job)
    try await broker.register(.bills, bound: 10)
    let followed = try await broker.accept(.example { $0.isRecorded = true })
    #expect(try await broker.entries().map(\.job.id) == [followed.id])
    await broker.close()
    try await checkForm()
  }

  private static let dropFeed = "DROP TABLE feed; DROP TABLE feed_consumer; DROP TABLE followed"

  /// Whether the file has the form that a new one has.
  private func checkForm() async throws {
    let other = try await place.open(place.folder.path("new"))
    await other.close()
    func form(_ path: String) async throws -> (Int?, Set<String>) {
      let queue = try DatabaseQueue(path: "\(path)/journal.sqlite")
      let form = try await queue.read { database in
        (
          try Int.fetchOne(database, sql: "PRAGMA user_version"),
          try String.fetchSet(database, sql: "SELECT coalesce(sql, name) FROM sqlite_master")
        )
      }
      try queue.close()
      return form
    }
    let found = try await form(place.path)
    let wanted = try await form(place.folder.path("new"))
    #expect(found.0 == 6 && wanted.0 == 6)
    #expect(found.1 == wanted.1)
  }

  /// Makes the closed file what version 2 left: the same tables but for schedules and groups.
  private func makeVersion2() async throws {
    let queue = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try await queue.write { database in
      for table in ["schedule", "job_group", "group_callback", "revocation"] {
        try database.execute(sql: "DROP TABLE \(table)")
      }
      try database.execute(sql: Self.dropFeed)
      try Self.takeBackQueues(in: database)
      try database.execute(sql: "PRAGMA user_version = 2")
      let tables = try String.fetchAll(database, sql: "SELECT sql FROM sqlite_master WHERE sql NOT NULL")
      let wanted = Self.version2.split(separator: ";").map { Self.words(String($0)) }.filter { !$0.isEmpty }
      #expect(Set(tables.map { Self.words($0) }) == Set(wanted), "as version 2 made them")
    }
    try queue.close()
  }

  /// Gives queues the form that they had until version 3.
  private static func takeBackQueues(in database: Database) throws {
    try database.execute(
      sql: """
        ALTER TABLE queue RENAME TO queue_4;
        \(queueUntil3);
        INSERT INTO queue
        SELECT name, settings, version, mode, created_at, updated_at, virtual_time FROM queue_4;
        DROP TABLE queue_4;
        """)
  }

  /// A statement, whatever its lines and spaces.
  private static func words(_ sql: String) -> [Substring] { sql.split { $0.isWhitespace } }

  private func check(_ broker: EmbeddedBroker) async throws {
    var jobs: [Job] = []
    for id in Self.ids.compactMap({ JobID($0) }) { jobs.append(try await broker.find(id)) }
    try #require(jobs.count == 6)
    #expect(jobs.map(\.state) == [.queued, .queued, .retrying, .completed, .failed, .cancelled])
    #expect(jobs.map(\.queuePosition) == [1, 2, nil, nil, nil, nil], "what ran is at the front again")
    #expect(jobs[1].position.offset == 1 && jobs[1].position.epoch == "0badcafe")
    #expect(jobs[0].lostDeliveries == 1 && jobs[0].attempt == 0)
    #expect(jobs.map { $0.payload?.description } == (0..<6).map { #"{"n":\#($0)}"# })
    #expect(jobs.allSatisfy { $0.maxAttempts == 5 && $0.kind == .example && $0.user == "alice" })
    #expect(jobs.map(\.createdAt.milliseconds) == (0..<6).map { Self.accepted + $0 })
    #expect(jobs[2].dueAt?.milliseconds == 1_750_000_060_000)
    #expect(jobs[2].failure == .example)
    #expect(jobs[3].result?.description == "[true]")
    #expect(jobs[3].progress == Progress(percent: 100, stage: "last", message: "done"))
    #expect(jobs[4].failure == .example)
    #expect(try await broker.logLines(of: jobs[3].id) == ["one", "two"])
    #expect(try await broker.enqueue(.example(maxAttempts: 5, key: "k")).job.id == jobs[1].id)

    let queue = try #require(try await broker.queue(.mail))
    #expect(queue.version == 0 && queue.mode == .active && queue.settings == QueueSettings())
    #expect(
      queue.counts
        == [.queued: 2, .retrying: 1, .completed: 1, .failed: 1, .cancelled: 1])
    #expect(queue.totals.accepted == 6 && queue.totals.failed == 1)
    let refused = try await broker.spendRequest(of: "alice", limit: 1, window: .seconds(60))
    #expect(!refused.isAdmitted)
  }

  /// One job in each state that version 1 knew, as it wrote them.
  private func writeVersion1() throws {
    try FileManager.default.createDirectory(
      atPath: place.path, withIntermediateDirectories: true)
    let queue = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try queue.write { database in
      try database.execute(sql: Self.version1)
      let sequence = (Self.accepted - 1_735_689_600_000) * 1000
      let fingerprint = JobRequest.example(maxAttempts: 5).fingerprint
      for (number, state) in ["a", "w", "y", "c", "f", "x"].enumerated() {
        let id = Self.ids[number]
        let isEnded = number > 2
        try database.execute(
          sql: """
            INSERT INTO job VALUES (?, ?, 'mail', 'example', 'alice', ?, 5, ?, 5, 0, ?, NULL, NULL,
              NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, ?, NULL, ?, ?, NULL, NULL, ?, '0badcafe',
              ?, ?, 0)
            """,
          arguments: [
            id, sequence + Int64(number) * 1000, state, number == 1 ? 0 : 1, number == 1 ? 0 : 77,
            Self.accepted + Int64(number), isEnded ? 1_749_999_500_000 : nil, 1_749_999_500_000,
            number == 1 ? 1 : 1030, number == 1 ? "k" : nil, fingerprint,
          ])
        try database.execute(
          sql: "INSERT INTO payload VALUES (?, ?)",
          arguments: [id, Data(#"{"n":\#(number)}"#.utf8)])
      }
      try database.execute(
        sql: """
          UPDATE job SET failure_code = 'exit_status', failure_message = 'It ended with status 1.'
          WHERE state IN ('y', 'f');
          UPDATE job SET due = 1750000060000 WHERE state = 'y';
          UPDATE job SET result = CAST('[true]' AS BLOB), permille = 1000, stage = 'last',
            message = 'done', log_count = 2 WHERE state = 'c';
          INSERT INTO log SELECT id, 1, 'one' FROM job WHERE state = 'c';
          INSERT INTO log SELECT id, 2, 'two' FROM job WHERE state = 'c';
          INSERT INTO spending VALUES ('alice', '1749999999000', 1750000059000);
          """)
    }
    try queue.close()
  }

  private static let queueUntil3 = """
    CREATE TABLE queue (
      name TEXT PRIMARY KEY, settings TEXT NOT NULL, version INTEGER NOT NULL, mode TEXT NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, virtual_time INTEGER NOT NULL
    ) WITHOUT ROWID
    """

  private static let version1 = """
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
    PRAGMA user_version = 1;
    """

  private static let version2 = """
    CREATE TABLE request (
      sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, user TEXT NOT NULL,
      payload BLOB NOT NULL, created_at INTEGER NOT NULL, epoch TEXT NOT NULL, timeout INTEGER,
      job_order TEXT, max_attempts INTEGER, retry TEXT, start_within INTEGER, total_timeout INTEGER,
      idempotency_key TEXT, fingerprint TEXT NOT NULL, unique_key TEXT, content_key TEXT,
      parent_rule TEXT NOT NULL, job_group TEXT, weight INTEGER NOT NULL
    );
    CREATE TABLE job (
      sequence INTEGER PRIMARY KEY, queue TEXT NOT NULL, state TEXT NOT NULL,
      priority INTEGER NOT NULL, base INTEGER NOT NULL, score INTEGER NOT NULL,
      attempt INTEGER NOT NULL, lost INTEGER NOT NULL, token INTEGER NOT NULL,
      offset INTEGER NOT NULL, flags INTEGER NOT NULL, log_count INTEGER NOT NULL,
      updated_at INTEGER NOT NULL, waits_from INTEGER NOT NULL, started_at INTEGER,
      finished_at INTEGER, ending INTEGER, kept_until INTEGER, due INTEGER, start_by INTEGER,
      end_by INTEGER, permille INTEGER, stage TEXT, message TEXT, details BLOB, result BLOB,
      failure_code TEXT, failure_message TEXT, cancellation_code TEXT, cancellation_message TEXT,
      parents TEXT
    );
    CREATE TABLE log (
      job INTEGER NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE spending (
      user TEXT PRIMARY KEY, moments TEXT NOT NULL, is_over INTEGER NOT NULL
    ) WITHOUT ROWID;
    \(queueUntil3);
    CREATE TABLE tally (
      queue TEXT PRIMARY KEY, accepted INTEGER NOT NULL, completed INTEGER NOT NULL,
      failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, retried INTEGER NOT NULL,
      lost INTEGER NOT NULL, last_finished_at INTEGER, last_failed_at INTEGER, last_failure TEXT
    ) WITHOUT ROWID;
    CREATE TABLE minute (
      queue TEXT NOT NULL, minute INTEGER NOT NULL, accepted INTEGER NOT NULL,
      completed INTEGER NOT NULL, failed INTEGER NOT NULL, cancelled INTEGER NOT NULL,
      retried INTEGER NOT NULL, wait TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (queue, minute)
    ) WITHOUT ROWID;
    """
}
