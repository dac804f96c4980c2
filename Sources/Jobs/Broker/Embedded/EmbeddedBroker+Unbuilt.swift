import EventLoop

// What is still to be built.
extension EmbeddedBroker: JobControl, QueueAdministration, WorkerDirectory {
  package func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange {
    var exchange = Exchange()
    for one in settlements { exchange.outcomes.append(try await settle(one.lease, one.settlement)) }
    if let request {
      exchange.jobs = try await lease(
        from: request.queues, limit: request.limit, for: request.duration, by: request.worker)
    }
    return exchange
  }
  package func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace] { throw .corrupt("unbuilt") }
  package func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job { throw .corrupt("unbuilt") }
  package func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job { throw .corrupt("unbuilt") }
  package func promote(_ id: JobID) async throws(BrokerError) -> Job { throw .corrupt("unbuilt") }
  package func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job { throw .corrupt("unbuilt") }
  package func remove(_ id: JobID) async throws(BrokerError) -> Bool { throw .corrupt("unbuilt") }
  package func maintain(limit: Int, _ rules: LossRules) async throws(BrokerError) -> MaintenanceReport {
    try await reap(limit: limit, maxLost: rules.maxLost, amnesty: rules.amnesty)
  }
  package func queues() async throws(BrokerError) -> [QueueStatus] { throw .corrupt("unbuilt") }
  package func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus? { throw .corrupt("unbuilt") }
  package func set(_ name: QueueName, to settings: QueueSettings, ifVersion version: Int?) async throws(BrokerError) -> QueueStatus { throw .corrupt("unbuilt") }
  package func setMode(of name: QueueName, to mode: QueueMode) async throws(BrokerError) -> QueueStatus { throw .corrupt("unbuilt") }
  package func clear(_ name: QueueName, _ states: Set<JobState>, limit: Int) async throws(BrokerError) -> Int { throw .corrupt("unbuilt") }
  package func delete(_ name: QueueName) async throws(BrokerError) { throw .corrupt("unbuilt") }
  package func statistics(of name: QueueName?, minutes: Int) async throws(BrokerError) -> QueueStatistics { throw .corrupt("unbuilt") }
  package func beat(_ report: WorkerReport, renewing leases: [Lease], for duration: Duration) async throws(BrokerError) -> HeartbeatAnswer {
    HeartbeatAnswer(standings: try await extend(leases, for: duration), wanted: .running)
  }
  package func dismiss(_ worker: WorkerID) async throws(BrokerError) {}
  package func workers() async throws(BrokerError) -> [WorkerInfo] { throw .corrupt("unbuilt") }
  package func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError) { throw .corrupt("unbuilt") }
}
