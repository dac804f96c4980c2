import Redis

extension Job {
  /// Reads a record as `read_job.lua` answers it; throws `corrupt` for one we did not write.
  init(record: RedisValue) throws(BrokerError) {
    guard let fields = record.elements, fields.count == 24,
      let id = fields[23].text.flatMap({ JobID($0) })
    else { throw .corrupt("a job's record has another form") }
    guard let state = fields[0].text.flatMap({ JobState(letter: $0) }),
      let queue = fields[1].text.flatMap({ QueueName($0) }),
      let kind = fields[2].text.flatMap({ JobKind($0) }), let user = fields[3].text,
      let priority = fields[4].integer.flatMap({ Priority(Int($0)) }),
      let attempt = fields[5].integer, let maxAttempts = fields[6].integer,
      let created = fields[9].integer, let updated = fields[12].integer,
      let offset = fields[13].integer, let epoch = fields[14].text
    else { throw .corrupt("the record of job \(id) is incomplete") }
    let permille = fields[15].integer.map { Int($0) } ?? -1
    let outcome = fields[21].bytes ?? []
    self.init(
      id: id, queue: queue, kind: kind, user: user, state: state, priority: priority,
      attempt: Int(attempt), maxAttempts: Int(maxAttempts),
      lostDeliveries: fields[8].integer.map { Int($0) } ?? 0,
      progress: Progress(packed: fields[20].bytes ?? [], permille: permille),
      queuePosition: fields[18].integer.map { Int($0) + 1 }, isStalled: !fields[19].isNull,
      isCancelling: state == .running && !fields[16].isNull,
      result: state == .completed && !outcome.isEmpty ? JSONText(unchecked: outcome) : nil,
      failure: state == .completed ? nil : JobFailure(packed: outcome),
      createdAt: Timestamp(milliseconds: created),
      startedAt: fields[10].integer.map { Timestamp(milliseconds: $0) },
      finishedAt: fields[11].integer.map { Timestamp(milliseconds: $0) },
      updatedAt: Timestamp(milliseconds: updated),
      timeout: fields[7].integer.map { .milliseconds($0) },
      position: StreamPosition(offset: UInt64(offset), epoch: epoch),
      payload: fields[22].bytes.map { JSONText(unchecked: $0) })
  }

  /// The sequence by which listings are ordered, from the same record.
  static func sequence(ofRecord record: RedisValue) -> Int64? { record.elements?[17].integer }
}
