import EventLoop
import Jobs
import Support

// The feed, as one consumer reads it, under one name after the other.
extension ModelRun {
  struct FeedWatch {
    /// Its own, so that who follows changes nothing of what is followed: each seed does what it did before.
    var random: SeededRandom
    var holder = "a"
    /// What was committed, in the order in which it was read.
    var committed: [FeedEntry] = []
    /// What was read and not committed: to be given again.
    var pending: [FeedEntry] = []

    mutating func flip(_ parts: Int) -> Bool { Int.random(in: 0..<parts, using: &random) == 0 }

    var webhooks: [Webhook] {
      mutating get { [Webhook(flip(2) ? "https://example.com/a" : "https://example.com/b", .all)] }
    }
  }

  /// Has somebody follow every other job.
  func follow(_ request: inout JobRequest) {
    request.isRecorded = feed.flip(3)
    if feed.flip(6) { request.webhooks = feed.webhooks }
  }

  /// Reads some, commits none, some or all of it, and hands over now and then.
  func readFeed() async throws {
    if feed.flip(8) {
      try await broker.release(.bills, holder: feed.holder)
      feed.holder = feed.holder == "a" ? "b" : "a"
    }
    let entries = try await read(Int.random(in: 1...100, using: &feed.random))
    let other = feed.holder == "a" ? "b" : "a"
    if feed.flip(8) {
      let batch = try await broker.feed(for: .bills, holder: other, lease: Self.hour, limit: 1)
      try demand(batch == FeedBatch(isHolder: false), "let two read the feed at once")
    }
    guard !feed.flip(4), let last = entries.randomElement(using: &feed.random) else { return }
    if feed.flip(8) {
      let isDone = try await broker.commit(.bills, through: last.place, holder: other)
      try demand(!isDone, "let one commit who does not read")
    }
    try await commit(through: last)
  }

  func readWholeFeed() async throws {
    while let last = try await read(1000).last { try await commit(through: last) }
    let standings = try await broker.feedStandings()
    try demand(standings == [FeedStanding(consumer: .bills)], "left the feed at \(standings)")
    let strangers = feed.committed.map(\.job.id).filter { model.followed[$0] == nil }
    try demand(strangers.isEmpty, "fed \(strangers), whom nobody follows")
    let fed = Set(feed.committed.map(\.job.id))
    let silent = model.followed.keys.filter { !fed.contains($0) }
    try demand(silent.isEmpty, "fed nothing of \(silent)")
  }

  private func read(_ limit: Int) async throws -> [FeedEntry] {
    let batch = try await broker.feed(for: .bills, holder: feed.holder, lease: Self.hour, limit: limit)
    try demand(batch.isHolder && batch.lost == 0, "gave no feed, or lost \(batch.lost) of it")
    // What stood there before stands there yet, whatever its job did since.
    for (earlier, now) in zip(feed.pending, batch.entries) {
      try demand(earlier == now, "fed \(now) where it had fed \(earlier)")
    }
    if batch.entries.count > feed.pending.count { feed.pending = batch.entries }
    return batch.entries
  }

  private func commit(through last: FeedEntry) async throws {
    let isDone = try await broker.commit(.bills, through: last.place, holder: feed.holder)
    try demand(isDone, "refused the word of who reads the feed")
    guard let index = feed.pending.firstIndex(of: last) else { throw deviation("gave an entry that was there before") }
    feed.committed += feed.pending[...index]
    feed.pending.removeFirst(index + 1)
  }

  /// Of a job that is followed, each change stands in the feed once, in order and as it was told; of others none.
  func compareFeed(of id: JobID, _ entries: [FeedEntry], _ told: [JobEvent]) throws {
    guard let terms = model.followed[id] else { return }
    try demand(
      entries.map(FedChange.init) == told.map(FedChange.init),
      "\(id) was fed \(entries.map(FedChange.init)), and told \(told.map(FedChange.init))")
    try demand(
      entries.map(\.previous) == [nil] + entries.dropLast().map(\.job.state), "states before of \(id) are not so")
    for entry in entries {
      try demand(entry.terms == terms, "\(id) is fed for \(entry.terms), not \(terms)")
      try demand(!entry.isResultMissing && entry.job.payload == nil, "an entry of \(id) is not whole")
    }
  }
}

extension BrokerModel {
  /// For what a job is fed that is accepted now.
  func terms(of request: JobRequest) -> FeedTerms {
    let own = request.webhooks
    let others = settings(of: request.queue).webhooks.filter { hook in
      !own.contains { $0.address == hook.address }
    }
    return FeedTerms(
      isRecorded: request.isRecorded,
      webhooks: own + others.map { Webhook($0.address, $0.events, isOfQueue: true) })
  }
}

/// What an entry of the feed has in common with an event.
private struct FedChange: Equatable {
  let position: StreamPosition
  let at: Timestamp
  let state: JobState
  let attempt: Int
  let facts: [Bool]
  let reason: String?
  let result: JSONText?
  let finishedAt: Timestamp?

  init(_ entry: FeedEntry) {
    let job = entry.job
    position = job.position
    at = job.updatedAt
    state = job.state
    attempt = job.attempt
    facts = [job.isStalled, job.isCancelling]
    reason = entry.reason
    result = job.result
    finishedAt = job.finishedAt
  }

  init(_ event: JobEvent) {
    position = event.position
    at = event.at
    state = event.state
    attempt = event.attempt
    facts = [event.isStalled, event.isCancelling]
    reason = event.reason
    result = event.result
    finishedAt = event.finishedAt
  }
}
