package import EventLoop
package import Jobs

/// What operators may do with workers, the same over sockets and HTTP. All of it needs `admin`.
@EventLoop
package final class WorkerVerbs {
  private let broker: any Broker

  package init(broker: any Broker) { self.broker = broker }

  package func workers(for identity: Identity) async throws(Problem) -> [WorkerInfo] {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in try await broker.workers() }
  }

  /// Tells a worker what to be; answers with the worker as it then stands. A lost one cannot be told to run; that
  /// it is to stop is kept for it.
  package func direct(
    _ worker: WorkerID, to mode: WorkerMode, by identity: Identity
  ) async throws(Problem) -> WorkerInfo {
    try identity.require(.admin)
    if mode == .running, try await workers(for: identity).contains(where: { $0.report.id == worker && $0.isLost }) {
      throw Problem(.workerLost, status: 409, detail: "It was not heard of for a lease, and would not hear it.")
    }
    return try await solving { () async throws(BrokerError) in
      try await broker.direct(worker, to: mode)
      guard let info = try await broker.workers().first(where: { $0.report.id == worker }) else {
        throw BrokerError.workerNotFound
      }
      return info
    }
  }
}
