import EventLoop
import Redis

/// What a job may come to that stands in its record; more stands beside it (`outcome.lua`).
private let inlineLimit = 512

extension RedisBroker: QueueArrival {
  package func archive(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> ArchivePage {
    guard let cursor else { return try await firstArchivePage(next: "-1 ") }
    let answer = try await run(scripts.archive) { command in
      command.append(cursor)
      command.append(min(max(limit, 1), 1000))
    }
    guard let parts = answer.elements, let next = parts.first else {
      throw .corrupt("archive answered in another form")
    }
    var entries: [ArchiveEntry] = []
    for part in parts.dropFirst() {
      guard let pieces = part.elements, pieces.count == 3 else {
        throw .corrupt("archive answered in another form")
      }
      if let id = pieces[0].bytes.flatMap({ GroupID(key: $0) }) {
        let callback = pieces[2].bytes.flatMap { MessagePack.values(in: $0)?.first }
        let group = try JobGroup(id, kept: pieces[1])
        entries.append(.group(group, callback: callback.flatMap { JobRequest($0) }))
      } else {
        entries.append(.job(try JobSnapshot(archived: pieces)))
      }
    }
    if next.text == nil { entries += try await ledgers() }
    return ArchivePage(entries: entries, next: next.text)
  }

  /// What queues remember, each read at a moment of its own.
  private func ledgers() async throws(BrokerError) -> [ArchiveEntry] {
    let answer = try await run(scripts.queues) { _ in }
    var entries: [ArchiveEntry] = []
    for part in answer.elements ?? [] {
      let status = try QueueStatus(described: part)
      let virtualTime = QueueStatus.virtualTime(described: part)
      let turns = status.settings.isFair ? try await turns(in: status.name, after: virtualTime) : [:]
      let ledger = QueueLedger(of: status, virtualTime: virtualTime, turns: turns)
      if !ledger.isBlank { entries.append(.ledger(ledger)) }
    }
    return entries
  }

  /// The tags that users' next jobs get, of those that get later ones than the queue's time.
  private func turns(in queue: QueueName, after time: Int64) async throws(BrokerError) -> [String: Int64] {
    let fields: [RedisValue]
    do {
      let command = RedisCommand(
        "ZRANGE", keys.key(.fair, queue.description), "(\(time)", "+inf", "BYSCORE", "WITHSCORES")
      fields = try await client.send(command).elements ?? []
    } catch { throw BrokerError(error) }
    var turns: [String: Int64] = [:]
    for index in stride(from: 0, to: fields.count - 1, by: 2) {
      guard let user = fields[index].text, let tag = fields[index + 1].text.flatMap({ Double($0) }) else {
        throw .corrupt("the turns of queue \(queue) have another form")
      }
      turns[user] = Int64(tag)
    }
    return turns
  }

  package func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport {
    var report = RestoreReport()
    for entry in entries {
      switch entry {
      case .queue(let name, let settings, let mode):
        try await restore(name, settings, mode, &report)
      case .job(let snapshot): try await restore(snapshot, &report)
      case .schedule(let status): try await restore(status, &report)
      case .group(let group, let callback): try await restore(group, callback, &report)
      case .ledger(let ledger): try await restore(ledger, &report)
      case .revocation(let revocation):
        if try await take(revocation) { report.restored += 1 } else { report.known += 1 }
      }
    }
    return report
  }

  private func restore(
    _ snapshot: JobSnapshot, _ report: inout RestoreReport
  ) async throws(BrokerError) {
    guard snapshot.job.id.partition == keys.partition else {
      throw .corrupt("job \(snapshot.job.id) belongs to another partition")
    }
    let isLong = (snapshot.job.payload?.bytes.count ?? 0) > inlineLimit
    let answer = try await run(scripts.restore) { command in
      command.append(snapshot.job.id.key)
      command.append(snapshot.record)
      command.append(isLong ? snapshot.job.payload?.bytes ?? [] : [])
      command.append(snapshot.job.result?.bytes ?? snapshot.job.failure?.packed ?? [])
      command.append(snapshot.also.encoded)
    }
    let parts = answer.elements ?? []
    switch parts.first?.text {
    case "restored": report.restored += 1
    case "known": report.known += 1
    case "duplicate":
      report.restored += 1
      report.duplicates.append(snapshot.job.id)
    default: throw .corrupt("restore answered in another form")
    }
    if parts.last?.integer == 1 { arriving[snapshot.job.queue] = .active }
  }

  private func restore(
    _ status: ScheduleStatus, _ report: inout RestoreReport
  ) async throws(BrokerError) {
    var command = RedisCommand("HSETNX", keys.key(.schedules), status.schedule.name.description)
    command.append(status.kept)
    let answer: RedisValue
    do { answer = try await client.send(command) } catch { throw BrokerError(error) }
    if answer.integer == 1 { report.restored += 1 } else { report.known += 1 }
  }

  private func restore(
    _ group: JobGroup, _ callback: JobRequest?, _ report: inout RestoreReport
  ) async throws(BrokerError) {
    guard group.id.partition == keys.partition,
      callback.map({ $0.id.partition == keys.partition }) ?? true
    else { throw .corrupt("group \(group.id) belongs to another partition") }
    guard callback.map({ $0.group == nil && $0.dependencies.parents.isEmpty }) ?? true else {
      throw .corrupt("the callback of group \(group.id) names a group or parents")
    }
    let answer = try await run(scripts.restoreGroup) { command in
      command.append(group.id.key)
      command.append(group.kept)
      command.append(callback?.messagePack.encoded ?? [])
    }
    switch answer.text {
    case "restored": report.restored += 1
    case "known": report.known += 1
    default: throw .corrupt("restore_group answered in another form")
    }
  }

  private func restore(
    _ ledger: QueueLedger, _ report: inout RestoreReport
  ) async throws(BrokerError) {
    let answer = try await run(scripts.restoreLedger) { command in
      command.append(ledger.queue.description)
      command.append(ledger.fields.encoded)
      command.append(ledger.lastFailedAt?.milliseconds ?? 0)
      command.append(JobFailure(code: "restored", message: ledger.lastFailure ?? "").packed)
      for (user, tag) in ledger.turns {
        command.append(user)
        command.append(tag)
      }
    }
    guard let word = answer.text, word == "restored" || word == "known" else {
      throw .corrupt("restore_ledger answered in another form")
    }
    try await arrived(ledger.queue, isRaised: word == "restored", &report)
  }

  package func discard(_ ids: [JobID]) async throws(BrokerError) {
    guard !ids.isEmpty else { return }
    _ = try await run(scripts.discard) { command in for id in ids { command.append(id.key) } }
  }
}

extension QueueLedger {
  /// What only rises, by the names of COUNTERS.
  fileprivate var fields: MessagePack {
    let counts: [(String, Int64)] = [
      ("in", Int64(totals.accepted)), ("tc", Int64(totals.completed)), ("tf", Int64(totals.failed)),
      ("tx", Int64(totals.cancelled)), ("ty", Int64(totals.retried)), ("lost", Int64(totals.lost)),
      ("ended", lastFinishedAt?.milliseconds ?? 0), ("v", virtualTime),
    ]
    return .map(Dictionary(uniqueKeysWithValues: counts.map { ($0.0, .integer($0.1)) }))
  }
}

extension QueueStatus {
  /// Of a fair queue: the tag of the job that was taken last.
  fileprivate static func virtualTime(described: RedisValue) -> Int64 {
    let counters = described.elements?[2].elements ?? []
    for index in stride(from: 0, to: counters.count - 1, by: 2) where counters[index].text == "v" {
      return counters[index + 1].integer ?? 0
    }
    return 0
  }
}

extension JobSnapshot {
  /// Reads what `archive.lua` answers for one job.
  fileprivate init(archived parts: [RedisValue]) throws(BrokerError) {
    guard let bytes = parts[0].elements?[1].bytes, let record = RedisRecord(bytes)
    else { throw .corrupt("archive answered in another form") }
    let job = try Job(described: parts[0])
    let more = record.more
    let parents = (more["ps"]?.elements ?? []).compactMap { $0.bytes.flatMap { JobID(key: $0) } }
    let rule = ParentFailureRule.allCases.first { $0.letter == more["pr"]?.text } ?? .cancel
    let isWaiting = more["pa"] != nil
    self.init(
      job: job, sequence: record.sequence,
      base: more["b"]?.integer ?? QueueScore.base(of: record.sequence, order: .fifo),
      ageing: more["ag"]?.duration ?? .zero,
      token: more["v"]?.integer.flatMap { UInt64(exactly: $0) } ?? 0,
      order: more["o"].map { $0.text == "l" ? .lifo : .fifo }, maxAttempts: more["m"]?.integer.map { Int($0) },
      retry: more["rp"].flatMap { RetryPolicy($0) },
      timeout: more["to"]?.duration, startWithin: more["sw"]?.duration, totalTimeout: more["tt"]?.duration,
      idempotencyKey: parts[2].isNull ? nil : more["ik"]?.text,
      fingerprint: parts[2].text, uniqueKey: more["uk"]?.text, contentKey: more["ck"]?.text,
      dependencies: JobDependencies(parents: isWaiting ? parents : [], whenOneFails: rule),
      weight: more["wt"]?.integer.map { Int($0) } ?? 1,
      cancellation: more["x"]?.bytes.flatMap { JobFailure(packed: $0) }, isRemoved: more["rm"] != nil,
      log: (parts[1].elements ?? []).compactMap(\.text), feed: FeedTerms(more))
  }

