import EventLoop

// What queues remember beside their jobs, in archives.
extension EmbeddedBroker {
  /// What queues remember.
  func ledgers() async throws(BrokerError) -> [ArchiveEntry] {
    var entries: [ArchiveEntry] = []
    for status in try await queues() {
      let queue = store.table.queues[status.name]
      let ledger = QueueLedger(
        of: status, virtualTime: queue?.virtualTime ?? 0, turns: queue?.turnsToKeep(isIdle: false) ?? [:])
      if !ledger.isBlank { entries.append(.ledger(ledger)) }
    }
    return entries
  }

  /// Raises what a queue remembers; false where nothing was lower.
  func restore(_ ledger: QueueLedger) -> Bool {
    let now = clock()
    let (name, here) = (ledger.queue, store.book[ledger.queue])
    makeQueue(name, at: now)
    let lacking = ledger.totals.excess(over: here.totals)
    let isLaterEnd = ledger.lastFinishedAt.map { $0 > here.lastFinishedAt ?? .distantPast } ?? false
    let isLaterFailure = ledger.lastFailedAt.map { $0 > here.lastFailedAt ?? .distantPast } ?? false
    var isRaised = lacking != QueueTotals() || isLaterEnd || isLaterFailure
    if isRaised {
      store.count(in: name) { tally in
        tally.totals.add(lacking)
        if isLaterEnd { tally.lastFinishedAt = ledger.lastFinishedAt }
        if isLaterFailure, let at = ledger.lastFailedAt { tally.failure = (at, ledger.lastFailure ?? "") }
      }
    }
    if store.table.settings(of: name).isFair, var queue = store.table.queues[name] {
      let before = queue
      queue.virtualTime = max(queue.virtualTime, ledger.virtualTime)
      queue.turns.merge(ledger.turns) { max($0, $1) }
      if queue != before {
        store.changeQueue(name, at: now) { $0 = queue }
        isRaised = true
      }
    }
    return isRaised
  }
}

extension Timestamp {
  fileprivate static let distantPast = Timestamp(milliseconds: .min)
}

extension QueueTotals {
  /// By how much it is above another, each count for itself.
  fileprivate func excess(over other: QueueTotals) -> QueueTotals {
    var excess = QueueTotals()
    excess.accepted = max(0, accepted - other.accepted)
    excess.completed = max(0, completed - other.completed)
    excess.failed = max(0, failed - other.failed)
    excess.cancelled = max(0, cancelled - other.cancelled)
    excess.retried = max(0, retried - other.retried)
    excess.lost = max(0, lost - other.lost)
    return excess
  }
}
