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
  /// The feed as it stood before, if it changed, and what was appended.
  var feedBefore: FeedBook?
  var feedEntries: [(number: Int64, entry: FeedEntry)] = []

  var isEmpty: Bool {
    before.isEmpty && queues.isEmpty && tallies.isEmpty && deletedQueues.isEmpty
      && schedules.isEmpty && groups.isEmpty && logs.isEmpty && spendings.isEmpty && effects.isEmpty
      && revocations.isEmpty && waiters.isEmpty && feedBefore == nil
  }

  /// What the journal is to write, everything touched as it stands now.
  func journalBatch(
    of table: EmbeddedTable, _ book: QueueBook, _ revoked: RevocationBook, _ feed: FeedBook
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
        if old != entry.record.sequence {
          changes.accepted.append(entry)
          let terms = entry.record.terms.feed
          if !terms.isEmpty { changes.feed.followed.append((entry.record.sequence, terms)) }
        }
      }
      if let old, old != entry?.record.sequence {
        changes.removed.append(old)
        if before.value?.record.terms.feed.isEmpty == false { changes.feed.unfollowed.append(old) }
      }
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
    if let feedBefore { changes.feed.add(feedEntries, from: feedBefore, to: feed) }
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
