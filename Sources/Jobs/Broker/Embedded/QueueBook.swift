/// What queues have done: in all, and minute by minute for a day. Counts what is kept, so that no undo has to
/// take anything of it back.
struct QueueBook: Sendable {
  /// What one queue has done.
  struct Record: Sendable, Hashable {
    var totals = QueueTotals()
    var lastFinishedAt: Timestamp?
    var lastFailedAt: Timestamp?
    var lastFailure: String?
    /// By minutes since 1970.
    var minutes: [Int64: QueueStatistics] = [:]
  }

  private(set) var records: [QueueName: Record] = [:]

  /// How many minutes are remembered.
  static let span: Int64 = 1440

  init(_ records: [QueueName: Record] = [:]) { self.records = records }

  subscript(queue: QueueName) -> Record { records[queue] ?? Record() }

  mutating func add(_ tally: QueueTally, of queue: QueueName) {
    records[queue, default: Record()].add(tally)
  }

  mutating func remove(_ queue: QueueName) { records[queue] = nil }

  /// What a queue did in the minutes up to this moment's; nil: all queues.
  func statistics(of queue: QueueName?, minutes: Int, at now: Timestamp) -> QueueStatistics {
    var sum = QueueStatistics(minutes: minutes)
    let last = now.minute
    for (name, record) in records where queue == nil || queue == name {
      for minute in (last - Int64(minutes) + 1)...last {
        if let counts = record.minutes[minute] { sum.add(counts) }
      }
    }
    return sum
  }

  /// Forgets minutes that nobody may ask for any more.
  mutating func trim(at now: Timestamp) {
    let first = now.minute - Self.span
    records = records.mapValues { record in
      var record = record
      record.minutes = record.minutes.filter { $0.key > first }
      return record
    }
  }
}

/// What a queue did in one batch.
struct QueueTally: Sendable, Hashable {
  var totals = QueueTotals()
  var lastFinishedAt: Timestamp?
  var failure: (at: Timestamp, message: String)? {
    get { lastFailedAt.map { ($0, lastFailure ?? "") } }
    set {
      lastFailedAt = newValue?.at
      lastFailure = newValue?.message
    }
  }
  private(set) var lastFailedAt: Timestamp?
  private(set) var lastFailure: String?
  private(set) var minutes: [Int64: QueueStatistics] = [:]

  /// Counts in the minute of this moment.
  mutating func count(at now: Timestamp, _ count: (inout QueueStatistics) -> Void) {
    count(&minutes[now.minute, default: QueueStatistics(minutes: 1)])
  }
}

extension QueueBook.Record {
  mutating func add(_ tally: QueueTally) {
    totals.add(tally.totals)
    lastFinishedAt = tally.lastFinishedAt ?? lastFinishedAt
    if let failure = tally.failure {
      lastFailedAt = failure.at
      lastFailure = failure.message
    }
    for (minute, counts) in tally.minutes {
      minutes[minute, default: QueueStatistics(minutes: 1)].add(counts)
    }
  }
}

extension Timestamp {
  /// Whole minutes since 1970.
  var minute: Int64 { milliseconds / 60_000 }
}
