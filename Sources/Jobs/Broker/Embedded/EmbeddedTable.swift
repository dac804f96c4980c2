/// All records of an embedded broker, its queues, and every order in which they are looked for.
///
/// Whoever puts a record need not think of indexes: they follow from its facts.
struct EmbeddedTable: Sendable {
  /// A record behind a reference: moved about, and kept for an undo, without copying it.
  final class Entry: Sendable {
    let record: EmbeddedRecord
    init(_ record: EmbeddedRecord) { self.record = record }
  }

  private(set) var entries: [JobID: Entry] = [:]
  private(set) var queues: [QueueName: EmbeddedQueue] = [:]
  var lines: [QueueName: QueueLine] = [:]
  private(set) var schedules: [ScheduleName: ScheduleStatus] = [:]
  private(set) var groups = GroupBook()
  // The orders, which follow from the records; nobody else changes them but a test of the audit.
  var deadlines = SortedBlocks<TimedJob>()
  /// The deadlines of jobs that are not shown as stalled.
  var renewed = SortedBlocks<TimedJob>()
  var dues = SortedBlocks<TimedJob>()
  var limits = SortedBlocks<TimedJob>()
  var everyone = SortedBlocks<ListPlace>()
  var users: [String: SortedBlocks<ListPlace>] = [:]
  var holders: [WorkerID: SortedBlocks<ListPlace>] = [:]
  var keys = KeyBook()
  var families = FamilyBook()

  var count: Int { entries.count }

  subscript(id: JobID) -> EmbeddedRecord? { entries[id]?.record }

  /// Adds or replaces a record; answers with the entry it replaced.
  @discardableResult
  mutating func put(_ record: EmbeddedRecord) -> Entry? { put(Entry(record)) }

  @discardableResult
  mutating func put(_ entry: Entry) -> Entry? {
    let record = entry.record
    let old = entries.updateValue(entry, forKey: record.job.id)
    if let old, old.record.sequence == record.sequence {
      reindex(from: Places(old.record), to: Places(record), record)
      if let group = record.job.group { groups.count(from: old.record, to: record, in: group) }
    } else {
      // Another job under the same id, after the first was forgotten.
      if let old { unlist(old.record) }
      list(record)
    }
    return old
  }

  mutating func remove(_ id: JobID) {
    guard let old = entries.removeValue(forKey: id)?.record else { return }
    unlist(old)
  }

  mutating func put(_ queue: EmbeddedQueue) { queues[queue.name] = queue }

  /// Changes a queue in place.
  mutating func change(_ name: QueueName, _ change: (inout EmbeddedQueue) -> Void) {
    guard queues[name] != nil else { return }
    change(&queues[name]!)
  }

  mutating func put(_ schedule: ScheduleStatus?, _ name: ScheduleName) { schedules[name] = schedule }

  /// Puts a group; nil forgets it.
  mutating func put(_ group: EmbeddedGroup?, _ id: GroupID) { groups.put(group, id) }

  mutating func removeQueue(_ name: QueueName) { queues[name] = nil }

  /// Lets go of the payload of an ended job, which the journal has.
  mutating func dropPayload(of id: JobID) {
    guard var record = entries[id]?.record, record.job.payload != nil else { return }
    record.job.payload = nil
    entries[id] = Entry(record)
  }

  // MARK: Looking

  func settings(of queue: QueueName) -> QueueSettings { queues[queue]?.settings ?? QueueSettings() }

  /// How many more jobs of a user have room in its window.
  func room(of user: String, in queue: QueueName) -> Int {
    guard let window = queues[queue]?.settings.userWindow else { return .max }
    return max(0, window - (lines[queue]?.users[user]?.held ?? 0))
  }

  /// The first of a user's jobs that waits for nothing but room.
  func firstParked(of user: String, in queue: QueueName) -> JobID? {
    lines[queue]?.users[user]?.parked.first?.id
  }