  /// The state it comes back in: what ran waits again.
  private var restoredState: JobState { job.state == .running ? .queued : job.state }

  /// As `record.lua` packs it.
  fileprivate var record: [UInt8] {
    var more: [String: MessagePack] = [:]
    func set(_ name: String, _ value: Timestamp?) {
      if let value { more[name] = .integer(value.milliseconds) }
    }
    if let order { more["o"] = .text(order == .lifo ? "l" : "f") }
    if let maxAttempts { more["m"] = .integer(Int64(maxAttempts)) }
    if let retry { more["rp"] = retry.messagePack }
    if let timeout { more["to"] = .duration(timeout) }
    if base != QueueScore.base(of: sequence, order: .fifo) { more["b"] = .integer(base) }
    if let ageing, ageing > .zero { more["ag"] = .duration(ageing) }
    if let startWithin { more["sw"] = .duration(startWithin) }
    if let totalTimeout { more["tt"] = .duration(totalTimeout) }
    set("sb", job.startBy)
    set("eb", job.endBy)
    if let idempotencyKey, fingerprint != nil { more["ik"] = .text(idempotencyKey) }
    if let uniqueKey { more["uk"] = .text(uniqueKey) }
    if let contentKey { more["ck"] = .text(contentKey) }
    if let group = job.group { more["g"] = .text(group.key) }
    if let epoch = job.position.sequence(where: sequence) { more["ep"] = .integer(epoch) }
    if weight != 1 { more["wt"] = .integer(Int64(weight)) }
    if feed.isRecorded { more["hs"] = .boolean(true) }
    if !feed.webhooks.isEmpty { more["wb"] = feed.webhooks.messagePack }
    set("st", job.startedAt)
    if job.state.isTerminal {
      set("fi", job.finishedAt)
      more["up"] = .integer(job.updatedAt.milliseconds)
    } else {
      set("du", job.dueAt)
    }
    if job.state.isTerminal || job.state == .running {
      if let permille = job.progress.permille {
        more["pm"] = .integer(job.state == .completed ? 1000 : Int64(permille))
        more["rep"] = .bytes(job.progress.packed)
      }
    }
    // Greater than any it had: who held the last lease holds none.
    if token > 0 { more["v"] = .integer(Int64(clamping: token) + 1) }
    if !dependencies.parents.isEmpty {
      more["pr"] = .text(dependencies.whenOneFails.letter)
      more["ps"] = .array(dependencies.parents.map { .text($0.key) })
    }
    let payload = job.payload?.bytes ?? []
    let fields: [MessagePack] = [
      .text(restoredState.letter), .integer(Int64(job.priority.level)), .integer(Int64(job.attempt)),
      .integer(Int64(job.lostDeliveries)), .integer(Int64(clamping: job.position.offset)),
      .integer(sequence), .integer(0), .text(job.queue.description), .text(job.kind.description),
      .text(job.user), payload.count <= inlineLimit ? .bytes(payload) : .boolean(false),
    ]
    return MessagePack.array(more.isEmpty ? fields : fields + [.map(more)]).encoded
  }

  /// What stands beside the record, by the names that `restore.lua` gives.
  fileprivate var also: MessagePack {
    var also: [String: MessagePack] = [:]
    if ageing == nil { also["unranked"] = .boolean(true) }
    if !dependencies.parents.isEmpty {
      also["parents"] = .array(dependencies.parents.map { .text($0.key) })
    }
    if let idempotencyKey, let fingerprint {
      also["key"] = .text(idempotencyKey)
      also["fingerprint"] = .text(fingerprint)
      also["remembered"] = .duration(RedisBroker.idempotencyLifetime)
    }
    if !log.isEmpty { also["log"] = .array(log.map { .text($0) }) }
    if job.state == .running {
      also["ran"] = .boolean(true)
      also["late"] = .bytes(JobFailure.totalTimeout.packed)
      if let cancellation {
        also["stop"] = .bytes(cancellation.packed)
        also["ended"] = .text((cancellation.isTotalTimeout ? JobState.failed : .cancelled).letter)
      }
      if isRemoved { also["removed"] = .boolean(true) }
    }
    return .map(also)
  }
}
