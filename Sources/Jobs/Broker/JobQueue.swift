package import EventLoop

/// Jobs in, leases out, exactly one end.
@EventLoop
package protocol JobQueue: AnyObject, Sendable {
  /// Accepts a job and emits a `state` event (offset 1).
  ///
  /// It is `blocked` while a job it depends on has not ended (``JobRequest/dependencies``), else
  /// `scheduled` until its start, else `blocked` while its user has filled ``QueueSettings/userWindow``,
  /// else `queued`: behind those of its priority that came before in FIFO order, before them in LIFO
  /// order (``QueueScore``). What the request leaves open is the queue's default: its limits of time as they are now
  /// (``JobControl/retry(_:delay:)``), the others as they are when they matter. A queue that nobody has
  /// set exists as soon as it is named.
  ///
  /// **Repeats.** Answers with an earlier job as it stands, ``Acceptance/match`` saying by what (the first
  /// of these that holds), and changes nothing, whatever the queue refuses at present:
  /// - an id that exists, so that a submission may be repeated after `unavailable`;
  /// - an idempotency key that the user used within the last 24 hours for the same request
  ///   (``JobRequest/fingerprint``); for another one it throws `idempotencyKeyReused`. A key whose job was
  ///   forgotten is free;
  /// - a unique key that an unfinished job of the user in this queue has. A key whose holder has ended or
  ///   is gone is free, whatever ended it;
  /// - a content key that a job of the user and of this kind has which completed or has not ended; a job that
  ///   runs again has its key again, beside another that has it meanwhile.
  ///
  /// **Refusals**, which change nothing, not even name a queue: `payloadTooLarge` over ``JobRequest/payloadLimit``;
  /// `queueDraining`; `queueFull` at ``QueueSettings/maxWaiting``; `parentNotFound` for a parent that is not
  /// on record; `groupNotFound`, `groupClosed`. A parent that has already ended counts as such: where it
  /// did not complete, ``ParentFailureRule`` decides at once, and the job is told as `blocked` before its end.
  func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance

  /// Ends leases, then takes jobs, in one step: what a busy worker does between two jobs.
  ///
  /// **Settling**, in the order given; exactly one settlement of a lease is accepted. `complete` →
  /// completed, percent 100. `fail` → retrying while attempts are left and a retry is wanted, else
  /// failed; the delay is the worker's own where it names one, else by the job's policy, else the queue's, else
  /// the worker's. `release` → queued in its old place (in FIFO order the front of its priority), the attempt
  /// uncounted. `snooze` → scheduled (reason `snoozed`), then in its old place, as if it had not been taken: the
  /// attempt uncounted, no run and, where it was the first, no start and no wait; its start limit goes on. `cancel` →
  /// cancelled. A job that was cancelled while it ran and fails, is released, snoozed or stopped
  /// becomes cancelled, with the reason that was given, or what its worker says where none was; one that passed
  /// its total timeout becomes failed (`total_timeout`); one that completes all the same is completed. Emits one
  /// `state` event each. With an old token: `leaseLost`, nothing changed — unless this same token ended the job
  /// before, then `settled` with its state. Throws `reportTooLarge` for a result over
  /// ``Settlement/resultLimit``, before anything is settled.
  ///
  /// With the end of a job those of its queue that ended likewise and are beyond the bounds
  /// (``QueueSettings/retention(of:)``) are forgotten, its unique key is free, those that depend on it go on, its
  /// group counts it.
  ///
  /// **Taking** up to `limit` jobs: queues in the order given, within each the lowest ``QueueScore``
  /// first. Jobs whose time has come are queued before; one that passed a limit of its time is not given out:
  /// it fails as ``JobControl/maintain(limit:_:)`` would have it (a call finds its way past 64 of these). A queue gives nothing while it is paused or
  /// draining (``QueueMode/serves``), and never more than ``QueueSettings/concurrency`` at a time over
  /// all workers. Each taken job is running, has the next attempt number, a deadline `duration` from now, and
  /// a token greater than any it ever had; it emits a `state` event. A job is given to no one else until it is
  /// settled, released, or reaped.
  func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange

  /// Returns when a job may be waiting in one of the queues, or after `timeout` at the latest.
  ///
  /// A hint: the caller leases and may get nothing. A job enqueued before the call counts. One job
  /// wakes at least one waiter; so does a queue that is resumed or whose limit is raised.
  func waitForWork(in queues: [QueueName], upTo timeout: Duration) async

  /// Wakes another waiter for each of the queues in which a job may be had: called by one who was woken and
  /// cannot take. A hint as well: that it failed is not told.
  func passOnWork(in queues: [QueueName]) async

  /// Renews leases, all of one worker in one step, to `duration` from now; answers in their order.
  ///
  /// A lease that is no longer the caller's is `lost`, and nothing is changed for it. One that was
  /// shown as stalled is shown as running again (a `state` event, reason `recovered`). A broker that keeps
  /// jobs at several places renews each lease where its job is: those it cannot reach are `unavailable`, and
  /// keep nobody else's from being renewed. It throws `unavailable` where it could reach none.
  func extend(_ leases: [Lease], for duration: Duration) async throws(BrokerError)
    -> [LeaseStanding]

  /// Records progress and emits a `progress` event; answers with how many heard it, so that a worker may spare itself
  /// what nobody sees.
  ///
  /// Percent never falls within an attempt (a lower one is kept at the highest so far) and stays
  /// below 100. With an old token: `lost`, nothing recorded. Need not survive a crash of the
  /// broker's machine; the offsets it used are never used again. Throws `reportTooLarge` over
  /// ``Progress/byteLimit``.
  func report(_ progress: Progress, under lease: Lease) async throws(BrokerError) -> ReportAnswer

  /// Appends lines to the job's log, which keeps the newest 200 of at most 1 KiB each (longer ones
  /// are cut). With an old token: `lost`, nothing appended.
  func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding

  /// The job as it stands, with its payload and, while queued, its place; nil when unknown.
  func job(_ id: JobID) async throws(BrokerError) -> Job?

  /// The places of those of the jobs that are queued, 1 for the next. Light: their records are not read whole, and
  /// none of those before them; O(log n) each in Redis, a walk over n/512 counts in an embedded broker.
  func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace]

  /// The lines of the job's log, oldest first; empty when unknown.
  func logLines(of id: JobID) async throws(BrokerError) -> [String]

  /// Jobs that match, newest first, without payloads, a page at a time.
  ///
  /// Newest by their acceptance, wherever that was: a restored job stands where it stood.
  /// Pages are stable: following `next` shows every job that matched all along exactly once. A page may
  /// be short, or empty, before the last: a call looks at a bounded number of records.
  func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage

  /// Whether the broker answers right now; never throws.
  func isAvailable() async -> Bool

  /// What an operator should change about the store, a sentence each; empty where nothing is known.
  var warnings: [String] { get }

  /// Makes everything acknowledged safe and lets connections and files go. The broker is not used after.
  func close() async
}

