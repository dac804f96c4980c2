package import EventLoop

/// Queues: created by being named, set, paused, drained, emptied and deleted while jobs flow.
@EventLoop
package protocol QueueAdministration: AnyObject, Sendable {
  /// Every queue that was named or set, by name.
  func queues() async throws(BrokerError) -> [QueueStatus]

  /// One queue; nil for one that nobody named.
  func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus?

  /// Sets a queue, which exists after that. In force for what happens from now on: a raised limit lets
  /// jobs go at once, a lowered one waits for running jobs to end; order, ageing and fairness hold
  /// for jobs accepted later, or moved there (others keep their scores, also when they come back, run again or
  /// change their priority); retention for jobs that have ended as well: maintenance forgets what is then too
  /// old or too many.
  ///
  /// `version` is ``QueueStatus/version`` of what the change was based on (0 for a new queue), nil to
  /// overwrite; throws `changedMeanwhile` when it is another one.
  func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?
  ) async throws(BrokerError) -> QueueStatus

  /// Changes what the queue does with jobs. `draining` with nothing running, and `drainingBacklog` with
  /// nothing waiting or running, are `paused` at once. Throws `queueNotFound`.
  func setMode(of name: QueueName, to mode: QueueMode) async throws(BrokerError) -> QueueStatus

  /// Removes up to `limit` (at most 500) jobs of these states, never running ones: each as
  /// ``JobControl/remove(_:)``; one that ends, or is let go on, with one that was removed before it goes all the
  /// same. Answers how many went; fewer than `limit` means none is left.
  func clear(
    _ name: QueueName, _ states: Set<JobState>, limit: Int
  ) async throws(BrokerError) -> Int

  /// Forgets a queue's settings and totals. Throws `queueNotFound`, and `queueNotEmpty` while it has
  /// unfinished jobs. Ended jobs stay on record for their time.
  func delete(_ name: QueueName) async throws(BrokerError)

  /// What the queue did in the last `minutes` (1…1440), the running one included; nil: all queues.
  func statistics(
    of name: QueueName?, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics
}

/// Who works, and what workers are told.
@EventLoop
package protocol WorkerDirectory: AnyObject, Sendable {
  /// The heartbeat of a worker: notes what it says of itself, renews all its leases to `duration` from
  /// now (``JobQueue/extend(_:for:)``), and answers with what it is wanted to be. One call.
  ///
  /// `heard` is ``HeartbeatAnswer/at`` of the last heartbeat that was answered, nil where none was. What the
  /// worker was given before then and does not name here never reached it: the answer was lost on its way.
  /// Such a job is released.
  func beat(
    _ report: WorkerReport, renewing leases: [Lease], heard: Timestamp?, for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer

  /// The worker ends in order and is listed no more.
  func dismiss(_ worker: WorkerID) async throws(BrokerError)

  /// Every worker that was heard of and did not end in order, by id; one that is lost is listed for an hour.
  func workers() async throws(BrokerError) -> [WorkerInfo]

  /// Tells a worker what to be: with a directive at once, and with every heartbeat until it is. Throws
  /// `workerNotFound`.
  func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError)
}

extension WorkerDirectory {
  /// A heartbeat of a worker that says nothing of what it heard.
  package func beat(
    _ report: WorkerReport, renewing leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer {
    try await beat(report, renewing: leases, heard: nil, for: duration)
  }
}

/// What a worker learns with its heartbeat.
package struct HeartbeatAnswer: Hashable, Sendable {
  /// Of its leases, in their order.
  package var standings: [LeaseStanding]
  package var wanted: WorkerMode
  /// When, by the broker's clock; nil where the broker that gives jobs was not asked.
  package var at: Timestamp?

  package init(standings: [LeaseStanding], wanted: WorkerMode, at: Timestamp? = nil) {
    self.standings = standings
    self.wanted = wanted
    self.at = at
  }
}
