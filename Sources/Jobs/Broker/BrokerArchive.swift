package import EventLoop

/// Everything a broker holds, carried out of it and into another: for backups and for handing over.
@EventLoop
package protocol BrokerArchive: AnyObject, Sendable {
  /// A page of what the broker holds: queues that somebody set first, then schedules and revocations, the jobs in the
  /// order of their acceptance, groups after their jobs, and last what queues remember of all that went before.
  ///
  /// Every job that was on record when the first page was taken, and is when its own page is, comes exactly
  /// once, whole, as it stands at that moment; one accepted meanwhile comes too. A page is bounded by `limit` and
  /// by about a megabyte, so that taking it holds nobody up. `cursor` is ``ArchivePage/next`` of the page
  /// before, nil for the first.
  func archive(after cursor: String?, limit: Int) async throws(BrokerError) -> ArchivePage

  /// Whether an archive holds all that the broker stands for; false while a part of it cannot be reached.
  var isWhole: Bool { get }

  /// Takes in what an archive holds, whichever broker wrote it; safe to repeat.
  ///
  /// What the broker has already — a job or group by its id, a schedule by its name, a queue that somebody
  /// set — stays as it is and counts as known. **Jobs** come with their place in line: order and priorities are as
  /// they were, whatever the queue's ageing has become since; their events count on in the epoch that is told. One that ran comes back queued in its old
  /// place, with a token greater than any it had; its attempt does not count. One that was to stop does: it
  /// is taken in as cancelled, for the reason that was given; as failed where it had passed its total
  /// timeout, or has by now; and is forgotten where it was to be removed. One that waits emits a `state`
  /// event (reason `restored`); one that ended by being taken in emits that end, and one that had ended
  /// nothing. Parents that are not on record count as ended well; one that ended here and did not complete
  /// decides as at any acceptance. A job whose idempotency or unique key another job has, and that has not
  /// begun, is taken in as cancelled (`duplicate`, naming the other). **Groups** count their jobs on record
  /// as they stand here, and as forgotten as many ended ones as the archive counts more; its number rises
  /// where that is not what was archived. The jobs of a group that is not on record are taken in all the
  /// same. **Ledgers** raise what a queue remembers to what they say, and leave alone what is as high
  /// already: nothing is counted twice. One that raises nothing counts as known, unless its queue or a job of
  /// that was taken in
  /// before. A queue that was draining its backlog is paused until its ledger says that its jobs are all in, then
  /// drains on; where none follows, it stays paused. **Revocations** stand beside those that are here: none is lifted,
  /// and one that is over by now counts as known.
  func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport

  /// Forgets jobs without a word: they are kept elsewhere now. Unknown and running ones are passed over.
  ///
  /// The place of one that waited is free for the next of its user. A job that waits for one that was discarded
  /// before its end goes on waiting: elsewhere its parent is on record, and it is to follow there. A group
  /// counts such a job no more.
  func discard(_ ids: [JobID]) async throws(BrokerError)
}

extension BrokerArchive {
  package var isWhole: Bool { true }
}

extension BrokerArchive where Self: QueueAdministration & ScheduleBook & RevocationList {
  /// The page that an archive begins with, whole whatever its size: queues that somebody set, schedules, and
  /// revocations. `next` is the cursor of the first page of jobs.
  func firstArchivePage(next: String) async throws(BrokerError) -> ArchivePage {
    let set = try await queues().filter { $0.version > 0 || $0.mode != .active }
    let kept = try await schedules()
    let revoked = try await allRevocations()
    return ArchivePage(
      entries: set.map { .queue($0.name, $0.settings, $0.mode) } + kept.map { .schedule($0) }
        + revoked.map { .revocation($0) },
      next: next)
  }
}

/// A piece of an archive.
package struct ArchivePage: Hashable, Sendable {
  package var entries: [ArchiveEntry]
  /// Where to go on; nil after the last page.
  package var next: String?

  package init(entries: [ArchiveEntry], next: String? = nil) {
    self.entries = entries
    self.next = next
  }
}

/// One thing that a broker holds.
package enum ArchiveEntry: Hashable, Sendable {
  case queue(QueueName, QueueSettings, QueueMode)
  case schedule(ScheduleStatus)
  case group(JobGroup, callback: JobRequest?)
  case job(JobSnapshot)
  case ledger(QueueLedger)
  case revocation(Revocation)
}

