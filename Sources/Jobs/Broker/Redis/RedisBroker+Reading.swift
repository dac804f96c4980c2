import EventLoop
import Redis

extension RedisBroker {
  package func job(_ id: JobID) async throws(BrokerError) -> Job? { try await lookups.answer(to: id).get() }

  /// Reads jobs that were asked for together, each once however often it was asked for: after an outage thousands
  /// come back at once, and many watch the same.
  func lookUp(_ ids: [JobID]) async throws(BrokerError) -> [Result<Job?, BrokerError>] {
    let found = try await read(Array(Set(ids)), withPayload: true)
    return ids.map { found[$0] ?? .success(nil) }
  }

  /// The jobs of the ids, as far as they are known, in one call.
  ///
  /// One record that is damaged fails alone: where Redis refuses the call for it, each is read by itself. Throws what
  /// is no fault of a record; then nothing is tried again.
  func read(
    _ ids: [JobID], withPayload: Bool
  ) async throws(BrokerError) -> [JobID: Result<Job?, BrokerError>] {
    let ids = ids.filter { $0.partition == keys.partition }
    guard !ids.isEmpty else { return [:] }
    do throws(BrokerError) { return try await readTogether(ids, withPayload: withPayload) } catch {
      guard case .corrupt = error else { throw error }
      if ids.count == 1 { return [ids[0]: .failure(error)] }
    }
    var jobs: [JobID: Result<Job?, BrokerError>] = [:]
    for id in ids {
      do throws(BrokerError) {
        jobs[id] = try await readTogether([id], withPayload: withPayload)[id]
      } catch {
        guard case .corrupt = error else { throw error }
        jobs[id] = .failure(error)
      }
    }
    return jobs
  }

  private func readTogether(
    _ ids: [JobID], withPayload: Bool
  ) async throws(BrokerError) -> [JobID: Result<Job?, BrokerError>] {
    let answer = try await run(scripts.read) { command in
      command.append(withPayload ? "1" : "")
      for id in ids { command.append(id.key) }
    }
    guard let parts = answer.elements, parts.count == ids.count else {
      throw .corrupt("read answered in another form")
    }
    var jobs: [JobID: Result<Job?, BrokerError>] = [:]
    for (id, part) in zip(ids, parts) {
      do throws(BrokerError) {
        jobs[id] = .success(part.isNull ? nil : try Job(described: part, withPayload: withPayload))
      } catch { jobs[id] = .failure(error) }
    }
    return jobs
  }

  package func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace] {
    let ids = ids.filter { $0.partition == keys.partition }
    guard !ids.isEmpty else { return [:] }
    let answer = try await run(scripts.places) { command in
      for id in ids { command.append(id.key) }
    }
    guard let parts = answer.elements, parts.count == 2 * ids.count else {
      throw .corrupt("places answered in another form")
    }
    var places: [JobID: QueuePlace] = [:]
    for (index, id) in ids.enumerated() {
      guard let queue = parts[2 * index].text.flatMap({ QueueName($0) }),
        let rank = parts[2 * index + 1].integer
      else { continue }
      places[id] = QueuePlace(queue: queue, position: Int(rank) + 1)
    }
    return places
  }

  package func positions(of channels: [Channel]) async throws(BrokerError) -> [Channel: StreamPosition] {
    var jobs: [JobID] = []
    var ids: [GroupID] = []
    for channel in channels {
      switch channel {
      case .job(let id) where id.partition == keys.partition: jobs.append(id)
      case .group(let id): ids.append(id)
      case .job, .user: break
      }
    }
    var positions: [Channel: StreamPosition] = [:]
    for group in try await groups(ids) { positions[.group(group.id)] = group.position }
    guard !jobs.isEmpty else { return positions }
    let answer = try await run(scripts.positions) { command in for id in jobs { command.append(id.key) } }
    guard let parts = answer.elements, parts.count == 2 * jobs.count else {
      throw .corrupt("positions answered in another form")
    }
    for (index, id) in jobs.enumerated() {
      guard let offset = parts[2 * index].integer.flatMap({ UInt64(exactly: $0) }),
        let sequence = parts[2 * index + 1].integer
      else { continue }
      positions[.job(id)] = StreamPosition(offset: offset, sequence: sequence)
    }
    return positions
  }

  package func logLines(of id: JobID) async throws(BrokerError) -> [String] {
    do {
      let answer = try await client.send(
        RedisCommand("LRANGE", keys.key(.logs, id.key), "0", "-1"))
      return (answer.elements ?? []).compactMap(\.text)
    } catch { throw BrokerError(error) }
  }

  /// How many records one page looks at: what a call may cost however little matches.
  private static let mostLookedAt = 500

  package func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage {
    try await listings.answer(to: filter)
  }

  func list(_ filter: JobFilter) async throws(BrokerError) -> JobPage {
    let limit = min(max(filter.limit, 1), 200)
    let place = ListingPlace(filter.cursor ?? "")
    var wanted: [String: MessagePack] = [:]
    if let user = filter.user { wanted["user"] = .text(user) }
    if !filter.states.isEmpty { wanted["states"] = .text(filter.states.map(\.letter).joined()) }
    if let queue = filter.queue { wanted["queue"] = .text(queue.description) }
    if let kind = filter.kind { wanted["kind"] = .text(kind.description) }
    if let since = filter.since { wanted["since"] = .integer(since.milliseconds) }
    if let until = filter.until { wanted["till"] = .integer(until.milliseconds) }
    if let ended = filter.endedBefore { wanted["ended_before"] = .integer(ended.milliseconds) }
    let answer = try await run(scripts.list) { command in
      command.append(place?.number.map { "\($0)" } ?? "")
      command.append(place?.restored.map { "\($0)" } ?? "")
      command.append(limit)
      command.append(Self.mostLookedAt)
      command.append(MessagePack.map(wanted).encoded)
    }
    guard let parts = answer.elements, let next = parts.first else {
      throw .corrupt("list answered in another form")
    }
    var jobs: [Job] = []
    for part in parts.dropFirst() { jobs.append(try Job(described: part, withPayload: false)) }
    return JobPage(jobs: jobs, next: next.text)
  }
}

/// Where a page of a listing goes on, as `list.lua` tells it; nil in either: from the first.
private struct ListingPlace {
  /// Below which number, and below which place among restored jobs.
  var number: Int64?
  var restored: Double?

  /// Nil for what cannot be read.
  init?(_ cursor: String) {
    let parts = cursor.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    number = Int64(parts[0])
    restored = Double(parts[1])
    guard number != nil || parts[0].isEmpty, restored?.isFinite ?? parts[1].isEmpty, number ?? 0 >= 0
    else { return nil }
  }
}