extension JobQueue {
  package var warnings: [String] { [] }

  /// Takes jobs; see ``exchange(_:for:)``.
  package func lease(
    from queues: [QueueName], limit: Int, for duration: Duration, by worker: WorkerID
  ) async throws(BrokerError) -> [LeasedJob] {
    let request = LeaseRequest(queues: queues, limit: limit, duration: duration, worker: worker)
    return try await exchange([], for: request).jobs
  }

  /// Ends one lease; see ``exchange(_:for:)``.
  package func settle(
    _ lease: Lease, _ settlement: Settlement
  ) async throws(BrokerError) -> SettlementOutcome {
    let settled = try await exchange([LeaseSettlement(lease, settlement)], for: nil)
    guard let outcome = settled.outcomes.first else {
      preconditionFailure("a settlement without an outcome")
    }
    return outcome
  }
}

/// An accepted submission.
package struct Acceptance: Hashable, Sendable {
  package var job: Job
  /// By what an earlier job was found to be the answer; nil: a new job was accepted.
  package var match: Match?
  package var durability: Durability

  /// Where the acceptance is kept.
  package enum Durability: String, Hashable, Sendable {
    /// In the broker that all nodes share, or the only one there is.
    case broker
    /// On the disk of this machine, until the shared broker is back.
    case local
  }

  package enum Match: String, Hashable, Sendable, CaseIterable {
    case id
    case idempotencyKey = "idempotency_key"
    case uniqueKey = "unique_key"
    case contentKey = "content_key"
  }

  package init(job: Job, match: Match? = nil, durability: Durability = .broker) {
    self.job = job
    self.match = match
    self.durability = durability
  }

  /// The job had been accepted before; this call changed nothing.
  package var isReplay: Bool { match != nil }
}

/// Jobs wanted by a worker.
package struct LeaseRequest: Hashable, Sendable {
  /// In the order in which they are served.
  package var queues: [QueueName]
  package var limit: Int
  package var duration: Duration
  package var worker: WorkerID

  package init(queues: [QueueName], limit: Int, duration: Duration, worker: WorkerID) {
    self.queues = queues
    self.limit = limit
    self.duration = duration
    self.worker = worker
  }
}

/// One settlement among several.
package struct LeaseSettlement: Hashable, Sendable {
  package var lease: Lease
  package var settlement: Settlement

  package init(_ lease: Lease, _ settlement: Settlement) {
    self.lease = lease
    self.settlement = settlement
  }
}

/// What an exchange brought: one outcome for each settlement, in their order, and the jobs taken.
package struct Exchange: Hashable, Sendable {
  package var outcomes: [SettlementOutcome]
  package var jobs: [LeasedJob]

  package init(outcomes: [SettlementOutcome] = [], jobs: [LeasedJob] = []) {
    self.outcomes = outcomes
    self.jobs = jobs
  }
}

/// Where a queued job stands.
package struct QueuePlace: Hashable, Sendable {
  package var queue: QueueName
  /// 1 is next.
  package var position: Int

  package init(queue: QueueName, position: Int) {
    self.queue = queue
    self.position = position
  }
}

/// Which jobs to list. Empty and nil ask for all.
package struct JobFilter: Hashable, Sendable {
  package var user: String?
  package var states: Set<JobState>
  package var queue: QueueName?
  package var kind: JobKind?
  /// Accepted at this moment or later, and before that one.
  package var since: Timestamp?
  package var until: Timestamp?
  /// Ended, before this moment.
  package var endedBefore: Timestamp?
  /// 1…200.
  package var limit: Int
  /// ``JobPage/next`` of the page before; nil for the first. An unreadable one reads as the first.
  package var cursor: String?

  package init(
    user: String? = nil, states: Set<JobState> = [], queue: QueueName? = nil,
    kind: JobKind? = nil, since: Timestamp? = nil, until: Timestamp? = nil,
    endedBefore: Timestamp? = nil, limit: Int = 50, cursor: String? = nil
  ) {
    self.user = user
    self.states = states
    self.queue = queue
    self.kind = kind
    self.since = since
    self.until = until
    self.endedBefore = endedBefore
    self.limit = limit
    self.cursor = cursor
  }
}

/// One page of a listing.
package struct JobPage: Hashable, Sendable {
  package var jobs: [Job]
  /// Where to go on; nil after the last page.
  package var next: String?

  package init(jobs: [Job], next: String? = nil) {
    self.jobs = jobs
    self.next = next
  }
}
