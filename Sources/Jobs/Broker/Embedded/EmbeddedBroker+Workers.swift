import EventLoop

extension EmbeddedBroker: WorkerDirectory {
  package func beat(
    _ report: WorkerReport, renewing leases: [Lease], heard: Timestamp?, for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer {
    try requireOpen()
    let now = clock()
    let wanted = roster.hear(report, lease: duration, at: now)
    let standings = renew(leases, for: duration, at: now)
    if let heard, releaseUnheard(of: report.id, but: Set(leases.map(\.job)), before: heard, at: now) {
      try await store.kept()
    }
    return HeartbeatAnswer(standings: standings, wanted: wanted, at: now)
  }

  /// Gives back what a worker was given before `heard` and does not name; false if there is nothing.
  private func releaseUnheard(
    of worker: WorkerID, but named: Set<JobID>, before heard: Timestamp, at now: Timestamp
  ) -> Bool {
    let unheard = store.table.jobs(of: worker).filter { id in
      guard !named.contains(id), let givenAt = store.table[id]?.attemptStartedAt else { return false }
      return givenAt < heard
    }
    for id in unheard {
      guard let record = store.table[id] else { continue }
      let lease = Lease(
        job: id, queue: record.job.queue, worker: worker, token: record.token, deadline: now)
      _ = settle(lease, .release, at: now)
    }
    return !unheard.isEmpty
  }

  package func dismiss(_ worker: WorkerID) async throws(BrokerError) {
    try requireOpen()
    roster.remove(worker)
  }

  package func workers() async throws(BrokerError) -> [WorkerInfo] {
    try requireOpen()
    return roster.workers(at: clock()).map { worker in
      var worker = worker
      worker.jobs = store.table.jobs(of: worker.report.id)
      return worker
    }
  }

  package func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError) {
    try requireOpen()
    guard roster.want(worker, mode, at: clock()) else { throw .workerNotFound }
    fanout.publish(.become(mode), to: worker)
  }
}
