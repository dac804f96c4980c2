import DequeModule
package import EventLoop
import Foundation
package import Logging

/// A broker inside the process: the state in memory, every acknowledged change in a journal first.
///
/// A call changes the state at once, on the loop, and returns when the transaction that carries the
/// change is on disk. Events of a change are delivered at that same moment, in the order of the
/// calls: nobody learns of what a crash could take back. Only progress is not journaled; its numbers
/// are taken from blocks that are, so that none is ever used twice.
///
/// When the disk refuses, calls throw `unavailable`; what they began is written as soon as the disk
/// takes it, so it may yet have happened, as the contract says.
@EventLoop
package final class EmbeddedBroker {
  let journal: Journal
  let events = EventFanout()
  let signals = WorkSignals()
  let clock: @Sendable () -> Timestamp
  let logger: Logger

  var records: [JobID: EmbeddedRecord] = [:]
  var queues: [QueueName: EmbeddedQueue] = [:]
  var running: Set<JobID> = []
  /// Retrying jobs by the time at which they return.
  var due: Deque<(at: Timestamp, job: JobID)> = []
  /// Ended jobs by the time at which they are forgotten, one line for each period of keeping.
  var endings: [JobState: Deque<(at: Timestamp, job: JobID)>] = [:]
  /// Jobs in the order of submission: of each user, and of all.
  var submissions: [String: Deque<JobID>] = [:]
  var allSubmissions: Deque<JobID> = []
  var keys: [IdempotencyKey: IdempotencyEntry] = [:]
  var keyExpiries: Deque<(at: Timestamp, key: IdempotencyKey)> = []
  var windows: [String: [Timestamp]] = [:]
  var lastSequence: Int64 = 0
  var lastReap: Timestamp?
  private var dueTimer: LoopTimer?

  /// Offsets are reserved this many at a time.
  static let offsetBlock: UInt64 = 1024

  private init(journal: Journal, clock: @escaping @Sendable () -> Timestamp, logger: Logger) {
    self.journal = journal
    self.clock = clock
    self.logger = logger
  }

  /// Opens the folder's journal, or makes one, and takes up where it ended.
  ///
  /// Everything acknowledged is there. Jobs that ran return to the front of their queue: their
  /// workers were in the process that ended. Throws ``FolderLock/Taken`` while another process uses
  /// the folder, and what SQLite says of a file it cannot read.
  package static func open(
    at folder: String, clock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
  ) async throws -> EmbeddedBroker {
    let (journal, contents) = try await Journal.open(in: folder) { error in
      logger.error("the journal cannot be written", metadata: ["error": "\(error)"])
    }
    let broker = EmbeddedBroker(journal: journal, clock: clock, logger: logger)
    broker.recover(contents)
    guard await journal.committed() else {
      await journal.close()
      throw BrokerError.unavailable
    }
    return broker
  }

  private func recover(_ contents: Journal.Contents) {
    for (row, payload) in contents.jobs {
      // Events up to the reserved number may have been seen; none above it.
      let record = EmbeddedRecord(
        row: row, payload: JSONText(unchecked: payload), offset: row.reservedOffset)
      record.log = contents.logs[row.id] ?? []
      records[row.id] = record
      lastSequence = max(lastSequence, row.sequence)
      index(record)
      switch row.state {
      case .running:
        record.row.lostDeliveries += 1
        requeue(record)
        write(record, step(record, .state, reason: "lost"))
      case .queued: place(record)
      case .retrying: schedule(record)
      case .completed, .failed, .cancelled: expire(record)
      case .scheduled, .blocked: break
      }
    }
    for (key, entry) in contents.keys.sorted(by: { $0.value.expiresAt < $1.value.expiresAt }) {
      keys[key] = entry
      keyExpiries.append((entry.expiresAt, key))
    }
    for (user, time) in contents.requests { windows[user, default: []].append(time) }
  }

  // MARK: Steps

  /// Numbers the step that was just made and returns its event.
  ///
  /// A block of numbers is reserved with the step where the last one is used up.
  func step(
    _ record: EmbeddedRecord, _ class: JobEvent.Class, reason: String? = nil
  ) -> JobEvent {
    let now = clock()
    record.offset += 1
    record.row.updatedAt = now
    return record.event(`class`, at: now, reason: reason)
  }

  /// Journals a change of state and, once it is safe, publishes its event.
  func write(
    _ record: EmbeddedRecord, _ event: JobEvent, with changes: [Journal.Change] = [],
    afterwards: (@EventLoop () -> Void)? = nil
  ) {
    record.row.reservedOffset = record.offset
    journal.write(changes + [.job(record.row)]) { [events] in
      events.publish(event)
      afterwards?()
    }
  }

  /// Returns when all that was written is safe; throws `unavailable` if the disk refuses.
  func committed() async throws(BrokerError) {
    guard await journal.committed() else { throw .unavailable }
  }

  /// Throws `unavailable` while the disk refuses: nothing new is begun.
  func checkDisk() throws(BrokerError) {
    if journal.isFailing { throw .unavailable }
  }

  // MARK: Places

  func index(_ record: EmbeddedRecord) {
    submissions[record.row.user, default: []].append(record.row.id)
    allSubmissions.append(record.row.id)
  }

  /// Puts a queued job where its priority and its sequence want it, and wakes a worker.
  func place(_ record: EmbeddedRecord) {
    let row = record.row
    queues[row.queue, default: EmbeddedQueue()]
      .insert(row.id, priority: row.priority, sequence: row.sequence)
    signals.wake(row.queue)
  }

  /// Back to where it stood: its sequence is older than that of all who came since.
  func requeue(_ record: EmbeddedRecord) {
    record.row.state = .queued
    record.row.attempt -= 1
    record.row.isCancelling = false
    record.clearProgress()
    vacate(record)
    place(record)
  }

  /// The lease is over.
  func vacate(_ record: EmbeddedRecord) {
    running.remove(record.row.id)
    record.worker = nil
    record.deadline = nil
  }

  func schedule(_ record: EmbeddedRecord) {
    guard let time = record.row.dueAt else { return }
    let index = due.firstIndex { $0.at > time } ?? due.count
    due.insert((time, record.row.id), at: index)
    armDueTimer()
  }

  private func armDueTimer() {
    dueTimer = nil
    guard let next = due.first else { return }
    let wait = max(.milliseconds(1), next.at - clock())
    dueTimer = LoopTimer(after: wait) { [weak self] in self?.promote() }
  }

  /// Queues the retrying jobs whose time has come.
  func promote() {
    let now = clock()
    while let next = due.first, next.at <= now {
      due.removeFirst()
      guard let record = records[next.job], record.row.state == .retrying,
        record.row.dueAt == next.at
      else { continue }
      record.row.state = .queued
      record.row.dueAt = nil
      let event = step(record, .state)
      place(record)
      write(record, event)
    }
    armDueTimer()
  }

  /// Notes when an ended job is to be forgotten (job-engine §4.8).
  func expire(_ record: EmbeddedRecord) {
    guard let ended = record.row.finishedAt else { return }
    let keeping: Duration = record.row.state == .failed ? .seconds(7 * 86400) : .seconds(86400)
    endings[record.row.state, default: []].append((ended + keeping, record.row.id))
  }

  /// Forgets a bounded number of what has been kept long enough.
  func prune() {
    let now = clock()
    var changes: [Journal.Change] = []
    for state in [JobState.completed, .failed, .cancelled] {
      var count = 0
      while count < 8, let first = endings[state]?.first, first.at <= now {
        endings[state]?.removeFirst()
        forget(first.job)
        changes.append(.removal(first.job))
        count += 1
      }
    }
    while changes.count < 32, let first = keyExpiries.first, first.at <= now {
      keyExpiries.removeFirst()
      guard keys[first.key]?.expiresAt == first.at else { continue }
      keys[first.key] = nil
      changes.append(.removalOfKey(first.key))
    }
    if !changes.isEmpty { journal.write(changes) }
  }

  private func forget(_ id: JobID) {
    guard let record = records.removeValue(forKey: id) else { return }
    // Expired jobs are among the oldest: they are found near the front.
    if let index = submissions[record.row.user]?.firstIndex(of: id) {
      submissions[record.row.user]?.remove(at: index)
    }
    if submissions[record.row.user]?.isEmpty == true { submissions[record.row.user] = nil }
    if let index = allSubmissions.firstIndex(of: id) { allSubmissions.remove(at: index) }
  }

  func view(_ record: EmbeddedRecord) -> Job {
    let row = record.row
    let place =
      row.state == .queued
      ? queues[row.queue]?.position(priority: row.priority, sequence: row.sequence) : nil
    return record.job(position: place, now: clock())
  }
}

