/// The tables of the journal.
///
/// What a job was asked for with lies apart from how it stands: the first is written once, the second
/// with every step. Both have its number in the order of acceptance as their key, so that rows are
/// appended at the end and no second index is kept: whatever is looked for is found in memory.
enum JournalSchema {
  /// Grows when a table changes its form.
  static let version = 6

  static let statements = """
    \(jobs)
    CREATE TABLE log (
      job INTEGER NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE spending (
      user TEXT PRIMARY KEY, moments TEXT NOT NULL, is_over INTEGER NOT NULL
    ) WITHOUT ROWID;
    \(queue)
    \(tallies)
    \(schedulesAndGroups)
    \(revocations)
    \(feed)
    PRAGMA user_version = \(version);
    """

  /// From the form of each version to that of the next, beginning with version 1.
  static let migrations = [fromVersion1, fromVersion2, fromVersion3, fromVersion4, fromVersion5]

  private static let jobs = """
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
    """

  private static let queue = """
    CREATE TABLE queue (
      name TEXT PRIMARY KEY, settings TEXT NOT NULL, version INTEGER NOT NULL, mode TEXT NOT NULL,
      mode_since INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      virtual_time INTEGER NOT NULL
    ) WITHOUT ROWID;
    """

  private static let tallies = """
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

  /// What a group was made with to be submitted at its end lies apart, since it is written once. Counts
  /// are of forgotten jobs alone: the others are on record.
  private static let schedulesAndGroups = """
    CREATE TABLE schedule (name TEXT PRIMARY KEY, status TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE job_group (
      id TEXT PRIMARY KEY, user TEXT NOT NULL, name TEXT, state TEXT NOT NULL,
      since INTEGER NOT NULL, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, finished_at INTEGER, callback TEXT,
      offset INTEGER NOT NULL, epoch TEXT NOT NULL, completed INTEGER NOT NULL,
      failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, weight INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE group_callback (job_group TEXT PRIMARY KEY, request TEXT NOT NULL);
    """

  private static let revocations = """
    CREATE TABLE revocation (
      subject TEXT PRIMARY KEY, made_at INTEGER NOT NULL, until INTEGER NOT NULL
    ) WITHOUT ROWID;
    """

  /// For what a job is fed lies apart: most are for nothing.
  private static let feed = """
    CREATE TABLE followed (sequence INTEGER PRIMARY KEY, terms TEXT NOT NULL);
    CREATE TABLE feed (number INTEGER PRIMARY KEY, entry TEXT NOT NULL);
    CREATE TABLE feed_consumer (
      name TEXT PRIMARY KEY, position INTEGER NOT NULL, lost INTEGER NOT NULL
    ) WITHOUT ROWID;
    """

  /// From a file of version 1 to one of version 2: what a job was asked for goes apart, and every queue
  /// that a job names comes to be.
  private static let fromVersion1 = """
    ALTER TABLE job RENAME TO job_1;
    ALTER TABLE log RENAME TO log_1;
    \(jobs)
    CREATE TABLE log (
      job INTEGER NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE queue (
      name TEXT PRIMARY KEY, settings TEXT NOT NULL, version INTEGER NOT NULL, mode TEXT NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, virtual_time INTEGER NOT NULL
    ) WITHOUT ROWID;
    \(tallies)
    INSERT INTO request (
      sequence, id, kind, user, payload, created_at, epoch, timeout, max_attempts, idempotency_key,
      fingerprint, parent_rule, weight
    )
    SELECT sequence, id, kind, user, payload.bytes, created_at, epoch, timeout, max_attempts,
      idempotency_key, fingerprint, 'cancel', 1
    FROM job_1 JOIN payload ON payload.job = job_1.id;
    INSERT INTO job (
      sequence, queue, state, priority, base, score, attempt, lost, token, offset, flags, log_count,
      updated_at, waits_from, started_at, finished_at, ending, kept_until, due, permille, stage,
      message, details, result, failure_code, failure_message, cancellation_code,
      cancellation_message
    )
    SELECT sequence, queue, state, priority, \(QueueScore.half) + sequence,
      \(QueueScore.half) + sequence - priority * \(QueueScore.bandStep), attempt, lost, token, offset,
      is_cancelling, log_count, updated_at, created_at, started_at, finished_at,
      (finished_at - 1735689600000) * 1000,
      finished_at + CASE state WHEN 'f' THEN 604800000 ELSE 86400000 END, due, permille, stage,
      message, details, result, failure_code, failure_message, cancellation_code,
      cancellation_message
    FROM job_1 WHERE sequence IN (SELECT sequence FROM request);
    INSERT INTO log SELECT job_1.sequence, number, line FROM log_1 JOIN job_1 ON job_1.id = log_1.job;
    INSERT INTO queue
    SELECT queue, '{}', 0, 'a', min(created_at), max(created_at), 0 FROM job_1 GROUP BY queue;
    INSERT INTO tally
    SELECT queue, count(*), sum(state = 'c'), sum(state = 'f'), sum(state = 'x'), 0, sum(lost),
      max(finished_at), max(CASE state WHEN 'f' THEN finished_at END), NULL
    FROM job_1 GROUP BY queue;
    DROP TABLE job_1;
    DROP TABLE payload;
    DROP TABLE log_1;
    PRAGMA user_version = 2;
    """

  /// From a file of version 2 to one of version 3, which keeps schedules and groups.
  private static let fromVersion2 = """
    \(schedulesAndGroups)
    PRAGMA user_version = 3;
    """

  /// From a file of version 3 to one of version 4, which knows since when a queue is in its mode: in an older
  /// file at the latest since it was changed last.
  private static let fromVersion3 = """
    ALTER TABLE queue RENAME TO queue_3;
    \(queue)
    INSERT INTO queue
    SELECT name, settings, version, mode, updated_at, created_at, updated_at, virtual_time FROM queue_3;
    DROP TABLE queue_3;
    PRAGMA user_version = 4;
    """

  /// From a file of version 4 to one of version 5, which keeps revocations.
  private static let fromVersion4 = """
    \(revocations)
    PRAGMA user_version = 5;
    """

  /// From a file of version 5 to one of version 6, which has a feed.
  private static let fromVersion5 = """
    \(feed)
    PRAGMA user_version = 6;
    """
}
