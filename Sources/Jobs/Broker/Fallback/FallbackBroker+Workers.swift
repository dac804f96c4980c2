import EventLoop

extension FallbackBroker: WorkerDirectory {
  /// The local broker hears of the worker, too, and lists it while the shared one is away.
  package func beat(
    _ report: WorkerReport, renewing leases: [Lease], heard: Timestamp?, for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer {
    // Whom nobody can tell anything else goes on as it is.
    var (wanted, at) = (report.mode, Timestamp?.none)
    let standings = try await renew(leases, for: duration) { [local] here throws(BrokerError) in
      try await local.beat(report, renewing: here, for: duration).standings
    } remotely: { [shared, isReachable] there throws(BrokerError) in
      guard isReachable() || !there.isEmpty else { return [] }
      let answer = try await shared.beat(report, renewing: there, heard: heard, for: duration)
      (wanted, at) = (answer.wanted, answer.at)
      return answer.standings
    }
    return HeartbeatAnswer(standings: standings, wanted: wanted, at: at)
  }

  package func extend(
    _ leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> [LeaseStanding] {
    try await renew(leases, for: duration) { [local] here throws(BrokerError) in
      guard !here.isEmpty else { return [] }
      return try await local.extend(here, for: duration)
    } remotely: { [shared] there throws(BrokerError) in
      try await shared.extend(there, for: duration)
    }
  }

  /// Renews each lease where its job lives: an absence of the shared broker lets no local lease run out.
  private func renew(
    _ leases: [Lease], for duration: Duration,
    locally: @EventLoop ([Lease]) async throws(BrokerError) -> [LeaseStanding],
    remotely: @EventLoop ([Lease]) async throws(BrokerError) -> [LeaseStanding]
  ) async throws(BrokerError) -> [LeaseStanding] {
    let now = ContinuousClock.now
    let isLocal = leases.map { localJobs.contains($0.job) }
    let here = zip(leases, isLocal).filter(\.1).map(\.0)
    let there = zip(leases, isLocal).filter { !$0.1 }.map(\.0)
    var first = try await locally(here)[...]
    var second: ArraySlice<LeaseStanding>
    do throws(BrokerError) {
      // Known to be away, it is not waited for.
      guard isReachable() || there.isEmpty || here.isEmpty else { throw .unavailable }
      second = try await remotely(there)[...]
    } catch {
      guard error == .unavailable, !here.isEmpty else { throw error }
      second = there.map { _ in .unavailable }[...]
    }
    let standings = isLocal.map { isLocal in
      guard let standing = isLocal ? first.popFirst() : second.popFirst() else {
        preconditionFailure("a broker answered for fewer leases than asked")
      }
      return standing
    }
    held.renewed(leases, standings, for: duration, at: now)
    return standings
  }

  package func dismiss(_ worker: WorkerID) async throws(BrokerError) {
    try await local.dismiss(worker)
    try await shared.dismiss(worker)
  }

  /// Those of all processes; while the shared broker is away, those of this one. Their jobs are those of either.
  package func workers() async throws(BrokerError) -> [WorkerInfo] {
    let here = try await local.workers()
    guard isReachable() else {
      return here.map { worker in
        var worker = worker
        let id = worker.report.id
        worker.jobs += held.jobs(at: .now) { $0.worker == id && !localJobs.contains($0.job) }
        // Nobody can tell it anything: it is what it is.
        worker.wanted = worker.report.mode == .stopped ? .stopping : worker.report.mode
        return worker
      }
    }
    let jobs = Dictionary(uniqueKeysWithValues: here.map { ($0.report.id, $0.jobs) })
    return try await shared.workers().map { worker in
      var worker = worker
      worker.jobs += jobs[worker.report.id] ?? []
      return worker
    }
  }

  package func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError) {
    try await shared.direct(worker, to: mode)
  }
}
