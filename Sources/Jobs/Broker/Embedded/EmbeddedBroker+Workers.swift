import EventLoop

extension EmbeddedBroker: WorkerDirectory {
  package func beat(
    _ report: WorkerReport, renewing leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer {
    try requireOpen()
    let now = clock()
    let wanted = roster.hear(report, lease: duration, at: now)
    return HeartbeatAnswer(standings: renew(leases, for: duration, at: now), wanted: wanted)
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
