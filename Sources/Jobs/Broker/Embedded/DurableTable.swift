import EventLoop
import Logging

/// The table of an embedded broker, whose changes are kept before anyone hears of them.
///
/// A change is made in memory at once and staged in a batch. One batch is written at a time, off the
/// loop; what is staged meanwhile forms the next: the more calls, the larger the transaction (group
/// commit). When a batch is on disk its events go out, in order, and then its callers go on. When it
/// cannot be written, it and the one built upon it are undone, and their callers hear `unavailable`.
@EventLoop
final class DurableTable {
  var table: EmbeddedTable
  /// What queues have done, as far as it is kept.
  private(set) var book: QueueBook
  private(set) var revocations: RevocationBook
  private(set) var feed: FeedBook
  private let journal: Journal
  private let logger: Logger
  private let publish: @EventLoop (Effect) -> Void
  private let undone: @EventLoop () -> Void
  private var collecting = StagedBatch()
  private var committing: StagedBatch?
  private var isWriting = false
  private var hasFailed = false

  typealias Effect = StagedBatch.Effect

  /// `publish` is called for each effect in order; `undone` after changes were taken back.
  init(
    _ table: EmbeddedTable, _ book: QueueBook, _ revocations: RevocationBook, _ feed: FeedBook,
    journal: Journal, logger: Logger,
    publish: @escaping @EventLoop (Effect) -> Void, undone: @escaping @EventLoop () -> Void
  ) {
    self.table = table
    self.book = book
    self.revocations = revocations
    self.feed = feed
    self.journal = journal
    self.logger = logger
    self.publish = publish
    self.undone = undone
  }

  // MARK: Changing

  /// Puts a changed record, to be journaled, and stages the event of the change.
  func change(_ record: EmbeddedRecord, _ event: JobEvent?) {
    let old = table.put(record)
    if collecting.before[record.job.id] == nil {
      collecting.before[record.job.id] = StagedBatch.Before(value: old)
    }
    if let event {
      collecting.effects.append(.event(event))
      if event.class == .state { follow(record, from: old?.record.job.state, reason: event.reason) }
    }
    startWriting()
  }

  /// Puts a record whose change the journal need not know: a deadline, progress.
  func changeUnjournaled(_ record: EmbeddedRecord, _ event: JobEvent? = nil) {
    // What is fed is kept.
    if let event, event.class == .state, !record.terms.feed.isEmpty { return change(record, event) }
    table.put(record)
    if let event { tell(.event(event), of: record.job.id) }
  }

  /// Appends a change of a job to the feed, if somebody follows it.
  func follow(_ record: EmbeddedRecord, from previous: JobState?, reason: String?) {
    guard !record.terms.feed.isEmpty else { return }
    var job = record.job
    job.payload = nil
    job.maxAttempts = record.maxAttempts(in: table.settings(of: job.queue))
    changeFeed { $0.last += 1 }
    collecting.feedEntries.append(
      (
        feed.last,
        FeedEntry(
          place: FeedPlace(feed.last), job: job, previous: previous, reason: reason, terms: record.terms.feed)
      ))
  }

  /// Changes the feed: who reads it, and how far; it keeps its bound by itself.
  func changeFeed(_ change: (inout FeedBook) -> Void) {
    if collecting.feedBefore == nil { collecting.feedBefore = feed }
    change(&feed)
    feed.trim()
    startWriting()
  }

  /// Tells at once, or after what is still to be kept, or told, of this job.
  func tell(_ effect: Effect, of id: JobID) {
    guard isUntold(id) else {
      publish(effect)
      return
    }
    collecting.told.insert(id)
    stage(effect)
  }

  private func isUntold(_ id: JobID) -> Bool {
    isPending(id) || collecting.told.contains(id) || committing?.told.contains(id) == true
  }

  /// Forgets a job.
  func remove(_ id: JobID) {
    if collecting.before[id] == nil {
      collecting.before[id] = StagedBatch.Before(value: table.entries[id])
    }
    table.remove(id)
    startWriting()
  }