  /// How many jobs of a queue wait, in any way, and how many run.
  func waiting(in queue: QueueName) -> Int { lines[queue]?.waitingInAll ?? 0 }
  func running(in queue: QueueName) -> Int { lines[queue]?.running ?? 0 }

  /// The first of a queue.
  func next(in queue: QueueName) -> JobID? { lines[queue]?.waiting.first?.id }

  /// How many jobs of its queue come before a waiting one.
  func rank(of record: EmbeddedRecord) -> Int? {
    guard record.job.state == .queued else { return nil }
    return lines[record.job.queue]?.waiting.rank(of: WaitingPlace(record))
  }

  /// Whether a worker would be given a job of the queue.
  func offers(_ queue: QueueName) -> Bool { places(in: queue) > 0 }

  /// How many jobs of the queue a worker would be given.
  func places(in name: QueueName) -> Int {
    guard let queue = queues[name], queue.mode.serves, let line = lines[name] else { return 0 }
    let room = queue.settings.concurrency.map { max(0, $0 - line.running) } ?? .max
    return min(room, line.waiting.count)
  }

  /// When the first scheduled or retrying job becomes due.
  var firstDue: Timestamp? { dues.first?.time }

  /// Jobs that are due, first due first.
  func due(by now: Timestamp, limit: Int) -> [JobID] {
    dues.prefix(limit) { $0.time <= now }.compactMap(\.id)
  }

  /// Jobs whose lease ran out, longest ago first.
  func overdue(at now: Timestamp, limit: Int) -> [JobID] {
    deadlines.prefix(limit) { $0.time <= now }.compactMap(\.id)
  }

  /// Jobs, not yet shown as stalled, whose lease runs out before `moment` and has not at `now`.
  func unrenewed(at now: Timestamp, before moment: Timestamp, limit: Int) -> [JobID] {
    renewed.elements(after: TimedJob(lastOf: now), limit: limit) { $0.time < moment }.compactMap(\.id)
  }

  /// Jobs that passed a limit of theirs.
  func pastLimit(at now: Timestamp, limit: Int) -> [JobID] {
    limits.prefix(limit) { $0.time <= now }.compactMap(\.id)
  }

  /// Every running job.
  var running: [JobID] { deadlines.prefix(.max) { _ in true }.compactMap(\.id) }

  /// A queue's jobs that ended in this state and are too old, or too many, to be kept: those that ended first.
  func ended(
    _ state: JobState, of queue: QueueName, beyond rule: RetentionRule, limit: Int, at now: Timestamp
  ) -> [JobID] {
    guard let ended = lines[queue]?.ended[state] else { return [] }
    var surplus = rule.count.map { max(0, ended.count - $0) } ?? 0
    return ended.prefix(limit) { ending in
      surplus -= 1
      return surplus >= 0 || Timestamp(ofSequence: ending.number) + rule.age <= now
    }.map(\.id)
  }

  /// The jobs that a worker holds, in the order of acceptance.
  func jobs(of worker: WorkerID) -> [JobID] {
    holders[worker]?.prefix(.max) { _ in true }.compactMap(\.id) ?? []
  }

  /// The job that a user's key led to, if that was within the keys' lifetime.
  func job(ofKey key: String, user: String, at now: Timestamp) -> EmbeddedRecord? {
    guard let record = keys[KeyScope(user: user, key: key)].flatMap({ self[$0] }),
      now - record.job.createdAt < KeyBook.idempotencyLifetime
    else { return nil }
    return record
  }

  /// The unfinished job of the user in the queue that has this key.
  func job(ofUniqueKey key: String, user: String, queue: QueueName) -> EmbeddedRecord? {
    keys[UniqueScope(user: user, queue: queue, key: key)].flatMap { self[$0] }
  }

  /// The first of the user's jobs of this kind that has this key and completed, or has not ended.
  func job(ofContentKey key: String, user: String, kind: JobKind) -> EmbeddedRecord? {
    keys[ContentScope(user: user, kind: kind, key: key)].flatMap { self[$0] }
  }

