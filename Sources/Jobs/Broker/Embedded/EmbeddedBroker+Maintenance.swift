import EventLoop

extension EmbeddedBroker {
  package func maintain(
    limit: Int, _ rules: LossRules
  ) async throws(BrokerError) -> MaintenanceReport {
    try requireOpen()
    let now = clock()
    let limit = max(limit, 0)
    let silence = now - lastMaintenance
    lastMaintenance = now
    var report = MaintenanceReport()
    report.promoted = promoteDue(limit: limit, at: now)
    if silence > rules.amnesty {
      var pardoned = 0
      repeat {
        pardoned = pardon(until: now + rules.amnesty, limit: Self.pardons, at: now)
        report.pardoned += pardoned
        await EventLoop.yield()
      } while pardoned == Self.pardons
    } else {
      takeFromLost(limit: limit, maxLost: rules.maxLost, at: now, &report)
      let room = max(0, limit - report.stalled.count)
      for id in store.table.unrenewed(at: now, before: now + rules.warning, limit: room) {
        guard var record = store.table[id] else { continue }
        showStalled(&record, at: now, &report)
      }
    }
    report.expired = expire(limit: limit, at: now)
    tellChildren(limit: limit, at: now)
    for queue in queuesWithRoom.sorted() {
      admitParked(in: queue, limit: limit, at: now)
    }
    report.pruned = forgetEnded(limit: limit, at: now)
    forgetExpiredGroups(limit: limit, at: now)
    forgetTurns(at: now)
    // What it did without a line in the report is waited for as well.
    try await store.kept()
    return report
  }

  /// Takes jobs from workers whose leases ran out.
  private func takeFromLost(
    limit: Int, maxLost: Int, at now: Timestamp, _ report: inout MaintenanceReport
  ) {
    for id in store.table.overdue(at: now, limit: limit) {
      guard var record = store.table[id] else { continue }
      // Nobody looked in the time of the warning: whoever watches is told all the same, first.
      if !record.job.isStalled { showStalled(&record, at: now, &report) }
      countRun(of: record, at: now)
      let event = record.lose(maxLost: maxLost, at: now)
      switch record.job.state {
      case .queued: report.requeued.append(id)
      case .cancelled: report.cancelled.append(id)
      default: report.failed.append(id)
      }
      store.count(in: record.job.queue) { $0.totals.lost += 1 }
      apply(record, event, at: now)
    }
  }

  /// How many leases are extended in one go.
  private static let pardons = 1000

  private func showStalled(
    _ record: inout EmbeddedRecord, at now: Timestamp, _ report: inout MaintenanceReport
  ) {
    let event = record.stall(at: now)
    record = apply(record, event, at: now)
    report.stalled.append(record.job.id)
  }

  /// Extends leases that nobody could have renewed.
  private func pardon(until deadline: Timestamp, limit: Int, at now: Timestamp) -> Int {
    let overdue = store.table.overdue(at: now, limit: limit)
    for id in overdue {
      guard var record = store.table[id] else { continue }
      let event = record.extend(to: deadline, at: now)
      if event == nil { store.changeUnjournaled(record) } else { store.change(record, event) }
    }
    return overdue.count
  }

  /// Forgets whose turn it is where that says nothing any more.
  private func forgetTurns(at now: Timestamp) {
    for queue in store.table.queues.values where !queue.turns.isEmpty {
      let kept = queue.turnsToKeep(isIdle: store.table.waiting(in: queue.name) == 0)
      if kept.count < queue.turns.count { store.changeQueue(queue.name, at: now) { $0.turns = kept } }
    }
  }

  /// Fails jobs that passed a limit of theirs, or has their workers stop them.
  private func expire(limit: Int, at now: Timestamp) -> [JobID] {
    let past = store.table.pastLimit(at: now, limit: limit)
    for id in past {
      // One of them may have ended with a parent that was before it.
      guard var record = store.table[id], record.limit != nil else { continue }
      let event = record.expire(at: now)
      apply(record, event, at: now)
      if record.job.state == .running, let worker = record.job.worker {
        store.tell(.directive(.cancel(id, forced: false), worker), of: id)
      }
    }
    return past
  }
}