/// What a queue remembers beside its settings and its jobs: what it did since ever, and whose turn it is.
package struct QueueLedger: Hashable, Sendable {
  package var queue: QueueName
  package var totals: QueueTotals
  package var lastFinishedAt: Timestamp?
  package var lastFailedAt: Timestamp?
  package var lastFailure: String?
  /// Of a fair queue: the tag of the job that was taken last, and that which the next job of a user gets at the
  /// earliest, where it is a later one.
  package var virtualTime: Int64
  package var turns: [String: Int64]

  package init(
    queue: QueueName, totals: QueueTotals = QueueTotals(), lastFinishedAt: Timestamp? = nil,
    lastFailedAt: Timestamp? = nil, lastFailure: String? = nil, virtualTime: Int64 = 0,
    turns: [String: Int64] = [:]
  ) {
    self.queue = queue
    self.totals = totals
    self.lastFinishedAt = lastFinishedAt
    self.lastFailedAt = lastFailedAt
    self.lastFailure = lastFailure
    self.virtualTime = virtualTime
    self.turns = turns
  }

  init(of status: QueueStatus, virtualTime: Int64, turns: [String: Int64]) {
    self.init(
      queue: status.name, totals: status.totals, lastFinishedAt: status.lastFinishedAt,
      lastFailedAt: status.lastFailedAt, lastFailure: status.lastFailure, virtualTime: virtualTime,
      turns: turns)
  }

  /// Whether there is nothing to remember.
  var isBlank: Bool { self == QueueLedger(queue: queue) }
}

/// All that is kept of one job.
package struct JobSnapshot: Hashable, Sendable {
  /// With its payload.
  package var job: Job
  /// Its number in the order of acceptance, microseconds since 2025.
  package var sequence: Int64
  /// Its place among those of its priority (``QueueScore``).
  package var base: Int64
  /// The head start there of each level of its priority, as it was when the job got the place; zero where priorities
  /// were strict. Nil where its queue is to decide that now: an older archive does not say it.
  package var ageing: Duration?
  package var token: UInt64
  /// What the request itself said; nil where the queue decides.
  package var order: QueueOrder?
  package var maxAttempts: Int?
  package var retry: RetryPolicy?
  package var timeout: Duration?
  /// What was set of its time at its acceptance, by itself or its queue; it counts anew when the job runs again.
  package var startWithin: Duration?
  package var totalTimeout: Duration?
  package var idempotencyKey: String?
  package var fingerprint: String?
  package var uniqueKey: String?
  package var contentKey: String?
  /// The parents that have not ended, and the rule.
  package var dependencies: JobDependencies
  package var weight: Int
  /// What it fails or is cancelled with when it stops, since somebody asked.
  package var cancellation: JobFailure?
  /// It runs, and is to be forgotten when it ends.
  package var isRemoved: Bool
  package var log: [String]
  /// For what its changes are fed.
  package var feed: FeedTerms

  package init(
    job: Job, sequence: Int64, base: Int64, ageing: Duration? = nil, token: UInt64 = 0,
    order: QueueOrder? = nil, maxAttempts: Int? = nil, retry: RetryPolicy? = nil, timeout: Duration? = nil,
    startWithin: Duration? = nil, totalTimeout: Duration? = nil, idempotencyKey: String? = nil,
    fingerprint: String? = nil, uniqueKey: String? = nil, contentKey: String? = nil,
    dependencies: JobDependencies = JobDependencies(), weight: Int = 1,
    cancellation: JobFailure? = nil, isRemoved: Bool = false, log: [String] = [],
    feed: FeedTerms = FeedTerms()
  ) {
    self.job = job
    self.sequence = sequence
    self.base = base
    self.ageing = ageing
    self.token = token
    self.order = order
    self.maxAttempts = maxAttempts
    self.retry = retry
    self.timeout = timeout
    self.startWithin = startWithin
    self.totalTimeout = totalTimeout
    self.idempotencyKey = idempotencyKey
    self.fingerprint = fingerprint
    self.uniqueKey = uniqueKey
    self.contentKey = contentKey
    self.dependencies = dependencies
    self.weight = weight
    self.cancellation = cancellation
    self.isRemoved = isRemoved
    self.log = log
    self.feed = feed
  }

  /// What one that runs has to end with if its run is over at this moment; nil: it may run again.
  func end(at now: Timestamp) -> JobFailure? {
    guard job.state == .running else { return nil }
    if let cancellation { return cancellation }
    return job.endBy.map { $0 <= now } == true ? .totalTimeout : nil
  }
}

/// What a restore did.
package struct RestoreReport: Hashable, Sendable {
  /// Entries that were taken in.
  package var restored = 0
  /// Entries that the broker had already.
  package var known = 0
  /// Jobs that were taken in as duplicates.
  package var duplicates: [JobID] = []

  package init() {}

  package mutating func add(_ other: RestoreReport) {
    restored += other.restored
    known += other.known
    duplicates += other.duplicates
  }
}
