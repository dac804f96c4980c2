import EventLoop

/// Changes of a ``DurableTable`` that become durable together, and how to take them back.
@EventLoop
final class StagedBatch {
  struct Before<Value> { let value: Value? }

  /// What is to be told once the change that caused it is kept.
  enum Effect {
    case event(JobEvent)
    case group(JobGroup)
    case directive(WorkerDirective, WorkerID)
    case control(ControlMessage)
  }

  /// Each touched thing as it stood before the batch.
  var before: [JobID: Before<EmbeddedTable.Entry>] = [:]
  var queues: [QueueName: Before<EmbeddedQueue>] = [:]
  var tallies: [QueueName: QueueTally] = [:]
  var deletedQueues: Set<QueueName> = []
  var schedules: [ScheduleName: Before<ScheduleStatus>] = [:]
  var groups: [GroupID: Before<EmbeddedGroup>] = [:]
  var revocations: [Revocation.Subject: Before<Revocation>] = [:]
  var logs: [JournalBatch.LogAppend] = []
  var spendings: [String: RequestWindows.Spending?] = [:]
  var effects: [Effect] = []
  /// Whose effects are among these without a change: what follows of theirs goes behind.
  var told: Set<JobID> = []
  var toldGroups: Set<GroupID> = []
  var waiters: [LoopContinuation<Bool>] = []

  var isEmpty: Bool {
    before.isEmpty && queues.isEmpty && tallies.isEmpty && deletedQueues.isEmpty
      && schedules.isEmpty && groups.isEmpty && logs.isEmpty && spendings.isEmpty && effects.isEmpty
      && revocations.isEmpty && waiters.isEmpty
  }

  /// What the journal is to write, everything touched as it stands now.
  func journalBatch(
    of table: EmbeddedTable, _ book: QueueBook, _ revoked: RevocationBook
  ) -> JournalBatch {
    var changes = JournalBatch()
    changes.revocations = revocations.keys.map { ($0, revoked[$0]) }
    changes.logs = logs
    changes.spendings = spendings
    for (id, before) in before {
      let old = before.value?.record.sequence
      let entry = table.entries[id]
      if let entry {
        changes.records.append(entry)
        if old != entry.record.sequence { changes.accepted.append(entry) }
      }
      if let old, old != entry?.record.sequence { changes.removed.append(old) }
    }
    for name in queues.keys {
      if let queue = table.queues[name] {
        changes.queues.append(queue)
      } else {
        changes.removedQueues.append(name)
      }
    }
    for name in schedules.keys { changes.schedules.append((name, table.schedules[name])) }
    for (id, before) in groups {
      changes.groups.append(.init(id: id, group: table.groups[id], before: before.value))
    }
    changes.forgottenRecords = Array(deletedQueues)
    for (queue, tally) in tallies {
      var record = deletedQueues.contains(queue) ? QueueBook.Record() : book[queue]
      record.add(tally)
      record.minutes = record.minutes.filter { tally.minutes[$0.key] != nil }
      changes.tallies.append((queue, record))
    }
    return changes
  }
}
