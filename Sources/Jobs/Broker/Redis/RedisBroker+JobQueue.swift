import EventLoop
import Redis

extension RedisBroker {
  package func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    precondition(
      request.id.partition == keys.partition, "a job goes to the partition that its id names")
    guard request.payload.bytes.count <= JobRequest.payloadLimit else {
      throw .payloadTooLarge(limit: JobRequest.payloadLimit)
    }
    let epoch = StreamPosition.newEpoch()
    let answer = try await run(scripts.enqueue) { command in
      command.append(request.id.description)
      command.append(request.queue.description)
      command.append(request.kind.description)
      command.append(request.user)
      command.append(request.priority.level)
      command.append(request.maxAttempts ?? 3)
      command.append(request.timeout.map { String($0.milliseconds) } ?? "")
      command.append(epoch)
      command.append(request.payload.bytes)
      if let key = request.idempotencyKey {
        // The length keeps user and key apart, whatever characters they hold.
        command.append("\(request.user.utf8.count):\(request.user):\(key)")
        command.append(request.fingerprint)
      } else {
        command.append("")
        command.append("")
      }
      command.append(Self.idempotencyLifetime.milliseconds)
    }
    let parts = answer.elements ?? []
    switch parts.first?.text {
    case "accepted" where parts.count == 3:
      let now = Timestamp(milliseconds: parts[1].integer ?? 0)
      let job = Job(
        id: request.id, queue: request.queue, kind: request.kind, user: request.user,
        state: .queued, priority: request.priority, maxAttempts: request.maxAttempts ?? 3,
        queuePosition: parts[2].integer.map { Int($0) + 1 }, createdAt: now, updatedAt: now,
        timeout: request.timeout, position: StreamPosition(offset: 1, epoch: epoch),
        payload: request.payload)
      return Acceptance(job: job)
    case "replay" where parts.count == 2:
      guard let id = parts[1].text.flatMap({ JobID($0) }), let job = try await job(id) else {
        // It ended its lifetime between two calls: nothing was accepted, and a repeat will be.
        throw .unavailable
      }
      return Acceptance(job: job, match: .id)
    case "key_reused": throw .idempotencyKeyReused
    default: throw .corrupt("enqueue answered in another form")
    }
  }

  package func lease(
    from queues: [QueueName], limit: Int, for duration: Duration, by worker: WorkerID
  ) async throws(BrokerError) -> [LeasedJob] {
    guard limit > 0, !queues.isEmpty else { return [] }
    let answer = try await run(scripts.lease) { command in
      command.append(worker.description)
      command.append(duration.milliseconds)
      command.append(limit)
      for queue in queues { command.append(queue.description) }
    }
    guard let parts = answer.elements, let deadline = parts.first?.integer else {
      throw .corrupt("lease answered in another form")
    }
    var jobs: [LeasedJob] = []
    jobs.reserveCapacity(parts.count - 1)
    for part in parts.dropFirst() {
      guard let fields = part.elements, fields.count == 9,
        let id = fields[0].text.flatMap({ JobID($0) }),
        let queue = fields[1].text.flatMap({ QueueName($0) }),
        let token = fields[2].text.flatMap({ UInt64($0) }),
        let kind = fields[3].text.flatMap({ JobKind($0) }), let user = fields[4].text,
        let attempt = fields[5].integer, let maxAttempts = fields[6].integer,
        let payload = fields[8].bytes
      else { throw .corrupt("lease answered in another form") }
      let lease = Lease(
        job: id, queue: queue, worker: worker, token: token,
        deadline: Timestamp(milliseconds: deadline))
      jobs.append(
        LeasedJob(
          lease: lease, kind: kind, user: user, attempt: Int(attempt),
          maxAttempts: Int(maxAttempts), timeout: fields[7].integer.map { .milliseconds($0) },
          payload: JSONText(unchecked: payload)))
    }
    return jobs
  }

  package func extend(
    _ leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> [LeaseStanding] {
    guard !leases.isEmpty else { return [] }
    let answer = try await run(scripts.extend) { command in
      command.append(duration.milliseconds)
      for lease in leases {
        command.append(lease.job.description)
        command.append(lease.token)
      }
    }
    guard let words = answer.elements, words.count == leases.count else {
      throw .corrupt("extend answered in another form")
    }
    var standings: [LeaseStanding] = []
    for word in words { standings.append(try LeaseStanding(word)) }
    return standings
  }

  package func report(
    _ progress: Progress, under lease: Lease
  ) async throws(BrokerError) -> LeaseStanding {
    guard progress.byteCount <= Progress.byteLimit else {
      throw .reportTooLarge(limit: Progress.byteLimit)
    }
    return try LeaseStanding(
      await run(scripts.report) { command in
        command.append(lease.job.description)
        command.append(lease.token)
        command.append(progress.permille ?? -1)
        command.append(progress.packed)
      })
  }

  package func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    try LeaseStanding(
      await run(scripts.log) { command in
        command.append(lease.job.description)
        command.append(lease.token)
        command.append(Self.logLimit)
        for line in lines.suffix(Self.logLimit) {
          command.append(line.cut(toBytes: Self.logLineLimit))
        }
      })
  }

  /// How many lines of a log are kept, and how many bytes of each.
  private static let logLimit = 200
  private static let logLineLimit = 1 << 10

  package func settle(
    _ lease: Lease, _ settlement: Settlement
  ) async throws(BrokerError) -> SettlementOutcome {
    if case .complete(let result?) = settlement, result.bytes.count > Settlement.resultLimit {
      throw .reportTooLarge(limit: Settlement.resultLimit)
    }
    let answer = try await run(scripts.settle) { command in
      command.append(lease.job.description)
      command.append(lease.token)
      switch settlement {
      case .complete(let result):
        command.append("complete")
        command.append(result?.bytes ?? [])
      case .fail(let failure, _):
        command.append("fail")
        command.append(failure.packed)
      case .release:
        command.append("release")
        command.append("")
      case .cancel(let failure):
        command.append("cancel")
        command.append(failure.packed)
      }
      if case .complete = settlement {
        command.append(retention.completed.milliseconds)
      } else {
        command.append(retention.cancelled.milliseconds)
      }
      command.append(retention.failed.milliseconds)
      guard case .fail(_, let retry) = settlement else { return }
      switch retry {
      case .byPolicy(let policy):
        command.append(policy.base.milliseconds)
        command.append(policy.cap.milliseconds)
        command.append(String(policy.jitter))
      case .after(let delay):
        command.append(max(0, delay.milliseconds))
        command.append(max(0, delay.milliseconds))
        command.append("0")
      case .never:
        command.append("never")
        command.append("0")
        command.append("0")
      }
      // Chance comes from outside: what a script does depends on its arguments only.
      command.append(String(Double.random(in: 0...1)))
    }
    let parts = answer.elements ?? []
    switch parts.first?.text {
    case "settled":
      guard parts.count == 2, let state = parts[1].text.flatMap({ JobState(letter: $0) }) else {
        throw .corrupt("settle answered in another form")
      }
      return .settled(state)
    case "lease_lost": return .leaseLost
    default: throw .corrupt("settle answered in another form")
    }
  }

  package func cancel(_ id: JobID, reason: String?, forced: Bool) async throws(BrokerError) -> Job {
    guard id.partition == keys.partition else { throw .jobNotFound }
    let failure = JobFailure(code: "cancelled", message: reason ?? "It was cancelled.")
    let answer = try await run(scripts.cancel) { command in
      command.append(id.description)
      command.append(failure.packed)
      command.append(retention.cancelled.milliseconds)
    }
    if answer.isNull { throw .jobNotFound }
    return try Job(record: answer)
  }

  package func reap(
    limit: Int, maxLost: Int, amnesty: Duration
  ) async throws(BrokerError) -> MaintenanceReport {
    let failure = JobFailure(
      code: "lost", message: "Workers that ran the job were lost too often.")
    let answer = try await run(scripts.reap) { command in
      command.append(limit)
      command.append(maxLost)
      command.append(amnesty.milliseconds)
      command.append(failure.packed)
      command.append(retention.cancelled.milliseconds)
      command.append(retention.failed.milliseconds)
    }
    guard let parts = answer.elements, parts.count == 4, let pardoned = parts[0].integer else {
      throw .corrupt("reap answered in another form")
    }
    func ids(_ value: RedisValue) -> [JobID] {
      (value.elements ?? []).compactMap { $0.text.flatMap { JobID($0) } }
    }
    var report = MaintenanceReport()
    report.pardoned = Int(pardoned)
    report.requeued = ids(parts[1])
    report.failed = ids(parts[2])
    report.cancelled = ids(parts[3])
    return report
  }
}

extension LeaseStanding {
  fileprivate init(_ word: RedisValue) throws(BrokerError) {
    switch word.text {
    case "held": self = .held
    case "cancel": self = .cancelRequested
    case "lost": self = .lost
    default: throw .corrupt("a lease's standing is told in another word")
    }
  }
}
