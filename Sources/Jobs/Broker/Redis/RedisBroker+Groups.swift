import EventLoop
import Redis

extension RedisBroker {
  package func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup {
    precondition(
      request.id.partition == keys.partition, "a group goes to the partition that its id names")
    if let callback = request.callback {
      precondition(
        callback.id.partition == keys.partition, "a callback goes to the partition of its group")
      precondition(
        callback.group == nil && callback.dependencies.parents.isEmpty,
        "a callback names no group and no parents")
      try requireFitting(callback)
    }
    let answer = try await run(scripts.createGroup) { command in
      command.append(request.id.key)
      command.append(request.user)
      command.append(request.name ?? "")
      command.append(request.callback?.messagePack.encoded ?? [])
    }
    return try JobGroup(request.id, kept: answer)
  }

  package func close(_ group: GroupID) async throws(BrokerError) -> JobGroup {
    guard group.partition == keys.partition else { throw .groupNotFound }
    let answer = try await run(scripts.closeGroup) { $0.append(group.key) }
    if answer.isNull { throw .groupNotFound }
    return try JobGroup(group, kept: answer)
  }

  package func group(_ id: GroupID) async throws(BrokerError) -> JobGroup? {
    try await groups([id]).first
  }

  /// The groups of the ids that are known, in one call.
  func groups(_ ids: [GroupID]) async throws(BrokerError) -> [JobGroup] {
    let ids = ids.filter { $0.partition == keys.partition }
    guard !ids.isEmpty else { return [] }
    var command = RedisCommand("MGET")
    for id in ids { command.append(keys.key(.groups, id.key)) }
    let answer: RedisValue
    do { answer = try await client.send(command) } catch { throw BrokerError(error) }
    guard let parts = answer.elements, parts.count == ids.count else {
      throw .corrupt("groups are told in another form")
    }
    var groups: [JobGroup] = []
    for (id, part) in zip(ids, parts) where !part.isNull {
      guard let values = part.bytes.flatMap({ MessagePack.values(in: $0) }) else {
        throw .corrupt("a group has another form")
      }
      if !JobGroup.isUnknown(values) { groups.append(try JobGroup(id, kept: part)) }
    }
    return groups
  }

  package func jobs(
    of group: GroupID, limit: Int, cursor: String?
  ) async throws(BrokerError) -> JobPage {
    guard group.partition == keys.partition else { return JobPage(jobs: []) }
    let answer = try await run(scripts.listGroup) { command in
      command.append(group.key)
      command.append(cursor.flatMap { Int64($0) }.map(String.init) ?? "")
      command.append(min(max(limit, 1), 200))
    }
    guard let parts = answer.elements, let next = parts.first else {
      throw .corrupt("list_group answered in another form")
    }
    var jobs: [Job] = []
    for part in parts.dropFirst() { jobs.append(try Job(described: part, withPayload: false)) }
    return JobPage(jobs: jobs, next: next.integer.map(String.init))
  }
}

extension GroupID {
  var key: String { JobID(description)?.key ?? "" }

  init?(key: some Sequence<UInt8>) {
    guard let id = JobID(key: key) else { return nil }
    self.init(id.description)
  }
}

extension JobGroup.State {
  /// The letter that stands for it in Redis.
  fileprivate var letter: String {
    switch self {
    case .open: "o"
    case .closed: "c"
    case .finished: "f"
    }
  }
}

/// A group as `group.lua` keeps it.
extension JobGroup {
  /// Reads what stands in Redis; throws `corrupt` for what we did not write.
  init(_ id: GroupID, kept value: RedisValue) throws(BrokerError) {
    guard let values = value.bytes.flatMap({ MessagePack.values(in: $0) }),
      let group = JobGroup(id, values)
    else { throw .corrupt("a group has another form") }
    self = group
  }

  /// Reads a message of `group.lua`: the id, then the group. Nil when it is none.
  init?(message: [UInt8]) {
    guard let values = MessagePack.values(in: message),
      let id = values.first?.bytes.flatMap({ GroupID(key: $0) })
    else { return nil }
    self.init(id, Array(values.dropFirst()))
  }

  /// Whether only jobs of the group are on record, and not itself.
  fileprivate static func isUnknown(_ values: [MessagePack]) -> Bool {
    values.count > 3 && values[3] == .boolean(false)
  }

  private init?(_ id: GroupID, _ values: [MessagePack]) {
    guard values.count == 11,
      let state = State.allCases.first(where: { $0.letter == values[0].text }),
      let offset = values[1].integer.flatMap({ UInt64(exactly: $0) }), let epoch = values[2].text,
      let user = values[3].text, let createdAt = values[5].timestamp, let weight = values[8].integer,
      let done = values[9].integer
    else { return nil }
    var counts: [JobState: Int] = [:]
    for (letter, count) in values[10].fields ?? [:] {
      guard let state = JobState(letter: letter), let count = count.integer else { return nil }
      counts[state] = Int(count)
    }
    self.init(
      id: id, user: user, name: values[4].text, state: state, counts: counts, weight: Int(weight),
      weightedPermille: Int(done), createdAt: createdAt, finishedAt: values[6].timestamp,
      callback: values[7].bytes.flatMap { JobID(key: $0) },
      position: StreamPosition(offset: offset, epoch: epoch))
  }

  /// The bytes that stand in Redis.
  var kept: [UInt8] {
    let counts = counts.filter { $0.value != 0 }.map { ($0.key.letter, MessagePack.integer(Int64($0.value))) }
    let values: [MessagePack] = [
      .text(state.letter), .integer(Int64(clamping: position.offset)), .text(position.epoch),
      .text(user), name.map { .text($0) } ?? .boolean(false), .integer(createdAt.milliseconds),
      finishedAt.map { .integer($0.milliseconds) } ?? .boolean(false),
      callback.map { .text($0.key) } ?? .boolean(false), .integer(Int64(weight)),
      .integer(Int64(weightedPermille)), .map(Dictionary(uniqueKeysWithValues: counts)),
    ]
    return values.flatMap(\.encoded)
  }
}
