import EventLoop
import Redis

extension RedisBroker {
  package func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    precondition(
      request.id.partition == keys.partition, "a job goes to the partition that its id names")
    try requireFitting(request)
    return try acceptance(of: request, await submissions.answer(to: request))
  }

  /// Refuses a payload that no job may carry.
  func requireFitting(_ request: JobRequest) throws(BrokerError) {
    guard request.payload.bytes.count <= JobRequest.payloadLimit else {
      throw .payloadTooLarge(limit: JobRequest.payloadLimit)
    }
  }

  /// Runs `enqueue.lua` for submissions that go together; an answer for each.
  func submit(_ requests: [JobRequest]) async throws(BrokerError) -> [RedisValue] {
    let answer = try await run(scripts.enqueue) { command in
      for request in requests { append(request, to: &command) }
    }
    guard let answers = answer.elements, answers.count == requests.count else {
      throw .corrupt("enqueue answered in another form")
    }
    return answers
  }

  /// The arguments of `accept.lua`.
  func append(_ request: JobRequest, to command: inout RedisCommand) {
    let asked = request.asked
    command.append(request.id.key)
    command.append(request.queue.description)
    command.append(request.kind.description)
    command.append(request.user)
    command.append(request.priority.level)
    command.append(request.payload.bytes)
    command.append(asked.isEmpty ? [] : MessagePack.map(asked).encoded)
  }

  /// Reads the answer of `enqueue.lua`.
  func acceptance(
    of request: JobRequest, _ answer: RedisValue
  ) throws(BrokerError) -> Acceptance {
    let parts = answer.elements ?? []
    switch parts.first?.text {
    case "accepted" where parts.count == 2:
      var job = try Job(described: parts[1])
      job.payload = request.payload
      return Acceptance(job: job)
    case "key_reused": throw .idempotencyKeyReused
    case "failed": throw .corrupt(parts.last?.text ?? "enqueue failed")
    case let word?:
      if let refusal = refusal(parts) { throw refusal }
      guard parts.count == 2, let match = Acceptance.Match(rawValue: word) else { fallthrough }
      return Acceptance(job: try Job(described: parts[1]), match: match)
    default: throw .corrupt("enqueue answered in another form")
    }
  }

  /// What a script refused, in its words; nil where it did not.
  func refusal(_ parts: [RedisValue]) -> BrokerError? {
    guard let word = parts.first?.text, parts.count <= 2 else { return nil }
    let id = parts.last?.bytes.flatMap { JobID(key: $0) }
    switch word {
    case "draining": return .queueDraining
    case "full": return parts.last?.integer.map { .queueFull(limit: Int($0)) }
    case "parent_not_found": return id.map { .parentNotFound($0) }
    case "unique_key_taken": return id.map { .uniqueKeyTaken($0) }
    case "group_not_found": return .groupNotFound
    case "group_closed": return .groupClosed
    case "wrong_state":
      return parts.last?.text.flatMap { JobState(letter: $0) }.map { .wrongState($0) }
    default: return nil
    }
  }

  package func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange {
    for one in settlements {
      if case .complete(let result?) = one.settlement,
        result.bytes.count > Settlement.resultLimit
      {
        throw .reportTooLarge(limit: Settlement.resultLimit)
      }
    }
    let wanted = request.flatMap { $0.limit > 0 && !$0.queues.isEmpty ? $0 : nil }
    guard !settlements.isEmpty || wanted != nil else { return Exchange() }
    let answer = try await run(scripts.exchange) { command in
      // Chance comes from outside: what a script does depends on its arguments only.
      command.append(String(Double.random(in: 0...1)))
      command.append(settlements.count)
      for one in settlements {
        command.append(one.lease.job.key)
        command.append(one.lease.token)
        one.settlement.append(to: &command)
      }
      guard let wanted else { return }
      command.append(wanted.worker.description)
      command.append(wanted.duration.milliseconds)
      command.append(wanted.limit)
      for queue in wanted.queues { command.append(queue.description) }
    }
    guard let parts = answer.elements, parts.count >= 2, (parts.count - 2).isMultiple(of: 5),
      let letters = parts[0].elements, letters.count == settlements.count,
      let deadline = parts[1].integer
    else { throw .corrupt("exchange answered in another form") }
    var exchange = Exchange()
    for letter in letters {
      if let state = letter.text.flatMap({ JobState(letter: $0) }) {
        exchange.outcomes.append(.settled(state))
      } else {
        exchange.outcomes.append(.leaseLost)
      }
    }
    guard let wanted else { return exchange }
    for index in stride(from: 2, to: parts.count, by: 5) {
      let fields = parts[index..<(index + 5)]
      guard
        let job = LeasedJob(
          fields, worker: wanted.worker, deadline: Timestamp(milliseconds: deadline))
      else { throw .corrupt("exchange answered in another form") }
      exchange.jobs.append(job)
    }
    return exchange
  }

  package func extend(
    _ leases: [Lease], for duration: Duration
  ) async throws(BrokerError) -> [LeaseStanding] {
    guard !leases.isEmpty else { return [] }
    let answer = try await run(scripts.extend) { command in
      command.append(duration.milliseconds)
      for lease in leases {
        command.append(lease.job.key)
        command.append(lease.token)
      }
    }
    return try LeaseStanding.read(answer.elements?[...], count: leases.count)
  }

  package func report(
    _ progress: Progress, under lease: Lease
  ) async throws(BrokerError) -> ReportAnswer {
    guard progress.byteCount <= Progress.byteLimit else {
      throw .reportTooLarge(limit: Progress.byteLimit)
    }
    let answer = try await run(scripts.report) { command in
      command.append(lease.job.key)
      command.append(lease.token)
      command.append(progress.permille ?? -1)
      command.append(progress.packed)
    }
    guard let parts = answer.elements, parts.count == 2, let listeners = parts[1].integer else {
      throw .corrupt("report answered in another form")
    }
    return ReportAnswer(try LeaseStanding(parts[0]), listeners: Int(listeners))
  }

  package func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    try LeaseStanding(
      await run(scripts.log) { command in
        command.append(lease.job.key)
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
}

extension ParentFailureRule {
  /// The letter that stands for it in Redis.
  var letter: String {
    switch self {
    case .cancel: "c"
    case .fail: "f"
    case .run: "r"
    }
  }
}

extension RetryPolicy {
  /// Growth, base, cap, jitter, as `settle_job.lua` reads them.
  var messagePack: MessagePack {
    .array([.text(growth.rawValue), .duration(base), .duration(cap), .number(jitter)])
  }

  init?(_ value: MessagePack) {
    guard let parts = value.elements, parts.count == 4,
      let growth = parts[0].text.flatMap({ Growth(rawValue: $0) }), let base = parts[1].duration,
      let cap = parts[2].duration, let jitter = parts[3].number
    else { return nil }
    self.init(growth: growth, base: base, cap: cap, jitter: jitter)
  }
}

extension Settlement {
  /// Outcome, text and policy, as `exchange.lua` reads them.
  fileprivate func append(to command: inout RedisCommand) {
    var policy: MessagePack?
    switch self {
    case .complete(let result):
      command.append("complete")
      command.append(result?.bytes ?? [])
    case .fail(let failure, let retry):
      command.append(retry == .never ? "fail_finally" : "fail")
      command.append(failure.packed)
      switch retry {
      case .byPolicy(let own): policy = own.messagePack
      case .after(let delay): policy = .array([.text("own"), .duration(max(.zero, delay))])
      case .never: break
      }
    case .release:
      command.append("release")
      command.append("")
    case .snooze(let pause):
      command.append("snooze")
      command.append(max(.zero, pause).milliseconds)
    case .cancel(let failure):
      command.append("cancel")
      command.append(failure.packed)
    }
    command.append(policy?.encoded ?? [])
  }
}

extension LeasedJob {
  /// Reads what `lease_jobs.lua` answers for one job; nil for what we did not write.
  fileprivate init?(_ fields: ArraySlice<RedisValue>, worker: WorkerID, deadline: Timestamp) {
    let first = fields.startIndex
    guard let id = fields[first].bytes.flatMap({ JobID(key: $0) }),
      let record = fields[first + 1].bytes.flatMap({ RedisRecord($0) }),
      let token = record.more["v"]?.integer.flatMap({ UInt64(exactly: $0) }),
      let maxAttempts = fields[first + 2].integer,
      let payload = record.payload ?? fields[first + 4].bytes.flatMap({ JobPayload($0) })
    else { return nil }
    self.init(
      lease: Lease(
        job: id, queue: record.queue, worker: worker, token: token, deadline: deadline),
      kind: record.kind, user: record.user, attempt: record.attempt,
      maxAttempts: Int(maxAttempts), timeout: fields[first + 3].integer.map { .milliseconds($0) },
      payload: payload)
  }
}

extension LeaseStanding {
  init(_ word: RedisValue) throws(BrokerError) {
    switch word.text {
    case "held": self = .held
    case "cancel": self = .cancelRequested
    case "lost": self = .lost
    default: throw .corrupt("a lease's standing is told in another word")
    }
  }

  /// A word for each lease.
  static func read(
    _ words: ArraySlice<RedisValue>?, count: Int
  ) throws(BrokerError) -> [LeaseStanding] {
    guard let words, words.count == count else {
      throw .corrupt("the standing of leases is told in another form")
    }
    var standings: [LeaseStanding] = []
    for word in words { standings.append(try LeaseStanding(word)) }
    return standings
  }
}
