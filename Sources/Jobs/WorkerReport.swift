/// What a worker process says of itself with every heartbeat.
package struct WorkerReport: Hashable, Sendable {
  package var id: WorkerID
  package var host: String
  package var process: Int
  package var version: String
  package var queues: [QueueName]
  package var kinds: [JobKind]
  package var slots: Int
  /// Resident bytes of the process and of its children.
  package var memory: Int
  package var startedAt: Timestamp
  package var mode: WorkerMode

  package init(
    id: WorkerID, host: String, process: Int, version: String, queues: [QueueName],
    kinds: [JobKind], slots: Int, memory: Int, startedAt: Timestamp, mode: WorkerMode = .running
  ) {
    self.id = id
    self.host = host
    self.process = process
    self.version = version
    self.queues = queues
    self.kinds = kinds
    self.slots = slots
    self.memory = memory
    self.startedAt = startedAt
    self.mode = mode
  }
}

/// What a worker does, or is wanted to do.
package enum WorkerMode: String, Hashable, Sendable, CaseIterable {
  /// Takes jobs.
  case running
  /// Takes no more; what runs goes on.
  case quiet
  /// Takes no more, gives back or finishes what runs, and ends; a gateway's workers are ``stopped`` then.
  case stopping
  /// Has stopped, and can be told to run. Told of itself only: what is wanted is ``stopping``.
  case stopped
}

/// A worker as others see it.
package struct WorkerInfo: Hashable, Sendable {
  package var report: WorkerReport
  /// What it was told to be; the report follows with its next heartbeat.
  package var wanted: WorkerMode
  /// The jobs it holds leases of.
  package var jobs: [JobID]
  package var seenAt: Timestamp
  /// It has not been heard of for a whole lease.
  package var isLost: Bool

  package init(
    report: WorkerReport, wanted: WorkerMode = .running, jobs: [JobID] = [], seenAt: Timestamp,
    isLost: Bool = false
  ) {
    self.report = report
    self.wanted = wanted
    self.jobs = jobs
    self.seenAt = seenAt
    self.isLost = isLost
  }

  /// Whether it takes part: neither lost nor stopped.
  package var isLive: Bool { !isLost && report.mode != .stopped }

  /// Whether it is what it was told to be.
  package var isAsWanted: Bool {
    wanted == report.mode || (wanted == .stopping && report.mode == .stopped)
  }
}
