import Redis

/// A job's record as `record.lua` packs it.
struct RedisRecord {
  var state: JobState
  var priority: Priority
  var attempt: Int
  var lost: Int
  var offset: UInt64
  var sequence: Int64
  /// By which the job is listed.
  var number: Int64
  var queue: QueueName
  var kind: JobKind
  var user: String
  /// Nil where it is too long to stand here.
  var payload: JobPayload?
  /// What is rarely set, by the names that `record.lua` gives.
  var more: [String: MessagePack]

  /// Nil for bytes we did not write.
  init?(_ bytes: [UInt8]) {
    guard let values = MessagePack.array(in: bytes), values.count >= 11,
      let state = values[0].text.flatMap({ JobState(letter: $0) }),
      let priority = values[1].integer.flatMap({ Priority(Int($0)) }),
      let attempt = values[2].integer, let lost = values[3].integer,
      let offset = values[4].integer.flatMap({ UInt64(exactly: $0) }),
      let sequence = values[5].integer, let number = values[6].integer,
      let queue = values[7].text.flatMap({ QueueName($0) }),
      let kind = values[8].text.flatMap({ JobKind($0) }), let user = values[9].text
    else { return nil }
    self.state = state
    self.priority = priority
    self.attempt = Int(attempt)
    self.lost = Int(lost)
    self.offset = offset
    self.sequence = sequence
    self.number = number
    self.queue = queue
    self.kind = kind
    self.user = user
    payload = values[10].bytes.flatMap { JobPayload($0) }
    more = values.count > 11 ? values[11].fields ?? [:] : [:]
  }

  var createdAt: Timestamp { Timestamp(sequence: sequence) }
}

extension Timestamp {
  /// When the job with this number was accepted: numbers are microseconds since 2025, or one more than
  /// the last.
  init(sequence: Int64) {
    self.init(milliseconds: sequence / 1000 + 1_735_689_600_000)
  }
}

extension StreamPosition {
  /// An incarnation is told by the moment of its acceptance, and that by its sequence.
  init(offset: UInt64, sequence: Int64) {
    let moment = Timestamp(sequence: sequence).milliseconds
    let digits = String(UInt32(truncatingIfNeeded: moment), radix: 16)
    self.init(offset: offset, epoch: String(repeating: "0", count: 8 - digits.count) + digits)
  }

  /// The sequence that tells this epoch, where the job's own does not: that of a job which another broker accepted,
  /// or which came back from a backup.
  func sequence(where own: Int64) -> Int64? {
    guard StreamPosition(offset: offset, sequence: own).epoch != epoch, let moment = UInt32(epoch, radix: 16)
    else { return nil }
    let beginning = UInt32(truncatingIfNeeded: Timestamp(sequence: 0).milliseconds)
    return Int64(moment &- beginning) * 1000
  }
}

extension Job {
  /// Reads what `describe.lua` answers; throws `corrupt` for what we did not write.
  init(described: RedisValue, withPayload: Bool = true) throws(BrokerError) {
    guard let parts = described.elements, parts.count == 8,
      let id = parts[0].bytes.flatMap({ JobID(key: $0) }),
      let record = parts[1].bytes.flatMap({ RedisRecord($0) }), let maxAttempts = parts[7].integer
    else { throw .corrupt("a job's record has another form") }
    let more = record.more
    var offset = record.offset
    var updatedAt = more["up"]?.timestamp ?? record.createdAt
    var permille = more["pm"]?.integer
    var report = more["rep"]?.bytes
    if let reported = parts[4].bytes.flatMap({ MessagePack.values(in: $0) }), reported.count == 4 {
      offset = max(offset, reported[0].integer.flatMap { UInt64(exactly: $0) } ?? 0)
      permille = reported[1].integer
      updatedAt = max(updatedAt, reported[2].timestamp ?? updatedAt)
      report = reported[3].bytes
    }
    let isEnded = record.state.isTerminal
    let outcome = more["r"]?.bytes ?? parts[5].bytes ?? []
    let waitsForTime =
      record.state == .scheduled || record.state == .retrying || record.state == .blocked && more["pa"] != nil
    self.init(
      id: id, queue: record.queue, kind: record.kind, user: record.user, state: record.state,
      priority: record.priority, attempt: record.attempt, maxAttempts: Int(maxAttempts),
      lostDeliveries: record.lost,
      progress: Progress(packed: report ?? [], permille: permille.map { Int($0) } ?? -1),
      queuePosition: parts[2].integer.map { Int($0) + 1 },
      isStalled: record.state == .running && (more["sl"] != nil || !parts[3].isNull),
      isCancelling: record.state == .running && more["x"] != nil,
      result: record.state == .completed && !outcome.isEmpty ? JSONText(unchecked: outcome) : nil,
      failure: record.state == .completed ? nil : JobFailure(packed: outcome),
      createdAt: record.createdAt, startedAt: more["st"]?.timestamp,
      finishedAt: isEnded ? more["fi"]?.timestamp : nil, updatedAt: updatedAt,
      timeout: more["to"]?.duration, dueAt: waitsForTime ? more["du"]?.timestamp : nil,
      startBy: more["sb"]?.timestamp, endBy: more["eb"]?.timestamp,
      worker: more["h"]?.text.flatMap { WorkerID($0) },
      pendingParents: more["pa"]?.integer.map { Int($0) } ?? 0,
      group: more["g"]?.bytes.flatMap { GroupID(key: $0) },
      position: StreamPosition(offset: offset, sequence: more["ep"]?.integer ?? record.sequence),
      payload: withPayload ? record.payload ?? parts[6].bytes.flatMap { JobPayload($0) } : nil)
  }
}

extension JobEvent {
  /// Reads a message of `change.lua`; nil when it is none.
  init?(message: [UInt8]) {
    guard let values = MessagePack.array(in: message), values.count == 15,
      let id = values[1].bytes.flatMap({ JobID(key: $0) }), let user = values[2].text,
      let offset = values[3].integer.flatMap({ UInt64(exactly: $0) }),
      let sequence = values[4].integer, let at = values[5].timestamp,
      let state = values[6].text.flatMap({ JobState(letter: $0) }),
      let attempt = values[7].integer, let flags = values[8].integer,
      let permille = values[9].integer
    else { return nil }
    let outcome = values[11].bytes ?? []
    self.init(
      class: values[0].text == "p" ? .progress : .state, id: id, user: user,
      position: StreamPosition(offset: offset, sequence: sequence),
      at: at, state: state, attempt: Int(attempt),
      progress: Progress(packed: values[10].bytes ?? [], permille: Int(permille)),
      isStalled: flags & 1 != 0, isCancelling: state == .running && flags & 2 != 0,
      result: state == .completed && !outcome.isEmpty ? JSONText(unchecked: outcome) : nil,
      failure: state == .completed ? nil : JobFailure(packed: outcome),
      startedAt: values[12].timestamp, finishedAt: values[13].timestamp, reason: values[14].text)
  }
}