  /// Appends to the log of a job.
  func append(_ lines: [String], to record: EmbeddedRecord) {
    var record = record
    let newest = Array(lines.suffix(JournalBatch.LogAppend.limit))
    let first = record.logCount + 1 + lines.count - newest.count
    record.logCount += lines.count
    collecting.logs.append(.init(job: record.sequence, first: first, lines: newest))
    change(record, nil)
  }

  /// Makes every order of the table anew from its records.
  func rebuild() { table = table.rebuilt() }

  /// Journals what a user has spent (nil: nothing any more); nobody waits for it.
  func note(_ spending: RequestWindows.Spending?, of user: String) {
    collecting.spendings[user] = .some(spending)
    startWriting()
  }

  /// Changes a queue, which is made if it was not there.
  func changeQueue(_ name: QueueName, at now: Timestamp, _ change: (inout EmbeddedQueue) -> Void) {
    if collecting.queues[name] == nil {
      collecting.queues[name] = StagedBatch.Before(value: table.queues[name])
    }
    if table.queues[name] == nil { table.put(EmbeddedQueue(name: name, at: now)) }
    table.change(name, change)
    startWriting()
  }

  /// Puts a schedule; nil forgets it.
  func change(_ schedule: ScheduleStatus?, _ name: ScheduleName) {
    if collecting.schedules[name] == nil {
      collecting.schedules[name] = StagedBatch.Before(value: table.schedules[name])
    }
    table.put(schedule, name)
    startWriting()
  }

  /// Puts a revocation; nil forgets it.
  func change(_ revocation: Revocation?, _ subject: Revocation.Subject) {
    if collecting.revocations[subject] == nil {
      collecting.revocations[subject] = StagedBatch.Before(value: revocations[subject])
    }
    revocations[subject] = revocation
    startWriting()
  }

  /// Puts a group, to be journaled; nil forgets it.
  func change(_ group: EmbeddedGroup?, _ id: GroupID) {
    if collecting.groups[id] == nil {
      collecting.groups[id] = StagedBatch.Before(value: table.groups[id])
    }
    table.put(group, id)
    startWriting()
  }

  /// Puts a group whose change the journal need not know: the number of a progress.
  func changeUnjournaled(_ group: EmbeddedGroup) { table.put(group, group.id) }

  /// Tells how a group stands after a step of this job: at once, or after what is still to be kept, or told,
  /// of both.
  func tell(_ id: GroupID, after job: JobID) {
    guard let group = table.groups.shown(id) else { return }
    let isUntold =
      isPending(id) || collecting.toldGroups.contains(id) || committing?.toldGroups.contains(id) == true
    guard isUntold || self.isUntold(job) else {
      publish(.group(group))
      return
    }
    collecting.toldGroups.insert(id)
    stage(.group(group))
  }

  /// Tells when what was staged until now is kept.
  func stage(_ effect: Effect) {
    collecting.effects.append(effect)
    startWriting()
  }

  /// Forgets a queue, and what it did.
  func removeQueue(_ name: QueueName) {
    if collecting.queues[name] == nil {
      collecting.queues[name] = StagedBatch.Before(value: table.queues[name])
    }
    table.removeQueue(name)
    collecting.tallies[name] = nil
    collecting.deletedQueues.insert(name)
    startWriting()
  }

  /// Counts what a queue did.
  func count(in queue: QueueName, _ count: (inout QueueTally) -> Void) {
    count(&collecting.tallies[queue, default: QueueTally()])
    startWriting()
  }

  /// Forgets minutes that nobody may ask for any more.
  func trimBook(at now: Timestamp) { book.trim(at: now) }

  // MARK: Waiting

  /// Returns when everything staged so far is on disk; throws `unavailable` if it was undone.
  func kept() async throws(BrokerError) {
    if !collecting.isEmpty {
      try await outcome(of: collecting)
    } else if let committing {
      try await outcome(of: committing)
    }
  }

