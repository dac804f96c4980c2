/// A queue at one moment: its settings, what is in it, and what it has done.
package struct QueueStatus: Hashable, Sendable {
  package var name: QueueName
  package var settings: QueueSettings
  /// Grows with every change of the settings; 0: nobody has set any.
  package var version: Int
  package var mode: QueueMode
  /// Since when it is in this mode.
  package var modeSince: Timestamp
  /// How many jobs stand in each state: the unfinished exactly, the ended as far as they are kept.
  package var counts: [JobState: Int]
  /// How many queued jobs each priority level 1…10 has; all ten keys.
  package var levels: [Int: Int]
  package var totals: QueueTotals
  /// When the job that is next was accepted; nil when none is queued.
  package var oldestQueued: Timestamp?
  package var createdAt: Timestamp
  /// When its settings or its mode changed last.
  package var updatedAt: Timestamp
  /// When a job of it ended last, and when one failed last and why.
  package var lastFinishedAt: Timestamp?
  package var lastFailedAt: Timestamp?
  package var lastFailure: String?

  package init(
    name: QueueName, settings: QueueSettings = QueueSettings(), version: Int = 0,
    mode: QueueMode = .active, modeSince: Timestamp? = nil, counts: [JobState: Int] = [:],
    levels: [Int: Int] = [:], totals: QueueTotals = QueueTotals(), oldestQueued: Timestamp? = nil, createdAt: Timestamp,
    updatedAt: Timestamp, lastFinishedAt: Timestamp? = nil, lastFailedAt: Timestamp? = nil,
    lastFailure: String? = nil
  ) {
    self.name = name
    self.settings = settings
    self.version = version
    self.mode = mode
    self.modeSince = modeSince ?? createdAt
    self.counts = counts
    self.levels = levels
    self.totals = totals
    self.oldestQueued = oldestQueued
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.lastFinishedAt = lastFinishedAt
    self.lastFailedAt = lastFailedAt
    self.lastFailure = lastFailure
  }

  /// How many jobs wait in any way.
  package var waiting: Int {
    [JobState.scheduled, .blocked, .queued, .retrying].reduce(0) { $0 + (counts[$1] ?? 0) }
  }

  /// How many jobs run.
  package var running: Int { counts[.running] ?? 0 }
}

/// What has happened in a queue since it exists.
package struct QueueTotals: Hashable, Sendable {
  package var accepted = 0
  package var completed = 0
  package var failed = 0
  package var cancelled = 0
  /// How often an attempt failed that another was to follow.
  package var retried = 0
  /// How often a worker was lost that held one of its jobs.
  package var lost = 0

  package init() {}

  /// Adds what another counts.
  package mutating func add(_ other: QueueTotals) {
    accepted += other.accepted
    completed += other.completed
    failed += other.failed
    cancelled += other.cancelled
    retried += other.retried
    lost += other.lost
  }
}
