package import EventLoop

/// What every broker does. The prose on its parts is the contract; `BrokerContract` in the tests is
/// the same prose as assertions, run on each implementation.
///
/// **Time** is the broker's own: Redis's `TIME`, or the clock an embedded broker was given.
/// **Acknowledged means kept**: when a call that changes something returns, the change survives the
/// death of any process.
/// **One step**: a change of state, the number of its event and its publication cannot be seen apart.
/// Who receives an event and then reads the record finds it at that event or later.
package typealias Broker = JobQueue & EventSource & RequestBudget

/// Jobs in, leases out, exactly one end.
@EventLoop
package protocol JobQueue: AnyObject, Sendable {
  /// Accepts a job: it is queued behind those of its priority that came before, and emits a `state`
  /// event (`queued`, offset 1).
  ///
  /// With an idempotency key that the user used within the last 24 hours: the same request
  /// (``JobRequest/fingerprint``) answers with the earlier job as it stands now, `isReplay` true,
  /// and changes nothing; another request throws `idempotencyKeyReused`. Without a key, an id that
  /// exists already answers the same way, so that a submission may be repeated after `unavailable`.
  /// Throws `payloadTooLarge` over ``JobRequest/payloadLimit``.
  func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance

  /// Takes up to `limit` jobs from the queues for `worker`: queues in the order given, within each
  /// the highest priority first, then the oldest. Jobs whose retry is due are promoted first.
  ///
  /// Each taken job is running, has the next attempt number, a deadline `duration` from now, and a
  /// token greater than any it ever had; it emits a `state` event. A job is given to no one else
  /// until it is settled, released, or reaped.
  func lease(
    from queues: [QueueName], limit: Int, for duration: Duration, by worker: WorkerID
  ) async throws(BrokerError) -> [LeasedJob]

  /// Returns when a job may be waiting in one of the queues, or after `timeout` at the latest.
  ///
  /// A hint: the caller leases and may get nothing. A job enqueued before the call counts. One job
  /// wakes at least one waiter.
  func waitForWork(in queues: [QueueName], upTo timeout: Duration) async

  /// Renews leases, all of one worker in one step, to `duration` from now; answers in their order.
  ///
  /// A lease that is no longer the caller's is `lost`, and nothing is changed for it.
  func extend(_ leases: [Lease], for duration: Duration) async throws(BrokerError)
    -> [LeaseStanding]

  /// Records progress and emits a `progress` event.
  ///
  /// Percent never falls within an attempt (a lower one is kept at the highest so far) and stays
  /// below 100. With an old token: `lost`, nothing recorded. Need not survive a crash of the
  /// broker's machine; the offsets it used are never used again. Throws `reportTooLarge` over
  /// ``Progress/byteLimit``.
  func report(_ progress: Progress, under lease: Lease) async throws(BrokerError) -> LeaseStanding

  /// Appends lines to the job's log, which keeps the newest 200 of at most 1 KiB each (longer ones
  /// are cut). With an old token: `lost`, nothing appended.
  func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding

  /// Ends a lease; exactly one settlement of a lease is accepted.
  ///
  /// `complete` → completed, percent 100. `fail` → retrying while attempts are left and a retry is
  /// wanted, else failed. `release` → queued at the front of its priority, the attempt uncounted.
  /// `cancel` → cancelled. A job that was cancelled while it ran and fails or is released becomes
  /// cancelled; one that completes all the same is completed. Emits one `state` event. With an old
  /// token: `leaseLost`, nothing changed — unless this same token ended the job before, then
  /// `settled` with its state. Throws `reportTooLarge` for a result over ``Settlement/resultLimit``.
  func settle(_ lease: Lease, _ settlement: Settlement) async throws(BrokerError)
    -> SettlementOutcome

  /// Cancels a job and answers with it as it then stands.
  ///
  /// Not yet running: cancelled at once, one terminal `state` event. Running: `isCancelling`, one
  /// `state` event with reason `cancelling` the first time, a directive to its worker, and
  /// `cancelRequested` at each renewal and report until it settles. Ended already: unchanged,
  /// whatever its end. Throws `jobNotFound`.
  func cancel(_ id: JobID, reason: String?) async throws(BrokerError) -> Job

  /// The job as it stands, with its payload and, while queued, its place; nil when unknown.
  func job(_ id: JobID) async throws(BrokerError) -> Job?

  /// The lines of the job's log, oldest first; empty when unknown.
  func logLines(of id: JobID) async throws(BrokerError) -> [String]

  /// Jobs that match, newest first, without payloads, a page at a time.
  ///
  /// Pages are stable: following `next` shows every job that matched all along exactly once.
  func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage

  /// Takes jobs from workers that let their lease run out, at most `limit` in a call.
  ///
  /// Each is counted as lost and returns to the front of its priority, to be leased with a new
  /// token; after `maxLost` losses it fails with code `lost`; one that was being cancelled is
  /// cancelled. If nobody reaped for longer than `amnesty`, which means the broker itself was away,
  /// nobody could have renewed: all overdue leases are first extended by `amnesty`, once.
  func reap(limit: Int, maxLost: Int, amnesty: Duration) async throws(BrokerError) -> ReapReport

  /// Whether the broker answers right now; never throws.
  func isAvailable() async -> Bool

  /// Makes everything acknowledged safe and lets connections and files go. The broker is not used after.
  func close() async
}

