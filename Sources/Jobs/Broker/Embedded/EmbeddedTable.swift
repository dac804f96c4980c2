/// All records of an embedded broker and every order in which they are looked for.
///
/// Whoever puts a record need not think of indexes: they follow from its facts.
struct EmbeddedTable: Sendable {
  private var records: [JobID: EmbeddedRecord] = [:]
  private var waiting: [QueueName: SortedBlocks<WaitingPlace>] = [:]
  private var deadlines = SortedBlocks<TimedJob>()
  private var retries = SortedBlocks<TimedJob>()
  private var expiries = SortedBlocks<TimedJob>()
  private var everyone = SortedBlocks<ListPlace>()
  private var users: [String: SortedBlocks<ListPlace>] = [:]
  private var keys: [KeyScope: JobID] = [:]

  var count: Int { records.count }

  subscript(id: JobID) -> EmbeddedRecord? { records[id] }

  /// Adds or replaces a record.
  mutating func put(_ record: EmbeddedRecord) {
    let old = records.updateValue(record, forKey: record.job.id)
    if old == nil { list(record) }
    reindex(record.job, from: old.map(Places.init) ?? Places(), to: Places(record))
  }

  mutating func remove(_ id: JobID) {
    guard let old = records.removeValue(forKey: id) else { return }
    let place = ListPlace(sequence: old.sequence, id: id)
    everyone.remove(place)
    users[old.job.user]?.remove(place)
    if users[old.job.user]?.isEmpty == true { users[old.job.user] = nil }
    if let key = old.keyScope, keys[key] == id { keys[key] = nil }
    reindex(old.job, from: Places(old), to: Places())
  }

  /// Lets go of the payload of an ended job, which the journal has.
  mutating func dropPayload(of id: JobID) { records[id]?.job.payload = nil }

  // MARK: Looking

  /// The first of a queue.
  func next(in queue: QueueName) -> JobID? { waiting[queue]?.first?.id }

  /// How many jobs of its queue come before a waiting one.
  func rank(of record: EmbeddedRecord) -> Int? {
    guard let place = Places(record).waiting else { return nil }
    return waiting[record.job.queue]?.rank(of: place)
  }

  func isWaiting(in queue: QueueName) -> Bool { waiting[queue]?.isEmpty == false }

  var queuesWithWork: [QueueName] { Array(waiting.keys) }

  /// When the first retry becomes due.
  var firstRetry: Timestamp? { retries.first?.time }

  /// Jobs whose next attempt may begin, first due first.
  func retries(dueBy now: Timestamp, limit: Int) -> [JobID] {
    retries.prefix(limit) { $0.time <= now }.map(\.id)
  }

  /// Jobs whose lease ran out, longest ago first.
  func overdue(at now: Timestamp, limit: Int) -> [JobID] {
    deadlines.prefix(limit) { $0.time <= now }.map(\.id)
  }

  /// Every running job.
  var running: [JobID] { deadlines.prefix(.max) { _ in true }.map(\.id) }

  /// Jobs that ended so long ago that they are forgotten.
  func expired(by now: Timestamp, limit: Int) -> [JobID] {
    expiries.prefix(limit) { $0.time <= now }.map(\.id)
  }

  /// The job that a user's key led to, if that was within the keys' lifetime.
  func job(ofKey key: String, user: String, at now: Timestamp) -> EmbeddedRecord? {
    guard let id = keys[KeyScope(user: user, key: key)], let record = records[id],
      now - record.job.createdAt < Retention.idempotencyKey
    else { return nil }
    return record
  }

  /// Matching records below a place in the order of acceptance, newest first, and where to go on.
  ///
  /// Looks at no more than `scanLimit` records, so a page may be short of `limit` before the last.
  func page(
    of user: String?, states: Set<JobState>, below sequence: Int64?, limit: Int,
    scanLimit: Int = 5000
  ) -> (records: [EmbeddedRecord], next: Int64?) {
    var found: [EmbeddedRecord] = []
    var scanned = 0
    var next: Int64?
    var last: Int64?
    let index = user.map { users[$0] ?? SortedBlocks() } ?? everyone
    index.forEachDescending(below: sequence.map { ListPlace(sequence: $0, id: nil) }) { place in
      if found.count == limit || scanned == scanLimit {
        next = last
        return false
      }
      scanned += 1
      last = place.sequence
      if let id = place.id, let record = records[id],
        states.isEmpty || states.contains(record.job.state)
      {
        found.append(record)
      }
      return true
    }
    return (found, next)
  }

