import EventLoop
import Redis

extension RedisBroker {
  static let lostWorkersAreListed = Duration.seconds(3600)

  package func beat(
    _ report: WorkerReport, renewing leases: [Lease], heard: Timestamp?, for duration: Duration
  ) async throws(BrokerError) -> HeartbeatAnswer {
    let answer = try await run(scripts.beat) { command in
      command.append(report.id.description)
      command.append(duration.milliseconds)
      command.append(report.messagePack.encoded)
      command.append(heard.map { String($0.milliseconds) } ?? "")
      for lease in leases {
        command.append(lease.job.key)
        command.append(lease.token)
      }
    }
    guard let parts = answer.elements, parts.count >= 2, let now = parts[1].integer else {
      throw .corrupt("beat answered in another form")
    }
    return HeartbeatAnswer(
      standings: try LeaseStanding.read(parts.dropFirst(2), count: leases.count),
      wanted: parts[0].text.flatMap { WorkerMode(rawValue: $0) } ?? .running,
      at: Timestamp(milliseconds: now))
  }

  package func dismiss(_ worker: WorkerID) async throws(BrokerError) {
    _ = try await run(scripts.direct) { command in
      command.append(worker.description)
      command.append("")
    }
  }

  package func direct(_ worker: WorkerID, to mode: WorkerMode) async throws(BrokerError) {
    let answer = try await run(scripts.direct) { command in
      command.append(worker.description)
      command.append(mode.rawValue)
    }
    if answer.integer != 1 { throw .workerNotFound }
  }

  package func workers() async throws(BrokerError) -> [WorkerInfo] {
    let answer = try await run(scripts.workers) { command in
      command.append(Self.lostWorkersAreListed.milliseconds)
    }
    guard let parts = answer.elements, let now = parts.first?.integer,
      (parts.count - 1).isMultiple(of: 5)
    else { throw .corrupt("workers answered in another form") }
    var workers: [WorkerInfo] = []
    for index in stride(from: 1, to: parts.count, by: 5) {
      guard let id = parts[index].text.flatMap({ WorkerID($0) }), let seen = parts[index + 1].integer,
        let values = parts[index + 2].bytes.flatMap({ MessagePack.values(in: $0) }),
        values.count == 2, let duration = values[0].integer,
        let report = values[1].bytes.flatMap({ WorkerReport(id, $0) })
      else { throw .corrupt("a worker's report has another form") }
      let jobs = (parts[index + 4].elements ?? []).compactMap { $0.bytes.flatMap { JobID(key: $0) } }
      workers.append(
        WorkerInfo(
          report: report,
          wanted: parts[index + 3].text.flatMap { WorkerMode(rawValue: $0) } ?? .running,
          jobs: jobs.sorted(), seenAt: Timestamp(milliseconds: seen), isLost: now > seen + duration))
    }
    return workers.sorted { $0.report.id < $1.report.id }
  }
}

extension WorkerReport {
  fileprivate var messagePack: MessagePack {
    .map([
      "host": .text(host), "process": .integer(Int64(process)), "version": .text(version),
      "queues": .array(queues.map { .text($0.description) }),
      "kinds": .array(kinds.map { .text($0.description) }), "slots": .integer(Int64(slots)),
      "memory": .integer(Int64(memory)), "started": .integer(startedAt.milliseconds),
      "mode": .text(mode.rawValue),
    ])
  }

  fileprivate init?(_ id: WorkerID, _ bytes: [UInt8]) {
    guard let fields = MessagePack.values(in: bytes)?.first?.fields,
      let host = fields["host"]?.text, let process = fields["process"]?.integer,
      let version = fields["version"]?.text, let queues = fields["queues"]?.elements,
      let kinds = fields["kinds"]?.elements, let slots = fields["slots"]?.integer,
      let memory = fields["memory"]?.integer, let started = fields["started"]?.timestamp,
      let mode = fields["mode"]?.text.flatMap({ WorkerMode(rawValue: $0) })
    else { return nil }
    self.init(
      id: id, host: host, process: Int(process), version: version,
      queues: queues.compactMap { $0.text.flatMap { QueueName($0) } },
      kinds: kinds.compactMap { $0.text.flatMap { JobKind($0) } }, slots: Int(slots),
      memory: Int(memory), startedAt: started, mode: mode)
  }
}