/// An accepted submission.
package struct Acceptance: Hashable, Sendable {
  package var job: Job
  /// The job had been accepted before; this call changed nothing.
  package var isReplay: Bool

  package init(job: Job, isReplay: Bool) {
    self.job = job
    self.isReplay = isReplay
  }
}

/// Which jobs to list.
package struct JobFilter: Hashable, Sendable {
  /// Nil: of every user.
  package var user: String?
  /// Empty: in every state.
  package var states: Set<JobState>
  /// 1…200.
  package var limit: Int
  /// ``JobPage/next`` of the page before; nil for the first. An unreadable one reads as the first.
  package var cursor: String?

  package init(
    user: String? = nil, states: Set<JobState> = [], limit: Int = 50, cursor: String? = nil
  ) {
    self.user = user
    self.states = states
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

/// What a reaping did.
package struct ReapReport: Hashable, Sendable {
  package var requeued: [JobID] = []
  package var failed: [JobID] = []
  package var cancelled: [JobID] = []
  /// Leases that were extended instead, because nobody could have renewed them.
  package var pardoned = 0

  package init() {}
}

/// What happens to jobs, as it happens.
@EventLoop
package protocol EventSource: AnyObject, Sendable {
  /// Delivers what happens on a channel from now on, until the subscription is cancelled.
  ///
  /// Returns when the subscription stands: an event that follows a read made after the return is
  /// delivered. `receive` is called on the loop, for each job in the order of offsets. After an
  /// interruption (Redis away) every watched job is read anew and delivered as `.snapshot`: what
  /// was missed is made up for, without the watcher doing anything. Several subscriptions to one
  /// channel share what lies below. Throws `unavailable` only if the subscription cannot be kept;
  /// while Redis is away a subscription waits for its return inside the broker.
  func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription

  /// Delivers directives for a worker as they are given: the quick way; renewals repeat them.
  func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription

  /// Whether events arrive at present: false between the loss of the source and its full recovery.
  var isDelivering: Bool { get }
}

/// What a watcher receives.
package enum Delivery: Hashable, Sendable {
  case event(JobEvent)
  /// The job as it stands, after an interruption; may repeat what was delivered before it.
  case snapshot(Job)
}

/// What a worker is told to do.
package enum WorkerDirective: Hashable, Sendable {
  case cancel(JobID)
}

/// A standing subscription; ends when cancelled, and only then.
@EventLoop
package protocol EventSubscription: AnyObject, Sendable {
  /// Nothing is delivered after this returns.
  func cancel()
}

/// How many requests a user may make, counted at one place for all sockets and nodes.
@EventLoop
package protocol RequestBudget: AnyObject, Sendable {
  /// Counts one request of a user, if fewer than `limit` were admitted in the last `window`.
  ///
  /// Exact: in any span of `window` at most `limit` are admitted. A refused request costs nothing.
  func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding

  /// What ``spendRequest(of:limit:window:)`` would answer at this moment; counts nothing.
  func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding
}

/// What is left of a user's budget.
package struct BudgetStanding: Hashable, Sendable {
  package var isAdmitted: Bool
  /// How many more would be admitted at this moment.
  package var remaining: Int
  /// Until the next one is admitted, if refused; until the oldest spent one returns, otherwise.
  package var retryAfter: Duration

  package init(isAdmitted: Bool, remaining: Int, retryAfter: Duration) {
    self.isAdmitted = isAdmitted
    self.remaining = remaining
    self.retryAfter = retryAfter
  }
}