  /// Whether jobs wait for this one to end.
  func hasChildren(_ id: JobID) -> Bool { families.firstChild(of: id) != nil }

  /// The first job that waits for this one.
  func firstChild(of id: JobID) -> JobID? { families.firstChild(of: id) }

  /// A job that has ended and is still waited for.
  var endedParent: JobID? { families.endedParent }

  /// Which records to look at: one user's or all, accepted within a span of numbers.
  struct Selection {
    var user: String?
    /// Only numbers below, and not below.
    var below: Int64?
    var from: Int64?
  }

  /// Records with a greater number than this, oldest first.
  func records(after sequence: Int64, limit: Int) -> [EmbeddedRecord] {
    everyone.elements(after: ListPlace(sequence: sequence, id: nil), limit: limit) { _ in true }
      .compactMap { $0.id.flatMap { self[$0] } }
  }

  /// The numbers of all records, whatever the orders say.
  var sequences: Set<Int64> { Set(entries.values.map(\.record.sequence)) }

  /// Whether a job has this number.
  func isTaken(_ sequence: Int64) -> Bool {
    everyone.elements(after: ListPlace(sequence: sequence - 1, id: nil), limit: 1) { _ in true }
      .first?.sequence == sequence
  }

  /// Records that match, newest first, and where to go on.
  ///
  /// Looks at no more than `scanLimit` records, so a page may be short of `limit` before the last.
  func page(
    of selection: Selection, limit: Int, scanLimit: Int = 5000,
    where matches: (EmbeddedRecord) -> Bool
  ) -> (records: [EmbeddedRecord], next: Int64?) {
    var found: [EmbeddedRecord] = []
    var scanned = 0
    var next: Int64?
    var last: Int64?
    let index = selection.user.map { users[$0] ?? SortedBlocks() } ?? everyone
    let bound = selection.below.map { ListPlace(sequence: $0, id: nil) }
    index.forEachDescending(below: bound) { place in
      if let from = selection.from, place.sequence < from { return false }
      if found.count == limit || scanned == scanLimit {
        next = last
        return false
      }
      scanned += 1
      last = place.sequence
      if let id = place.id, let record = self[id], matches(record) { found.append(record) }
      return true
    }
    return (found, next)
  }

  /// In which sets a record does not stand though it should.
  func misplacements(of record: EmbeddedRecord) -> [String] {
    let places = Places(record)
    let place = ListPlace(record)
    var missing: [String] = []
    func expect(_ isThere: Bool?, _ name: String) { if isThere == false { missing.append(name) } }
    expect(everyone.contains(place), "all jobs")
    expect(users[record.job.user]?.contains(place) ?? false, "its user's jobs")
    expect(lines[places.queue]?.holds(places.line, of: record.job.user) ?? false, "its queue's line")
    expect(places.deadline.map(deadlines.contains), "leases")
    expect(places.renewed.map(renewed.contains), "renewed leases")
    expect(places.due.map(dues.contains), "due times")
    expect(places.limit.map(limits.contains), "limits")
    expect(places.worker.map { holders[$0]?.contains(place) ?? false }, "its worker's jobs")
    expect(!groups.misses(record), "its group's jobs")
    expect(places.uniqueKey.map { keys[$0] == record.job.id }, "unique keys")
    expect(places.contentKey.map { keys.holds($0, record.job.id) }, "content keys")
    for parent in places.parents { expect(families.holds(place, of: parent), "children of \(parent)") }
    expect(places.isEnded ? families.isNoted(record.job.id) : nil, "ended parents")
    return missing
  }

  /// What is counted otherwise than it is: its name, what is found, what is wanted.
  typealias WrongCount = (name: String, found: Int, wanted: Int)

  /// What is counted of a group and differs from what its jobs are.
  func wrongCounts(of group: GroupID) -> [WrongCount] { groups.wrongCounts(of: group) { self[$0] } }

