/// A change of a job in the feed, with all that one needs to act on it alone.
package struct FeedEntry: Hashable, Sendable {
  /// Where it stands: what a consumer commits.
  package var place: FeedPlace
  /// The job as it was after the change, without its payload and its place in the queue. `position` numbers the
  /// change, and tells it from every other of all jobs together with `id`.
  package var job: Job
  /// The state before; nil of a job that is new, or came from an archive.
  package var previous: JobState?
  /// ``JobEvent/reason``.
  package var reason: String?
  /// Why it is here.
  package var terms: FeedTerms
  /// The result was longer than an entry keeps (``resultLimit``), and the job is forgotten by now or runs again.
  package var isResultMissing: Bool

  package init(
    place: FeedPlace, job: Job, previous: JobState? = nil, reason: String? = nil, terms: FeedTerms,
    isResultMissing: Bool = false
  ) {
    self.place = place
    self.job = job
    self.previous = previous
    self.reason = reason
    self.terms = terms
    self.isResultMissing = isResultMissing
  }

  /// The most bytes of a result that stand in the feed itself; a longer one is read from the job's record with the
  /// entry. So the bound on the count of entries is one on their bytes.
  package static let resultLimit = 8 << 10

  /// How many entries a feed holds at most unless a consumer says otherwise.
  package static let standardBound = 100_000
}

/// Where an entry stands in the feed of the broker that gave it out; nobody else can read it.
package struct FeedPlace: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ text: String) { description = text }

  init(_ number: Int64) { description = "\(number)" }

  /// Nil for one of another broker.
  var number: Int64? { Int64(description) }
}

/// Who reads the feed: a name that survives restarts.
package struct FeedConsumer: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String

  package init(_ name: String) { description = name }

  package static func < (a: FeedConsumer, b: FeedConsumer) -> Bool { a.description < b.description }
}

/// What a consumer is given.
package struct FeedBatch: Hashable, Sendable {
  /// Whether who asked is the one who reads for the consumer now; there are no entries where not.
  package var isHolder: Bool
  /// The oldest that were not committed, in order.
  package var entries: [FeedEntry]
  /// How many the consumer has lost since it was told last, for the bound of the feed.
  package var lost: Int

  package init(isHolder: Bool = true, entries: [FeedEntry] = [], lost: Int = 0) {
    self.isHolder = isHolder
    self.entries = entries
    self.lost = lost
  }
}

/// How far a consumer is.
package struct FeedStanding: Hashable, Sendable {
  package var consumer: FeedConsumer
  /// How many entries wait for it.
  package var behind: Int
  /// When the oldest of them happened.
  package var oldest: Timestamp?
  /// How many it has lost since it was registered.
  package var lost: Int

  package init(consumer: FeedConsumer, behind: Int = 0, oldest: Timestamp? = nil, lost: Int = 0) {
    self.consumer = consumer
    self.behind = behind
    self.oldest = oldest
    self.lost = lost
  }
}
