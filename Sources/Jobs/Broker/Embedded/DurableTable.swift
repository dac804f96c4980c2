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
  private(set) var table: EmbeddedTable
  private let journal: Journal
  private let logger: Logger
  private let publish: @EventLoop (Effect) -> Void
  private let undone: @EventLoop () -> Void
  private var collecting = Batch()
  private var committing: Batch?
  private var isWriting = false
  private var hasFailed = false

  /// What is to be told once the change that caused it is kept.
  enum Effect {
    case event(JobEvent)
    case directive(WorkerDirective, WorkerID)
  }

  private final class Batch {
    /// Each touched record as it stood before the batch.
    var before: [JobID: Before] = [:]
    var logs: [JournalBatch.LogAppend] = []
    var spendings: [String: RequestWindows.Spending?] = [:]
    var effects: [Effect] = []
    var waiters: [CheckedContinuation<Bool, Never>] = []

    struct Before { let record: EmbeddedRecord? }

    var isEmpty: Bool {
      before.isEmpty && logs.isEmpty && spendings.isEmpty && effects.isEmpty && waiters.isEmpty
    }
  }

  /// `publish` is called for each effect in order; `undone` after changes were taken back.
  init(
    _ table: EmbeddedTable, journal: Journal, logger: Logger,
    publish: @escaping @EventLoop (Effect) -> Void, undone: @escaping @EventLoop () -> Void
  ) {
    self.table = table
    self.journal = journal
    self.logger = logger
    self.publish = publish
    self.undone = undone
  }

  // MARK: Changing

  /// Puts a changed record, to be journaled, and stages the event of the change.
  func change(_ record: EmbeddedRecord, _ event: JobEvent?) {
    remember(record.job.id)
    table.put(record)
    if let event { collecting.effects.append(.event(event)) }
    startWriting()
  }

  /// Puts a record whose change the journal need not know: a deadline, progress.
  func changeUnjournaled(_ record: EmbeddedRecord, _ event: JobEvent? = nil) {
    table.put(record)
    if let event { tell(.event(event), of: record.job.id) }
  }

  /// Tells at once, or after what is still to be kept of this job.
  func tell(_ effect: Effect, of id: JobID) {
    guard isPending(id) else {
      publish(effect)
      return
    }
    collecting.effects.append(effect)
    startWriting()
  }

  /// Forgets a job.
  func remove(_ id: JobID) {
    remember(id)
    table.remove(id)
    startWriting()
  }

  /// Appends to the log of a job.
  func append(_ lines: [String], to record: EmbeddedRecord) {
    var record = record
    let newest = Array(lines.suffix(JournalBatch.LogAppend.limit))
    let first = record.logCount + 1 + lines.count - newest.count
    record.logCount += lines.count
    collecting.logs.append(.init(job: record.job.id, first: first, lines: newest))
    change(record, nil)
  }

  /// Journals what a user has spent (nil: nothing any more); nobody waits for it.
  func note(_ spending: RequestWindows.Spending?, of user: String) {
    collecting.spendings[user] = .some(spending)
    startWriting()
  }

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

  private func outcome(of batch: Batch) async throws(BrokerError) {
    let isKept = await withCheckedContinuation { batch.waiters.append($0) }
    if !isKept { throw .unavailable }
  }

  // MARK: Writing

  private func remember(_ id: JobID) {
    if collecting.before[id] == nil {
      collecting.before[id] = Batch.Before(record: table[id])
    }
  }

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
      collecting = Batch()
      let changes = changes(of: batch)
      do {
        if !changes.isEmpty { try await journal.write(changes) }
        hasFailed = false
        finish(batch)
      } catch {
        logger.error("the journal cannot be written", metadata: ["error": "\(error)"])
        hasFailed = true
        undo(batch)
      }
    }
    isWriting = false
  }

  private func changes(of batch: Batch) -> JournalBatch {
    var changes = JournalBatch()
    changes.logs = batch.logs
    changes.spendings = batch.spendings
    for (id, before) in batch.before {
      if let record = table[id] {
        changes.records.append(record)
        if before.record?.sequence != record.sequence { changes.accepted.insert(id) }
      } else {
        changes.removed.append(id)
      }
    }
    return changes
  }

  private func finish(_ batch: Batch) {
    committing = nil
    for id in batch.before.keys where table[id]?.job.state.isTerminal == true && !isPending(id) {
      table.dropPayload(of: id)
    }
    for effect in batch.effects { publish(effect) }
    for waiter in batch.waiters { waiter.resume(returning: true) }
  }

  private func undo(_ batch: Batch) {
    let next = collecting
    committing = nil
    collecting = Batch()
    for (id, before) in next.before.merging(batch.before, uniquingKeysWith: { $1 }) {
      if let record = before.record { table.put(record) } else { table.remove(id) }
    }
    for waiter in batch.waiters + next.waiters { waiter.resume(returning: false) }
    undone()
  }
}