  /// Counts of sets that differ from what they count.
  func wrongCounts() -> [WrongCount] {
    let running = lines.values.reduce(0) { $0 + $1.running }
    let inLines = lines.values.reduce(0) { $0 + $1.counts.values.reduce(0, +) }
    let delayed = lines.values.reduce(0) {
      $0 + ($1.apart[.scheduled]?.count ?? 0) + ($1.apart[.retrying]?.count ?? 0)
    }
    let held = lines.values.reduce(0) { $0 + $1.users.values.reduce(0) { $0 + $1.held } }
    let parked = lines.values.reduce(0) { $0 + $1.users.values.reduce(0) { $0 + $1.parked.count } }
    let queued = lines.values.reduce(0) { $0 + $1.waiting.count }
    let counts = [
      ("places in windows", held, queued + running),
      ("jobs that wait for room", lines.values.reduce(0) { $0 + $1.parked }, parked),
      ("levels", lines.values.reduce(0) { $0 + $1.levels.reduce(0, +) }, queued),
      ("all jobs", everyone.count, entries.count),
      ("the users' jobs", users.values.reduce(0) { $0 + $1.count }, entries.count),
      ("the queues' lines", inLines, entries.count), ("leases", deadlines.count, running),
      ("the workers' jobs", holders.values.reduce(0) { $0 + $1.count }, running),
      ("due times", dues.count, delayed),
    ]
    return counts.filter { $0.1 != $0.2 }.map { (name: $0.0, found: $0.1, wanted: $0.2) }
  }

  /// The same records and queues, every order made anew.
  func rebuilt() -> EmbeddedTable {
    var table = EmbeddedTable()
    for queue in queues.values { table.put(queue) }
    table.schedules = schedules
    for id in groups.ids(after: nil, limit: .max) { table.put(groups[id], id) }
    for entry in entries.values.sorted(by: { $0.record.sequence < $1.record.sequence }) { table.put(entry) }
    return table
  }

  // MARK: Indexes

  private mutating func list(_ record: EmbeddedRecord) {
    let place = ListPlace(record)
    everyone.insert(place)
    users[record.job.user, default: SortedBlocks()].insert(place)
    keys.add(record)
    reindex(from: nil, to: Places(record), record)
    if let group = record.job.group { groups.count(from: nil, to: record, in: group) }
  }

  private mutating func unlist(_ record: EmbeddedRecord) {
    let place = ListPlace(record)
    everyone.remove(place)
    users.change(record.job.user, place, -1)
    keys.remove(record)
    reindex(from: Places(record), to: nil, record)
    if let group = record.job.group { groups.count(from: record, to: nil, in: group) }
  }

  private mutating func reindex(from old: Places?, to new: Places?, _ record: EmbeddedRecord) {
    if old?.line != new?.line || old?.queue != new?.queue {
      if let old { count(old, of: record.job.user, -1) }
      if let new { count(new, of: record.job.user, 1) }
    }
    deadlines.move(from: old?.deadline, to: new?.deadline)
    renewed.move(from: old?.renewed, to: new?.renewed)
    dues.move(from: old?.due, to: new?.due)
    limits.move(from: old?.limit, to: new?.limit)
    let place = ListPlace(record)
    if old?.worker != new?.worker {
      if let worker = old?.worker { holders.change(worker, place, -1) }
      if let worker = new?.worker { holders.change(worker, place, 1) }
    }
    keys.move(from: old, to: new, record.job.id)
    for parent in families.move(place, from: old?.parents ?? [], to: new?.parents ?? []) {
      families.note(parent, isEnded: self[parent]?.job.state.isTerminal)
    }
    if old?.isEnded != new?.isEnded { families.note(record.job.id, isEnded: new?.isEnded) }
  }

  private mutating func count(_ places: Places, of user: String, _ sign: Int) {
    lines[places.queue, default: QueueLine()].count(places.line, of: user, sign)
    if sign < 0, lines[places.queue]?.isEmpty == true { lines[places.queue] = nil }
  }
}
