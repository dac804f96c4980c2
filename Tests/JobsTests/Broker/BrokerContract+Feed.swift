import EventLoop
import Jobs
import Support
import Testing

extension FeedConsumer {
  static let bills = FeedConsumer("bills")
  static let mails = FeedConsumer("mails")
}

extension FeedSource {
  /// The oldest entries that a consumer has not committed, read by `holder` for ten seconds.
  func entries(
    of consumer: FeedConsumer = .bills, by holder: String = "a", limit: Int = 1000
  ) async throws(BrokerError) -> [FeedEntry] {
    try await feed(for: consumer, holder: holder, lease: .seconds(10), limit: limit).entries
  }
}

extension JobRequest {
  fileprivate static func recorded(_ change: (inout JobRequest) -> Void = { _ in }) -> JobRequest {
    .example {
      $0.isRecorded = true
      change(&$0)
    }
  }
}

extension BrokerContract {
  @Test("feeds every change of a job that is followed, as it was told, and none of others", arguments: Backend.allCases)
  func fedChanges(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.register(.bills, bound: 1000)
      let told = await Arrivals<Delivery>()
      _ = try await broker.subscribe(to: .user("alice")) { told.append($0) }
      let job = try await broker.accept(
        .recorded {
          $0.webhooks = [Webhook("https://example.com/a"), Webhook("https://example.com/b", .all)]
          $0.priority = .high
        })
      let other = try await broker.accept(.example(queue: .video, user: "bob"))
      _ = try await broker.next(from: .video)
      let first = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 40, stage: "a"), under: first)
      try await broker.end(first, .fail(.example, retry: .after(.seconds(600))))
      _ = try await broker.promote(job.id)
      let second = try #require(try await broker.next()).lease
      try await broker.end(second, .complete(JSONText(unchecked: Array("{\"n\":1}".utf8))))

      let entries = try await broker.entries()
      #expect(entries.allSatisfy { $0.job.id == job.id }, "nothing of \(other.id)")
      #expect(entries.map(\.job.state) == [.queued, .running, .retrying, .queued, .running, .completed])
      #expect(entries.map(\.previous) == [nil, .queued, .running, .retrying, .queued, .running])
      #expect(entries.map(\.job.attempt) == [0, 1, 1, 1, 2, 2])
      #expect(entries.map(\.reason) == [nil, nil, nil, "promoted", nil, nil])
      #expect(entries[2].job.failure == .example && entries[2].job.dueAt != nil)
      let events = await told.values.compactMap { delivery -> JobEvent? in
        if case .event(let event) = delivery, event.class == .state { event } else { nil }
      }
      #expect(entries.map(\.job.position) == events.map(\.position))
      let record = try await broker.find(job.id)
      var shown = try #require(entries.last).job
      shown.payload = record.payload
      #expect(shown == record, "the last of them is how it stands")
      #expect(
        entries.allSatisfy {
          $0.terms
            == FeedTerms(
              isRecorded: true,
              webhooks: [Webhook("https://example.com/a"), Webhook("https://example.com/b", .all)])
            && !$0.isResultMissing && $0.job.payload == nil
        })
    }
  }

  @Test("gives entries again until they are committed, to each consumer by itself", arguments: Backend.allCases)
  func feedPositions(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.register(.bills, bound: 1000)
      try await broker.register(.mails, bound: 1000)
      for _ in 0..<5 { try await broker.accept(.recorded()) }
      let entries = try await broker.entries(limit: 3)
      #expect(entries.count == 3)
      #expect(try await broker.entries(limit: 3) == entries, "nothing was committed")
      #expect(try await broker.commit(.bills, through: entries[1].place, holder: "a"))
      #expect(try await broker.entries(limit: 1) == [entries[2]])
      #expect(try await broker.entries(of: .mails).count == 5)
      #expect(try await broker.commit(.bills, through: entries[0].place, holder: "a"), "one does not go back")
      #expect(try await broker.entries(limit: 1) == [entries[2]])
      let standings = try await broker.feedStandings()
      #expect(standings.map(\.consumer) == [.bills, .mails])
      #expect(standings.map(\.behind) == [3, 5] && standings.map(\.lost) == [0, 0])
      #expect(standings[0].oldest == entries[2].job.updatedAt)

      #expect(try await broker.forget(.mails))
      #expect(try await !broker.forget(.mails))
      let last = try #require(try await broker.entries().last)
      #expect(try await broker.commit(.bills, through: last.place, holder: "a"))
      #expect(try await broker.feedStandings() == [FeedStanding(consumer: .bills)])
      #expect(try await broker.entries().isEmpty)
      try await broker.register(.mails, bound: 1000)
      try await broker.accept(.recorded())
      #expect(try await broker.entries().count == 1, "what comes after all were passed comes")
      #expect(try await broker.entries(of: .mails).count == 1, "what all had passed is gone")
    }
  }

  @Test("lets one holder read at a time, and refuses the word of one that was followed", arguments: Backend.allCases)
  func feedLease(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.accept(.recorded())
      let mine = try await broker.feed(for: .bills, holder: "a", lease: .milliseconds(80), limit: 9)
      let entry = try #require(mine.entries.last)
      #expect(
        try await broker.feed(for: .bills, holder: "b", lease: .seconds(9), limit: 9)
          == FeedBatch(isHolder: false))
      #expect(try await !broker.commit(.bills, through: entry.place, holder: "b"))
      #expect(try await broker.entries(of: .mails, by: "b") == [entry], "it was there before anybody asked for it")
      try await time.pass(.milliseconds(80))
      #expect(try await broker.entries(by: "b").last == entry, "the lease was over")
      #expect(try await !broker.commit(.bills, through: entry.place, holder: "a"))
      #expect(try await broker.entries(by: "b").last == entry)
      try await broker.release(.bills, holder: "a")
      #expect(try await !broker.feed(for: .bills, holder: "c", lease: .seconds(9), limit: 9).isHolder)
      try await broker.release(.bills, holder: "b")
      #expect(try await broker.feed(for: .bills, holder: "c", lease: .seconds(9), limit: 9).isHolder)
    }
  }

  @Test("keeps the newest entries up to a bound, and says what a consumer lost", arguments: Backend.allCases)
  func feedBound(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.register(.bills, bound: 4)
      var ids: [JobID] = []
      for _ in 0..<3 { ids.append(try await broker.accept(.recorded()).id) }
      let first = try #require(try await broker.entries().first)
      #expect(try await broker.commit(.bills, through: first.place, holder: "a"))
      for _ in 0..<5 { ids.append(try await broker.accept(.recorded()).id) }
      #expect(try await broker.feedStandings().map(\.lost) == [3])
      let batch = try await broker.feed(for: .bills, holder: "a", lease: .seconds(9), limit: 9)
      #expect(batch.lost == 3)
      #expect(batch.entries.map(\.job.id) == Array(ids.suffix(4)))
      #expect(try await broker.feed(for: .bills, holder: "a", lease: .seconds(9), limit: 9).lost == 0, "told once")
      #expect(try await broker.feedStandings().map(\.lost) == [3])
      try await broker.register(.mails, bound: 2)
      #expect(try await broker.entries(of: .mails).map(\.job.id) == Array(ids.suffix(2)))
      #expect(try await broker.feedStandings().map(\.lost) == [5, 0])
    }
  }

  @Test("gives a job the webhooks that its queue has at its acceptance, each address once", arguments: Backend.allCases)
  func queueWebhooks(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.register(.bills, bound: 1000)
      let own = Webhook("https://example.com/own", .states([.running]))
      let both = Webhook("https://example.com/both", .all)
      try await broker.accept()
      try await broker.change { $0.webhooks = [Webhook("https://example.com/q"), Webhook("https://example.com/both")] }
      try await broker.accept()
      try await broker.accept(.example { $0.webhooks = [own, both] })
      try await broker.accept(.example { $0.kind = .webhook })
      try await broker.change { $0.webhooks = [] }
      try await broker.accept()
      let entries = try await broker.entries()
      let ofQueue = Webhook("https://example.com/q", isOfQueue: true)
      #expect(
        entries.map(\.terms.webhooks) == [
          [ofQueue, Webhook("https://example.com/both", isOfQueue: true)], [own, both, ofQueue],
        ])
      #expect(entries.allSatisfy { !$0.terms.isRecorded })
    }
  }

  @Test("feeds long results with the entry as long as the job is on record", arguments: Backend.allCases)
  func longResults(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.register(.bills, bound: 1000)
      let long = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 60 << 10))\"".utf8))
      let short = JSONText(unchecked: Array("\"\(String(repeating: "y", count: 2000))\"".utf8))
      for result in [long, short] {
        let job = try await broker.accept(.recorded())
        try await broker.work(.complete(result))
        let end = try #require(try await broker.entries().last)
        #expect(end.job.result == result && !end.isResultMissing)
        #expect(try await broker.remove(job.id))
        let later = try #require(try await broker.entries().last)
        #expect(later.isResultMissing == (result == long))
        #expect(later.job.result == (result == long ? nil : result))
        #expect(try await broker.commit(.bills, through: later.place, holder: "a"))
      }
    }
  }

  @Test("feeds what an archive brings back, as it stands, with its webhooks", arguments: Backend.allCases)
  func restoredFeed(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.webhooks = [Webhook("https://example.com/q", .all)] }
      let ended = try await broker.accept(.recorded())
      try await broker.work()
      let waiting = try await broker.accept(.example { $0.webhooks = [Webhook("https://example.com/own")] })
      let entries = try await broker.wholeArchive(limit: 100)
      try await backend.withUncheckedBroker { other, _ in
        try await other.register(.bills, bound: 1000)
        _ = try await other.restore(entries)
        let fed = try await other.entries()
        #expect(fed.map(\.job.id) == [ended.id, waiting.id])
        #expect(fed.map(\.reason) == ["restored", "restored"] && fed.map(\.previous) == [nil, nil])
        #expect(fed[0].job.position.offset == 3 && fed[0].job.state == .completed)
        #expect(fed[0].job.position.epoch == (try await broker.find(ended.id).position.epoch))
        #expect(fed[1].job.position.offset == 2)
        #expect(fed[0].terms.isRecorded)
        #expect(fed[1].terms.webhooks.map(\.isOfQueue) == [false, true])
        try await other.work()
        #expect(try await other.entries().map(\.job.state) == [.completed, .queued, .running, .completed])
        #expect(try await other.find().settings.webhooks == [Webhook("https://example.com/q", .all)])
        _ = try await other.restore(entries)
        #expect(try await other.entries().count == 4, "what is known is not told again")
      }
    }
  }

  @Test("feeds the job that a group or a schedule submits", arguments: Backend.allCases)
  func fedFollowers(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.register(.bills, bound: 1000)
      let callback = JobRequest.recorded { $0.webhooks = [Webhook("https://example.com/c", .all)] }
      let group = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      _ = try await broker.close(group)
      let name = try #require(ScheduleName("s"))
      let schedule = Schedule(name: name, cron: try CronExpression("@hourly"), request: callback)
      let due = Timestamp(milliseconds: 1_750_000_000_000)
      try await broker.put(schedule, next: due)
      let kept = try #require(try await broker.schedules().first).schedule.request
      #expect(kept.isRecorded && kept.webhooks == callback.webhooks)
      var again = kept
      again.id = JobID()
      _ = try await broker.fire(name, due: due, request: again, next: nil)
      let entries = try await broker.entries()
      #expect(entries.count == 2)
      #expect(entries.allSatisfy { $0.terms == FeedTerms(isRecorded: true, webhooks: callback.webhooks) })
    }
  }
}