  /// The same for what is staged of one job: at once if nothing is.
  func kept(_ id: JobID) async throws(BrokerError) {
    if collecting.before[id] != nil {
      try await outcome(of: collecting)
    } else if let committing, committing.before[id] != nil {
      try await outcome(of: committing)
    }
  }

  /// The same for what is staged of one group.
  func kept(_ id: GroupID) async throws(BrokerError) {
    if collecting.groups[id] != nil {
      try await outcome(of: collecting)
    } else if let committing, committing.groups[id] != nil {
      try await outcome(of: committing)
    }
  }

  /// Whether a change of this group is not yet on disk.
  func isPending(_ id: GroupID) -> Bool {
    collecting.groups[id] != nil || committing?.groups[id] != nil
  }

  /// Whether a change of this job is not yet on disk.
  func isPending(_ id: JobID) -> Bool {
    collecting.before[id] != nil || committing?.before[id] != nil
  }

  /// Whether changes can be kept, as far as is known; after a failure the journal is asked.
  func isWritable() async -> Bool {
    guard hasFailed else { return true }
    do {
      try await journal.probe()
      hasFailed = false
    } catch {
      logger.debug("the journal still cannot be written", metadata: ["error": "\(error)"])
    }
    return !hasFailed
  }

  private func outcome(of batch: StagedBatch) async throws(BrokerError) {
    let isKept = await EventLoop.suspend { batch.waiters.append($0) }
    if !isKept { throw .unavailable }
  }

  // MARK: Writing

  private func startWriting() {
    guard !isWriting else { return }
    isWriting = true
    // Begins with the next turn of the loop: what this turn still stages goes along.
    Task { await writeAll() }
  }

  private func writeAll() async {
    while !collecting.isEmpty {
      let batch = collecting
      committing = batch
      collecting = StagedBatch()
      let changes = batch.journalBatch(of: table, book, revocations, feed)
      do {
        if !changes.isEmpty { try await journal.write(changes) }
        hasFailed = false
        finish(batch)
        // Those who waited go on first: what they do next goes along with what was staged meanwhile.
        await EventLoop.yield()
      } catch {
        logger.error("the journal cannot be written", metadata: ["error": "\(error)"])
        hasFailed = true
        undo(batch)
      }
    }
    isWriting = false
  }

  private func finish(_ batch: StagedBatch) {
    committing = nil
    for queue in batch.deletedQueues { book.remove(queue) }
    for (queue, tally) in batch.tallies { book.add(tally, of: queue) }
    for id in batch.before.keys where table.entries[id]?.record.job.state.isTerminal == true && !isPending(id) {
      table.dropPayload(of: id)
    }
    for effect in batch.effects { publish(effect) }
    for waiter in batch.waiters { waiter.resume(returning: true) }
  }

  private func undo(_ batch: StagedBatch) {
    let next = collecting
    committing = nil
    collecting = StagedBatch()
    for (name, before) in next.queues.merging(batch.queues, uniquingKeysWith: { $1 }) {
      if let queue = before.value { table.put(queue) } else { table.removeQueue(name) }
    }
    for (name, before) in next.schedules.merging(batch.schedules, uniquingKeysWith: { $1 }) {
      table.put(before.value, name)
    }
    for (subject, before) in next.revocations.merging(batch.revocations, uniquingKeysWith: { $1 }) {
      revocations[subject] = before.value
    }
    feed = batch.feedBefore ?? next.feedBefore ?? feed
    for (id, before) in next.groups.merging(batch.groups, uniquingKeysWith: { $1 }) {
      table.put(before.value, id)
    }
    for (id, before) in next.before.merging(batch.before, uniquingKeysWith: { $1 }) {
      if let entry = before.value { table.put(entry) } else { table.remove(id) }
    }
    for waiter in batch.waiters + next.waiters { waiter.resume(returning: false) }
    undone()
  }
}
