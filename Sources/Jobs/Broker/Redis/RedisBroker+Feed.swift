import EventLoop
import Redis

extension RedisBroker {
  package func register(_ consumer: FeedConsumer, bound: Int) async throws(BrokerError) {
    _ = try await feed("register", consumer) { $0.append(max(1, bound)) }
  }

  package func forget(_ consumer: FeedConsumer) async throws(BrokerError) -> Bool {
    try await feed("forget", consumer).first?.integer == 1
  }

  package func feed(
    for consumer: FeedConsumer, holder: String, lease: Duration, limit: Int
  ) async throws(BrokerError) -> FeedBatch {
    let parts = try await feed("read", consumer) { command in
      command.append(holder)
      command.append(lease.milliseconds)
      command.append(min(max(limit, 1), 1000))
    }
    if parts.first?.text == "held" { return FeedBatch(isHolder: false) }
    guard parts.count >= 2, (parts.count - 2).isMultiple(of: 4), let lost = parts[1].integer else {
      throw .corrupt("feed answered in another form")
    }
    var batch = FeedBatch(lost: Int(lost))
    for index in stride(from: 2, to: parts.count, by: 4) {
      guard let number = parts[index].integer, let bytes = parts[index + 1].bytes else {
        throw .corrupt("feed answered in another form")
      }
      batch.entries.append(
        try FeedEntry(
          bytes: bytes, at: FeedPlace(number), result: parts[index + 2],
          isMissing: parts[index + 3].integer == 1))
    }
    return batch
  }

  package func commit(
    _ consumer: FeedConsumer, through place: FeedPlace, holder: String
  ) async throws(BrokerError) -> Bool {
    guard let number = place.number else { throw .corrupt("\(place) is no place of this feed") }
    let parts = try await feed("commit", consumer) { command in
      command.append(holder)
      command.append(number)
    }
    return parts.first?.text == "ok"
  }

  package func release(_ consumer: FeedConsumer, holder: String) async throws(BrokerError) {
    _ = try await feed("release", consumer) { $0.append(holder) }
  }

  package func feedStandings() async throws(BrokerError) -> [FeedStanding] {
    var standings: [FeedStanding] = []
    for part in try await feed("standings", FeedConsumer("")) {
      guard let fields = part.elements, fields.count == 4, let name = fields[0].text,
        let behind = fields[1].integer, let lost = fields[3].integer
      else { throw .corrupt("feed answered in another form") }
      var standing = FeedStanding(consumer: FeedConsumer(name), behind: Int(behind), lost: Int(lost))
      if let bytes = fields[2].bytes {
        let entry = try FeedEntry(bytes: bytes, at: FeedPlace(""), result: .null, isMissing: false)
        standing.oldest = entry.job.updatedAt
      }
      standings.append(standing)
    }
    return standings.sorted { $0.consumer < $1.consumer }
  }

  private func feed(
    _ verb: String, _ consumer: FeedConsumer, _ arguments: (inout RedisCommand) -> Void = { _ in }
  ) async throws(BrokerError) -> [RedisValue] {
    let answer = try await run(scripts.feed) { command in
      command.append(verb)
      command.append(consumer.description)
      arguments(&command)
    }
    guard let parts = answer.elements else { throw .corrupt("feed answered in another form") }
    return parts
  }
}
