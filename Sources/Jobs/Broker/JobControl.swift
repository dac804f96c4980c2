package import EventLoop

/// What is done to jobs from outside, by their users and by operators.
///
/// Every verb throws `jobNotFound` for a job that is not on record, emits one `state` event for each
/// change of a job that watchers can see, and answers with the job as it then stands.
@EventLoop
package protocol JobControl: AnyObject, Sendable {
  /// Cancels a job.
  ///
  /// Not yet running: cancelled at once, one terminal `state` event. Running: `isCancelling`, one
  /// `state` event with reason `cancelling` the first time, a directive to its worker, and
  /// `cancelRequested` at each renewal and report until it settles; `forced` has the worker kill at
  /// once instead of asking first, also when the job was asked before. Ended already: unchanged,
  /// whatever its end.
  func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job

  /// Runs an ended job again, as a new generation under the same id: queued (or scheduled, with a `delay`) in
  /// the order of its first acceptance, attempts and losses counted anew, result and failure gone; offsets go
  /// on. The limits of its time that were set when it was accepted, by itself or by its queue, count anew
  /// from when it may begin, whatever its queue, or another that it moves to, has set since. It waits for no
  /// parent again, and no bound or drain of its own queue refuses it. A job that waits for a retry is queued
  /// now. Throws `wrongState` for any other, and `uniqueKeyTaken` when another unfinished job has its unique
  /// key.
  func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job

  /// Moves a job that does not run to another queue, at the place its acceptance gives it there;
  /// an ended one is also retried (one event, reason `moved`). In its own queue it gets the place that the
  /// settings of now give, keeps its room in the user's window, and no bound or drain refuses it. Throws
  /// `wrongState` for a running one, `uniqueKeyTaken` as ``retry(_:delay:)`` does, and else what the other queue
  /// refuses.
  func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job

  /// Queues a scheduled or retrying job now (reason `promoted`). Throws `wrongState` for any other.
  func promote(_ id: JobID) async throws(BrokerError) -> Job

  /// Changes the priority of an unfinished job, if it is another, and emits a `state` event (reason
  /// `reprioritised`); a queued one takes its new place, in the order of its acceptance. Throws `wrongState`
  /// for an ended one.
  func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job

  /// Forgets a job and everything kept of it. One that waits is cancelled first; one that runs is
  /// cancelled with force and forgotten when it ends: until then this answers `false`.
  func remove(_ id: JobID) async throws(BrokerError) -> Bool

  /// Does what time asks for, at most `limit` jobs of each kind in a call: queues jobs that are due,
  /// fails those that passed a limit of theirs, takes jobs from lost workers, lets those go on whose
  /// parents have ended, forgets what was kept long enough.
  ///
  /// Any number of callers may do it at once. **Limits**: a job that waits past its start limit fails with
  /// `not_started_in_time`, past its total limit with `total_timeout`; a running one past its total limit is
  /// told to stop, as if cancelled, and fails. **Losses**: a lease that has less than `rules.warning` left, but some,
  /// makes its job stalled, one `state` event (reason `stalled`). One that ran out is a loss: the job, shown as
  /// stalled before if it was not yet, returns to its old place, to be leased with a new token; after
  /// `rules.maxLost` losses it fails with code `lost`; one that was being cancelled is cancelled. If nobody called for longer than `rules.amnesty`,
  /// which means the broker itself was away, nobody could have renewed: all overdue leases are first
  /// extended by `amnesty`, once.
  func maintain(limit: Int, _ rules: LossRules) async throws(BrokerError) -> MaintenanceReport
}

extension JobControl {
  package func cancel(_ id: JobID, reason: String?) async throws(BrokerError) -> Job {
    try await cancel(id, reason: reason, forced: false)
  }

  package func retry(_ id: JobID) async throws(BrokerError) -> Job {
    try await retry(id, delay: .zero)
  }
}

/// When a worker counts as lost, and what that means for its jobs.
package struct LossRules: Hashable, Sendable {
  /// A job that lost its worker as often as this fails.
  package var maxLost: Int
  /// After a silence of this length all leases are extended by as much, once. At least a lease.
  package var amnesty: Duration
  /// A lease with less than this left was not renewed in time.
  package var warning: Duration

  package init(
    maxLost: Int = 3, amnesty: Duration = .seconds(30), warning: Duration = .seconds(10)
  ) {
    self.maxLost = maxLost
    self.amnesty = amnesty
    self.warning = warning
  }
}

/// What a maintenance did.
package struct MaintenanceReport: Hashable, Sendable {
  /// Jobs whose time had come.
  package var promoted = 0
  /// Jobs that were shown as stalled.
  package var stalled: [JobID] = []
  /// Jobs of lost workers: queued again, failed for good, cancelled as had been asked.
  package var requeued: [JobID] = []
  package var failed: [JobID] = []
  package var cancelled: [JobID] = []
  /// Leases that were extended instead, because nobody could have renewed them.
  package var pardoned = 0
  /// Jobs that passed a limit of theirs.
  package var expired: [JobID] = []
  /// Records that were forgotten.
  package var pruned = 0

  package init() {}
}
