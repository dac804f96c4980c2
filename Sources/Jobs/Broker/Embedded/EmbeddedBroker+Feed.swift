import EventLoop

extension EmbeddedBroker: FeedSource {
  package func register(_ consumer: FeedConsumer, bound: Int) async throws(BrokerError) {
    try requireOpen()
    store.changeFeed { feed in
      feed.bound = max(1, bound)
      feed.trim()
      feed.register(consumer)
    }
    try await store.kept()
  }

  package func forget(_ consumer: FeedConsumer) async throws(BrokerError) -> Bool {
    try requireOpen()
    guard store.feed.readers[consumer] != nil else { return false }
    feedHolders[consumer] = nil
    store.changeFeed { $0.readers[consumer] = nil }
    try await store.kept()
    return true
  }

  package func feed(
    for consumer: FeedConsumer, holder: String, lease: Duration, limit: Int
  ) async throws(BrokerError) -> FeedBatch {
    try requireOpen()
    let now = clock()
    if let reading = feedHolders[consumer], reading.name != holder, reading.until > now {
      return FeedBatch(isHolder: false)
    }
    feedHolders[consumer] = (holder, now + lease)
    if store.feed.readers[consumer] == nil { store.changeFeed { $0.register(consumer) } }
    var batch = FeedBatch()
    guard let reader = store.feed.readers[consumer] else { return batch }
    batch.lost = store.feed.loss(of: reader)
    if batch.lost > 0 {
      store.changeFeed { feed in
        feed.readers[consumer]?.position += Int64(batch.lost)
        feed.readers[consumer]?.lost += batch.lost
      }
    }
    let position = reader.position + Int64(batch.lost)
    guard store.feed.last > position else { return batch }
    let entries: [FeedEntry]
    do { entries = try await journal.feed(after: position, limit: min(max(limit, 1), 1000)) } catch {
      throw .corrupt("the feed cannot be read: \(error)")
    }
    batch.entries = entries.map(whole)
    return batch
  }

  /// An entry with its result, where that was too long for the feed and is on record yet.
  private func whole(_ entry: FeedEntry) -> FeedEntry {
    guard entry.isResultMissing, let job = store.table[entry.job.id]?.job,
      job.state == entry.job.state, job.position == entry.job.position
    else { return entry }
    var entry = entry
    entry.job.result = job.result
    entry.isResultMissing = false
    return entry
  }

  package func commit(
    _ consumer: FeedConsumer, through place: FeedPlace, holder: String
  ) async throws(BrokerError) -> Bool {
    try requireOpen()
    guard let number = place.number else { throw .corrupt("\(place) is no place of this feed") }
    guard feedHolders[consumer]?.name == holder, let reader = store.feed.readers[consumer] else { return false }
    let position = min(number, store.feed.last)
    if position > reader.position {
      store.changeFeed { $0.readers[consumer]?.position = position }
      try await store.kept()
    }
    return true
  }

  package func release(_ consumer: FeedConsumer, holder: String) async throws(BrokerError) {
    try requireOpen()
    if feedHolders[consumer]?.name == holder { feedHolders[consumer] = nil }
  }

  package func feedStandings() async throws(BrokerError) -> [FeedStanding] {
    try requireOpen()
    try await store.kept()
    var standings: [FeedStanding] = []
    for (consumer, reader) in store.feed.readers.sorted(by: { $0.key < $1.key }) {
      let position = max(reader.position, store.feed.first - 1)
      var standing = FeedStanding(
        consumer: consumer, behind: Int(store.feed.last - position), lost: reader.lost + store.feed.loss(of: reader))
      if standing.behind > 0 {
        do { standing.oldest = try await journal.feed(after: position, limit: 1).first?.job.updatedAt } catch {
          throw .corrupt("the feed cannot be read: \(error)")
        }
      }
      standings.append(standing)
    }
    return standings
  }
}
