/// Which entries the feed of an embedded broker has, and how far its consumers are; the entries lie in the journal.
struct FeedBook: Hashable, Sendable {
  /// How far a consumer is.
  struct Reader: Hashable, Sendable {
    /// The number of the last entry it committed.
    var position: Int64
    var lost = 0
  }

  /// The numbers of the first entry that is there, and of the last that ever was.
  var first: Int64 = 1
  var last: Int64 = 0
  /// How many are kept at most.
  var bound = FeedEntry.standardBound
  var readers: [FeedConsumer: Reader] = [:]

  /// Lets go of what all have passed, and of what is too much.
  mutating func trim() {
    if let least = readers.values.map(\.position).min() { first = max(first, least + 1) }
    first = max(first, last - Int64(bound) + 1)
  }

  /// A consumer, from the beginning if it was not there.
  mutating func register(_ consumer: FeedConsumer) {
    if readers[consumer] == nil { readers[consumer] = Reader(position: first - 1) }
  }

  /// How many entries a reader lost that it was not told of.
  func loss(of reader: Reader) -> Int { Int(max(0, first - 1 - reader.position)) }
}
