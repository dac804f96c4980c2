import EventLoop
import Jobs

/// A queue as it stands, for any caller of a system that shows it to all of them.
struct ShowQueue: LegacyVerb {
  var name: QueueName

  init(_ name: QueueName) { self.name = name }

  func carryOut(for call: LegacyCall) async throws -> QueueStatus {
    try await call.engine.queues.queue(name, for: .ofTheGateway)
  }
}

/// A queue as it stands, and who works on it.
struct ShowWorkers: LegacyVerb {
  var name: QueueName

  init(of name: QueueName) { self.name = name }

  func carryOut(for call: LegacyCall) async throws -> (queue: QueueStatus, workers: [WorkerInfo]) {
    try await call.serving(name)
  }
}

extension LegacyCall {
  /// A queue, and the live workers that serve it.
  func serving(_ name: QueueName) async throws(Problem) -> (queue: QueueStatus, workers: [WorkerInfo]) {
    let queue = try await engine.queues.queue(name, for: .ofTheGateway)
    let workers = try await engine.workers.workers(for: .ofTheGateway)
    return (queue, workers.filter { $0.isLive && $0.report.queues.contains(name) })
  }
}

/// Lets work on a queue begin or end: the queue itself, and the workers that serve no other.
struct SetWorking: LegacyVerb {
  var name: QueueName
  var isOn: Bool

  init(_ name: QueueName, _ isOn: Bool) {
    self.name = name
    self.isOn = isOn
  }

  func carryOut(for call: LegacyCall) async throws -> (queue: QueueStatus, workers: [WorkerInfo]) {
    let queues = call.engine.queues
    _ = try await isOn ? queues.resume(name, by: call.identity) : queues.pause(name, by: call.identity)
    for worker in try await call.serving(name).workers where worker.report.queues == [name] {
      _ = try await call.engine.workers.direct(worker.report.id, to: isOn ? .running : .quiet, by: call.identity)
    }
    return try await call.serving(name)
  }
}

/// How all queues stand, and how the whole does.
struct ShowHealth: LegacyVerb {
  func carryOut(for call: LegacyCall) async throws -> HealthReport {
    try await call.engine.status.health(for: .ofTheGateway)
  }
}

/// How some queues stand, what they did in the last hour, and who works.
struct ShowStatistics: LegacyVerb {
  var names: Set<QueueName>

  init(of names: [QueueName]) { self.names = Set(names) }

  struct Answer: Sendable {
    var queues: [QueueStatus]
    var recent: QueueStatistics
    var workers: [WorkerInfo]
  }

  func carryOut(for call: LegacyCall) async throws -> Answer {
    let engine = call.engine
    var answer = Answer(queues: [], recent: QueueStatistics(minutes: 60), workers: [])
    answer.queues = try await engine.queues.queues(for: .ofTheGateway).filter { names.contains($0.name) }
    for queue in answer.queues {
      answer.recent.add(try await engine.queues.statistics(of: queue.name, minutes: 60, for: .ofTheGateway))
    }
    answer.workers = try await engine.workers.workers(for: .ofTheGateway)
      .filter { !names.isDisjoint(with: $0.report.queues) }
    return answer
  }
}

/// Writes a backup now.
struct BackUp: LegacyVerb {
  func carryOut(for call: LegacyCall) async throws -> BackupFile.Summary {
    try await call.engine.backups.create(by: call.identity)
  }
}

/// Does now what is otherwise done every few seconds: jobs of lost workers, due ones, expired ones.
struct Maintain: LegacyVerb {
  func carryOut(for call: LegacyCall) async throws -> MaintenanceDocument {
    try await call.engine.maintenance.run(repairs: true, after: nil, by: call.identity)
  }
}
