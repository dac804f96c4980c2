package import EventLoop
import Foundation
package import Logging

/// A broker that needs nothing installed: the rule in memory, what is acknowledged in SQLite.
///
/// Every call that changes something returns when the change is on disk; calls that come together
/// share one sync (``DurableTable``). While the journal cannot be written — a full disk — such calls
/// throw `unavailable` and change nothing; the broker goes on by itself when it can. A restart loses
/// nothing acknowledged: running jobs, whose workers went with the process, count as lost and return
/// to the front of their queue.
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
  var lastReap: Timestamp
  private(set) var isOpen = true
  private var lastSequence: Int64
  private var retryTimer: LoopTimer?
  private var retryTimerFires: Timestamp?
  private var trimTimer: LoopTimer?

  /// How many retries are queued, and how many forgotten jobs removed, in one go.
  static let workLimit = 200
  private static let trimInterval = Duration.seconds(30)

  /// Opens the broker whose journal lies in `folder` and takes up everything that was acknowledged.
  ///
  /// `clock` is the broker's time. Throws `inUse` while another process has the folder.
  package static func open(
    at folder: String, clock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
  ) async throws -> EmbeddedBroker {
    let (journal, content) = try await read(folder)
    let broker = EmbeddedBroker(journal: journal, content: content, clock: clock, logger: logger)
    try await broker.takeUp()
    return broker
  }

  @concurrent private static func read(
    _ folder: String
  ) async throws(JournalError) -> (Journal, JournalContent) {
    let journal = try Journal(in: folder)
    return (journal, try journal.load())
  }

  private init(
    journal: Journal, content: JournalContent, clock: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) {
    self.journal = journal
    self.clock = clock
    self.logger = logger
    windows = RequestWindows(content.spendings)
    lastReap = clock()
    lastSequence = content.records.last?.sequence ?? 0
    var table = EmbeddedTable()
    for record in content.records { table.put(record) }
    store = DurableTable(
      table, journal: journal, logger: logger,
      publish: { [fanout] effect in
        switch effect {
        case .event(let event): fanout.publish(event)
        case .directive(let directive, let worker): fanout.publish(directive, to: worker)
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
      store.change(record, event)
    }
    try await store.kept()
    armRetryTimer()
    trimTimer = LoopTimer(every: Self.trimInterval) { [weak self] in
      guard let self, isOpen else { return }
      trim()
      for user in windows.trim(at: clock()) { store.note(nil, of: user) }
    }
  }

  // MARK: What the verbs share

  func requireOpen() throws(BrokerError) { if !isOpen { throw .unavailable } }

  /// The next number in the order of acceptance: µs since 2025 or more, so that it grows over
  /// restarts, whatever was forgotten.
  func nextSequence(at now: Timestamp) -> Int64 {
    lastSequence = max(lastSequence + 1, (now.milliseconds - 1_735_689_600_000) * 1000)
    return lastSequence
  }

  /// Puts a record that waits again, or for the first time, and wakes a worker for it.
  func queue(_ record: EmbeddedRecord, _ event: JobEvent) {
    store.change(record, event)
    waiters.wake(for: record.job.queue)
  }

  /// Queues the retries that are due and sets the timer for the next.
  func promoteDue() {
    let now = clock()
    for id in store.table.retries(dueBy: now, limit: Self.workLimit) {
      guard var record = store.table[id] else { continue }
      let event = record.promote(at: now)
      queue(record, event)
    }
    armRetryTimer()
  }

  /// Sets the timer for the first retry, not before `earliest` from now.
  func armRetryTimer(notBefore earliest: Duration = .zero) {
    guard isOpen, let due = store.table.firstRetry else {
      retryTimer?.stop()
      retryTimerFires = nil
      return
    }
    guard due != retryTimerFires || earliest > .zero else { return }
    retryTimer?.stop()
    retryTimerFires = due
    let delay = max(due - clock(), earliest, .milliseconds(1))
    retryTimer = LoopTimer(after: delay) { [weak self] in
      guard let self else { return }
      retryTimerFires = nil
      promoteDue()
    }
  }

  /// Forgets some of the jobs that ended long ago.
  func trim() {
    for id in store.table.expired(by: clock(), limit: Self.workLimit) { store.remove(id) }
  }

  private func changesWereUndone() {
    // What was undone may wait for work again; a journal that fails now is given time.
    waiters.wakeAll()
    retryTimerFires = nil
    armRetryTimer(notBefore: .seconds(1))
  }

  /// Makes everything acknowledged safe and lets the files go. The broker is not used after.
  package func close() async {
    guard isOpen else { return }
    isOpen = false
    retryTimer?.stop()
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
