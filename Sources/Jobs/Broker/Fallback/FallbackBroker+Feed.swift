import EventLoop

/// What happened to jobs that were kept here stands in the local feed, and is read from there by this process alone, first;
/// then comes the shared feed, which one process reads for all. A job is fed again when it is handed over, as every
/// one that comes from elsewhere: at least once, as it stands.
extension FallbackBroker: FeedSource {
  /// The shared broker registers it when it is read there, if it cannot be reached now.
  package func register(_ consumer: FeedConsumer, bound: Int) async throws(BrokerError) {
    try await local.register(consumer, bound: bound)
    if isReachable() { try await shared.register(consumer, bound: bound) }
  }

  package func forget(_ consumer: FeedConsumer) async throws(BrokerError) -> Bool {
    let here = try await local.forget(consumer)
    let there = try await shared.forget(consumer)
    return here || there
  }

  package func feed(
    for consumer: FeedConsumer, holder: String, lease: Duration, limit: Int
  ) async throws(BrokerError) -> FeedBatch {
    var batch = try await local.feed(for: consumer, holder: holder, lease: lease, limit: limit)
    if batch.entries.isEmpty, isReachable() {
      let lost = batch.lost
      batch = try await shared.feed(for: consumer, holder: holder, lease: lease, limit: limit)
      batch.lost += lost
      return batch.placed(in: "s")
    }
    return batch.placed(in: "l")
  }

  package func commit(
    _ consumer: FeedConsumer, through place: FeedPlace, holder: String
  ) async throws(BrokerError) -> Bool {
    let own = FeedPlace(String(place.description.dropFirst()))
    switch place.description.first {
    case "l": return try await local.commit(consumer, through: own, holder: holder)
    case "s": return try await shared.commit(consumer, through: own, holder: holder)
    default: throw .corrupt("\(place) is no place of this feed")
    }
  }

  package func release(_ consumer: FeedConsumer, holder: String) async throws(BrokerError) {
    try await local.release(consumer, holder: holder)
    if isReachable() { try await shared.release(consumer, holder: holder) }
  }

  /// Of both together, while the shared broker is there.
  package func feedStandings() async throws(BrokerError) -> [FeedStanding] {
    let here = try await local.feedStandings()
    guard isReachable() else { return here }
    var all = Dictionary(uniqueKeysWithValues: here.map { ($0.consumer, $0) })
    for standing in try await shared.feedStandings() {
      guard var other = all[standing.consumer] else {
        all[standing.consumer] = standing
        continue
      }
      other.behind += standing.behind
      other.lost += standing.lost
      other.oldest = [other.oldest, standing.oldest].compactMap { $0 }.min()
      all[standing.consumer] = other
    }
    return all.values.sorted { $0.consumer < $1.consumer }
  }
}

extension FeedBatch {
  /// The same with places that name the broker.
  fileprivate func placed(in mark: String) -> FeedBatch {
    var batch = self
    for index in batch.entries.indices {
      batch.entries[index].place = FeedPlace(mark + batch.entries[index].place.description)
    }
    return batch
  }
}