extension EmbeddedBroker: EventSource {
  package func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    events.subscribe(to: channel, receive)
  }

  package func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    events.directives(for: worker, receive)
  }

  package var isDelivering: Bool { !journal.isFailing }
}

extension EmbeddedBroker: RequestBudget {
  package func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    let now = clock()
    var standing = standing(of: user, limit: limit, window: window, at: now)
    guard standing.isAdmitted else { return standing }
    windows[user, default: []].append(now)
    // Written, not waited for: a request is not worth a flush of its own.
    journal.write([.request(user: user, at: now)])
    standing.remaining -= 1
    standing.retryAfter = windows[user]?.first.map { $0 + window - now } ?? .zero
    return standing
  }

  package func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    standing(of: user, limit: limit, window: window, at: clock())
  }

  private func standing(
    of user: String, limit: Int, window: Duration, at now: Timestamp
  ) -> BudgetStanding {
    let recent = (windows[user] ?? []).filter { now - $0 < window }
    windows[user] = recent.isEmpty ? nil : recent
    // With fewer allowed than were admitted, the one that must leave is not the oldest.
    let blocking = recent.count >= limit ? recent[recent.count - limit] : recent.first
    return BudgetStanding(
      isAdmitted: recent.count < limit, remaining: max(0, limit - recent.count),
      retryAfter: blocking.map { $0 + window - now } ?? .zero)
  }
}