  // MARK: Indexes

  private mutating func list(_ record: EmbeddedRecord) {
    let place = ListPlace(sequence: record.sequence, id: record.job.id)
    everyone.insert(place)
    users[record.job.user, default: SortedBlocks()].insert(place)
    if let key = record.keyScope { keys[key] = record.job.id }
  }

  private mutating func reindex(_ job: Job, from old: Places, to new: Places) {
    if old.waiting != new.waiting {
      if let place = old.waiting {
        waiting[job.queue]?.remove(place)
        if waiting[job.queue]?.isEmpty == true { waiting[job.queue] = nil }
      }
      if let place = new.waiting { waiting[job.queue, default: SortedBlocks()].insert(place) }
    }
    deadlines.move(from: old.deadline, to: new.deadline)
    retries.move(from: old.due, to: new.due)
    expiries.move(from: old.expiry, to: new.expiry)
  }
}

/// How long what is over is kept.
enum Retention {
  static let completed = Duration.seconds(24 * 3600)
  static let cancelled = Duration.seconds(24 * 3600)
  static let failed = Duration.seconds(7 * 24 * 3600)
  static let idempotencyKey = Duration.seconds(24 * 3600)
}

/// Where a record stands in the indexes that follow its state.
private struct Places {
  var waiting: WaitingPlace?
  var deadline: TimedJob?
  var due: TimedJob?
  var expiry: TimedJob?

  init() {}

  init(_ record: EmbeddedRecord) {
    let job = record.job
    switch job.state {
    case .queued:
      waiting = WaitingPlace(urgency: -job.priority.level, sequence: record.sequence, id: job.id)
    case .running: deadline = TimedJob(record.deadline ?? job.updatedAt, job.id)
    case .retrying: due = TimedJob(record.due ?? job.updatedAt, job.id)
    case .completed: expiry = TimedJob(ended(job) + Retention.completed, job.id)
    case .failed: expiry = TimedJob(ended(job) + Retention.failed, job.id)
    case .cancelled: expiry = TimedJob(ended(job) + Retention.cancelled, job.id)
    case .scheduled, .blocked: break
    }
  }

  private func ended(_ job: Job) -> Timestamp { job.finishedAt ?? job.updatedAt }
}

/// The most urgent first, then in the order of acceptance.
private struct WaitingPlace: Comparable {
  let urgency: Int
  let sequence: Int64
  let id: JobID

  static func < (a: WaitingPlace, b: WaitingPlace) -> Bool {
    (a.urgency, a.sequence) < (b.urgency, b.sequence)
  }
}

private struct TimedJob: Comparable {
  let time: Timestamp
  let id: JobID

  init(_ time: Timestamp, _ id: JobID) {
    self.time = time
    self.id = id
  }

  static func < (a: TimedJob, b: TimedJob) -> Bool { (a.time, a.id) < (b.time, b.id) }
}

/// A place in the order of acceptance; sequences are unique, the id only comes along.
private struct ListPlace: Comparable {
  let sequence: Int64
  let id: JobID?

  static func == (a: ListPlace, b: ListPlace) -> Bool { a.sequence == b.sequence }
  static func < (a: ListPlace, b: ListPlace) -> Bool { a.sequence < b.sequence }
}

private struct KeyScope: Hashable {
  let user: String
  let key: String
}

extension EmbeddedRecord {
  fileprivate var keyScope: KeyScope? { idempotencyKey.map { KeyScope(user: job.user, key: $0) } }
}

extension SortedBlocks {
  fileprivate mutating func move(from old: Element?, to new: Element?) {
    guard old != new else { return }
    if let old { remove(old) }
    if let new { insert(new) }
  }
}
