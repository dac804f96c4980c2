package import EventLoop
import Foundation
package import Logging

/// A broker that needs nothing installed: the rule in memory, what is acknowledged in SQLite.
///
/// Every call that changes something returns when the change is on disk; calls that come together
/// share one sync (``DurableTable``). While the journal cannot be written — a full disk — such calls
/// throw `unavailable` and change nothing; the broker goes on by itself when it can. A restart loses
/// nothing acknowledged: running jobs, whose workers went with the process, count as lost and return
/// to the front of their queue; what they had reported is forgotten, in the progress of their groups too.
///
/// One process a folder, one broker a process. Finding and taking are O(log n); a job's place in its
/// queue costs a walk over n/512 counts.
@EventLoop
package final class EmbeddedBroker {
  let clock: @Sendable () -> Timestamp
  let waiters = WorkWaiters()
  let fanout = EventFanout()
  let logger: Logger
  /// Where what is acknowledged is kept.
  package let journal: Journal
  /// Set once, at the end of `init`: it calls back to the broker.
  private(set) var store: DurableTable! = nil
  var windows: RequestWindows
  var roster = WorkerRoster()
  var nodeRoster = NodeRoster()
  var lastMaintenance: Timestamp
  /// Queues in which parked jobs may have room that nobody has given them yet.
  var queuesWithRoom: Set<QueueName> = []
  var arriving: [QueueName: QueueMode] = [:]
  /// Who reads the feed for each consumer, and until when; others of this process wait for that.
  var feedHolders: [FeedConsumer: (name: String, until: Timestamp)] = [:]
  /// Whether children are being told of their parents' ends, further up.
  var isTellingChildren = false
  private(set) var isOpen = true
  private var lastSequence: Int64
  private var lastEnding: Int64
  private var dueTimer: LoopTimer?
  private var dueTimerFires: Timestamp?
  private var trimTimer: LoopTimer?
  private var minutesTrimmed: Int64

  /// How much is done in one go of what nobody waits for: jobs queued that are due, or forgotten.
  static let workLimit = 200
  /// How many other jobs one step changes; the rest is left to the maintenance.
  static let stepLimit = 64
  private static let trimInterval = Duration.seconds(30)

  /// Opens the broker whose journal lies in `folder` and takes up everything that was acknowledged.
  ///
  /// `clock` is the broker's time. Throws `inUse` while another process has the folder.
  package static func open(
    at folder: String, clock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
  ) async throws -> EmbeddedBroker {
    let (journal, content) = try await read(folder, at: clock())
    let broker = EmbeddedBroker(journal: journal, content: content, clock: clock, logger: logger)
    try await broker.takeUp()
    return broker
  }

  @concurrent private static func read(
    _ folder: String, at now: Timestamp
  ) async throws(JournalError) -> (Journal, JournalContent) {
    let journal = try Journal(in: folder)
    return (journal, try journal.load(at: now))
  }

  private init(
    journal: Journal, content: JournalContent, clock: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) {
    self.journal = journal
    self.clock = clock
    self.logger = logger
    windows = RequestWindows(content.spendings)
    lastMaintenance = clock()
    minutesTrimmed = clock().minute
    lastSequence = content.records.last?.sequence ?? 0
    lastEnding = content.records.reduce(0) { max($0, $1.ending) }
    var table = EmbeddedTable()
    for queue in content.queues { table.put(queue) }
    for schedule in content.schedules { table.put(schedule, schedule.schedule.name) }
    for group in content.groups { table.put(group, group.id) }
    for record in content.records {
      table.put(record)
      if !record.job.state.isTerminal {
        table.change(record.job.queue) { $0.note(record.base, of: record.job.user) }
      }
    }
    store = DurableTable(
      table, content.book, RevocationBook(content.revocations), content.feed, journal: journal, logger: logger,
      publish: { [fanout] effect in
        switch effect {
        case .event(let event): fanout.publish(event)
        case .group(let group): fanout.publish(group)
        case .directive(let directive, let worker): fanout.publish(directive, to: worker)
        case .control(let message): fanout.publish(message, to: nil)
        }
      },
      undone: { [weak self] in self?.changesWereUndone() })
  }

  /// Takes jobs back from the workers that went with the process before.
  private func takeUp() async throws(BrokerError) {
    let now = clock()
    for id in store.table.running {
      guard var record = store.table[id] else { continue }
      // Without a bound: how often a process ends says little of the jobs it held.
      let event = record.lose(maxLost: nil, at: now)
      store.count(in: record.job.queue) { $0.totals.lost += 1 }
      apply(record, event, at: now)
    }
    for name in store.table.queues.keys {
      queuesWithRoom.insert(name)
      settleMode(of: name, at: now)
    }
    try await store.kept()
    armDueTimer()
    trimTimer = LoopTimer(every: Self.trimInterval) { [weak self] in
      guard let self, isOpen else { return }
      trim()
    }
  }

  // MARK: What the verbs share

  func requireOpen() throws(BrokerError) { if !isOpen { throw .unavailable } }

  /// The next number in the order of acceptance: µs since 2025 or more, so that it grows over
  /// restarts, whatever was forgotten.
  func nextSequence(at now: Timestamp) -> Int64 {
    lastSequence = max(lastSequence + 1, now.sequence)
    return lastSequence
  }

  /// The number of a job that comes from elsewhere: its own, or the next that is free.
  func take(_ sequence: Int64) -> Int64 {
    var free = sequence
    while store.table.isTaken(free) { free += 1 }
    lastSequence = max(lastSequence, free)
    return free
  }

  /// The last number that was given to a job.
  var newestSequence: Int64 { lastSequence }

  /// The next number in the order in which jobs end.
  func nextEnding(at now: Timestamp) -> Int64 {
    lastEnding = max(lastEnding + 1, now.sequence)
    return lastEnding
  }

  /// Queues jobs that are due, at most `limit`, sets the timer for the next, and says how many.
  @discardableResult
  func promoteDue(limit: Int = workLimit, at now: Timestamp) -> Int {
    let due = store.table.due(by: now, limit: limit)
    for id in due {
      guard var record = store.table[id] else { continue }
      let event = record.admit(isWindowFull(for: record), at: now, reason: "due")
      apply(record, event, at: now)
    }
    armDueTimer()
    return due.count
  }

  /// Sets the timer for the first job that becomes due, not before `earliest` from now.
  func armDueTimer(notBefore earliest: Duration = .zero) {
    guard isOpen, let due = store.table.firstDue else {
      dueTimer?.stop()
      dueTimerFires = nil
      return
    }
    guard due != dueTimerFires || earliest > .zero else { return }
    dueTimer?.stop()
    dueTimerFires = due
    let delay = max(due - clock(), earliest, .milliseconds(1))
    // A day at most: then it is looked again.
    dueTimer = LoopTimer(after: min(delay, .seconds(86_400))) { [weak self] in
      guard let self else { return }
      dueTimerFires = nil
      promoteDue(at: clock())
    }
  }

  /// Forgets what was kept long enough.
  private func trim() {
    let now = clock()
    forgetEnded(limit: Self.workLimit, at: now)
    forgetExpiredGroups(limit: Self.workLimit, at: now)
    for user in windows.trim(at: now) { store.note(nil, of: user) }
    roster.trim(at: now)
    for subject in store.revocations.over(at: now) { store.change(nil, subject) }
    guard now.minute >= minutesTrimmed + 60 else { return }
    minutesTrimmed = now.minute
    store.trimBook(at: now)
    let journal = journal
    Task {
      // Left for the next time, if it cannot be written.
      try? await journal.forgetMinutes(upTo: now.minute - QueueBook.span)
    }
  }

  private func changesWereUndone() {
    // What was undone may wait for work again; a journal that fails now is given time.
    waiters.wakeAll()
    dueTimerFires = nil
    armDueTimer(notBefore: .seconds(1))
  }

  /// Makes everything acknowledged safe and lets the files go. The broker is not used after.
  package func close() async {
    guard isOpen else { return }
    isOpen = false
    dueTimer?.stop()
    trimTimer?.stop()
    waiters.wakeAll()
    do {
      try await store.kept()
    } catch {
      logger.warning("the last changes, which nobody was told of, could not be kept")
    }
    do {
      try journal.close()
    } catch {
      logger.error("the journal did not close", metadata: ["error": "\(error)"])
    }
  }
}

extension EmbeddedBroker: RequestBudget {
  /// Counts at once; the journal hears of it with the next batch, so that a restart forgets at most
  /// what was spent in its last moments.
  package func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try requireOpen()
    let standing = windows.spend(of: user, limit: limit, window: window, at: clock())
    if standing.isAdmitted { store.note(windows.spendings[user], of: user) }
    return standing
  }

  package func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try requireOpen()
    return windows.standing(of: user, limit: limit, window: window, at: clock())
  }
}

extension EmbeddedBroker: EventSource {
  package func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    try requireOpen()
    return fanout.subscribe(to: channel, receive)
  }

  package func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    try requireOpen()
    return fanout.directives(for: worker, receive)
  }

  package var isDelivering: Bool { isOpen }
}
