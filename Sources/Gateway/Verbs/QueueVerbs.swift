package import EventLoop
package import Jobs

/// What operators may do with queues, the same over sockets and HTTP. All of it needs `admin`.
@EventLoop
package final class QueueVerbs {
  private let broker: any Broker
  let webhooks: WebhookRules?

  /// `webhooks` are the rules for those that a queue may have; nil: none.
  package init(broker: any Broker, webhooks: WebhookRules? = nil) {
    self.broker = broker
    self.webhooks = webhooks
  }

  /// How a queue is brought to rest.
  package enum DrainMode: String, Hashable, Sendable, CaseIterable {
    /// What runs is let run; what waits stays.
    case running
    /// What waits is worked off too.
    case backlog
  }

  package func queues(for identity: Identity) async throws(Problem) -> [QueueStatus] {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in try await broker.queues() }
  }

  package func queue(_ name: QueueName, for identity: Identity) async throws(Problem) -> QueueStatus {
    try identity.require(.admin)
    let queue = try await solving { () async throws(BrokerError) in try await broker.queue(name) }
    guard let queue else { throw Problem(BrokerError.queueNotFound) }
    return queue
  }

  /// Sets all of a queue's settings. `version` is what the change was based on, nil to overwrite;
  /// answers with whether there was none before.
  package func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?, by identity: Identity
  ) async throws(Problem) -> (queue: QueueStatus, isNew: Bool) {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in
      let isNew = try await broker.queue(name) == nil
      return (try await broker.set(name, to: settings, ifVersion: version), isNew)
    }
  }

  /// Changes some of a queue's settings. Without a version it is laid over whatever stands, and over
  /// that again where somebody else is quicker.
  package func patch(
    _ name: QueueName, with change: JSONValue, ifVersion version: Int?, by identity: Identity
  ) async throws(Problem) -> QueueStatus {
    try identity.require(.admin)
    var attempts = 0
    while true {
      let queue = try await solving { () async throws(BrokerError) in try await broker.queue(name) }
      guard let queue else { throw Problem(BrokerError.queueNotFound) }
      if let version, version != queue.version { throw Problem(BrokerError.changedMeanwhile) }
      let settings = try queue.settings.patched(with: change, at: "/settings", webhooks: webhooks)
      do throws(BrokerError) {
        return try await broker.set(name, to: settings, ifVersion: queue.version)
      } catch {
        attempts += 1
        guard error == .changedMeanwhile, version == nil, attempts < 5 else { throw Problem(error) }
      }
    }
  }

  package func pause(_ name: QueueName, by identity: Identity) async throws(Problem) -> QueueStatus {
    try await bringToRest(name, .paused, by: identity)
  }

  package func resume(_ name: QueueName, by identity: Identity) async throws(Problem) -> QueueStatus {
    try await setMode(of: name, to: .active, by: identity)
  }

  package func drain(
    _ name: QueueName, _ mode: DrainMode, by identity: Identity
  ) async throws(Problem) -> QueueStatus {
    try await bringToRest(name, mode == .running ? .draining : .drainingBacklog, by: identity)
  }

  /// A queue that nobody has named yet is made by it, so that it is at rest before its first job comes.
  private func bringToRest(
    _ name: QueueName, _ mode: QueueMode, by identity: Identity
  ) async throws(Problem) -> QueueStatus {
    do throws(Problem) { return try await setMode(of: name, to: mode, by: identity) } catch {
      guard error.code == .queueNotFound else { throw error }
    }
    do throws(BrokerError) {
      _ = try await broker.set(name, to: QueueSettings(), ifVersion: 0)
    } catch {
      // Somebody else was quicker: it is there now.
      guard error == .changedMeanwhile else { throw Problem(error) }
    }
    return try await setMode(of: name, to: mode, by: identity)
  }

  private func setMode(
    of name: QueueName, to mode: QueueMode, by identity: Identity
  ) async throws(Problem) -> QueueStatus {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in
      try await broker.setMode(of: name, to: mode)
    }
  }

  /// Removes jobs that do not run; by default those that wait. Answers how many went, and whether
  /// there are more.
  package func clear(
    _ name: QueueName, _ states: Set<JobState>?, limit: Int, by identity: Identity
  ) async throws(Problem) -> (removed: Int, hasMore: Bool) {
    _ = try await queue(name, for: identity)
    let removed = try await solving { () async throws(BrokerError) in
      try await broker.clear(
        name, states ?? [.scheduled, .blocked, .queued, .retrying], limit: limit)
    }
    return (removed, removed == limit)
  }

  /// Deletes a queue that has no unfinished jobs.
  package func delete(_ name: QueueName, by identity: Identity) async throws(Problem) {
    try identity.require(.admin)
    try await solving { () async throws(BrokerError) in try await broker.delete(name) }
  }

  /// What the queue did in the last minutes; nil: all of them.
  package func statistics(
    of name: QueueName?, minutes: Int, for identity: Identity
  ) async throws(Problem) -> QueueStatistics {
    if let name { _ = try await queue(name, for: identity) } else { try identity.require(.admin) }
    return try await solving { () async throws(BrokerError) in
      try await broker.statistics(of: name, minutes: minutes)
    }
  }
}
