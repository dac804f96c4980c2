/// A group as an embedded broker keeps it: what was asked for, what became of it, and what its forgotten
/// jobs were. The rest follows from its jobs on record (``GroupBook``).
struct EmbeddedGroup: Sendable, Hashable {
  let id: GroupID
  let user: String
  let name: String?
  var state = JobGroup.State.open
  /// What is submitted at the end; nil once it was, or where nothing is.
  var callbackRequest: JobRequest?
  /// The job that it became.
  var callback: JobID?
  /// Its jobs have this number or a greater one: earlier ones are of a group that had its name and was forgotten.
  let since: Int64
  let createdAt: Timestamp
  /// When it last changed visibly.
  var changedAt: Timestamp
  var finishedAt: Timestamp?
  var position: StreamPosition
  /// Offsets up to this may have been used, as far as the journal knows: progress is not journaled.
  var reservedOffset: UInt64
  /// Jobs that were forgotten after their end: how many in each state, and what they weighed.
  var forgotten: [JobState: Int] = [:]
  var forgottenWeight = 0

  init(
    id: GroupID, user: String, name: String?, callbackRequest: JobRequest?, since: Int64, createdAt: Timestamp,
    position: StreamPosition
  ) {
    self.id = id
    self.user = user
    self.name = name
    self.callbackRequest = callbackRequest
    self.since = since
    self.createdAt = createdAt
    changedAt = createdAt
    self.position = position
    reservedOffset = position.offset
  }

  /// One that is made now.
  init(_ request: GroupRequest, since: Int64, at now: Timestamp) {
    self.init(
      id: request.id, user: request.user, name: request.name, callbackRequest: request.callback,
      since: since, createdAt: now, position: StreamPosition(offset: 0, epoch: StreamPosition.newEpoch()))
  }

  /// One that an archive holds, some of whose jobs are on record here.
  ///
  /// Its other jobs were forgotten after their end, as far as the archive counts more ended ones: one
  /// that ended after its own page was taken is on record as it stood before, and not counted twice.
  static func restored(
    _ archived: JobGroup, _ callback: JobRequest?, members: GroupBook.Members, at now: Timestamp
  ) -> EmbeddedGroup {
    var group = EmbeddedGroup(
      id: archived.id, user: archived.user, name: archived.name, callbackRequest: callback,
      since: .min, createdAt: archived.createdAt, position: archived.position)
    group.state = archived.state
    group.changedAt = now
    group.callback = archived.callback
    group.finishedAt = archived.finishedAt
    var left = archived.jobs - members.counts.values.reduce(0, +)
    for state in [JobState.completed, .failed, .cancelled] {
      let gone = min(left, (archived.counts[state] ?? 0) - (members.counts[state] ?? 0))
      if gone > 0 { group.forgotten[state] = gone }
      left -= max(gone, 0)
    }
    if !group.forgotten.isEmpty { group.forgottenWeight = max(archived.weight - members.weight, 0) }
    return group
  }

  /// Numbers a change. Where the journal hears of it, it hears of the number too.
  mutating func step(at now: Timestamp, isJournaled: Bool = true) {
    position.offset += 1
    changedAt = now
    if isJournaled { reservedOffset = max(reservedOffset, position.offset) }
  }

  /// A job of it is forgotten: it stays counted.
  mutating func keepCount(of record: EmbeddedRecord) {
    forgotten[record.job.state, default: 0] += 1
    forgottenWeight += record.terms.weight
  }

  /// A job of it that was forgotten after its end is on record again; whether it was.
  mutating func returnCount(of record: EmbeddedRecord) -> Bool {
    guard let count = forgotten[record.job.state] else { return false }
    forgotten[record.job.state] = count > 1 ? count - 1 : nil
    forgottenWeight = forgotten.isEmpty ? 0 : max(forgottenWeight - record.terms.weight, 0)
    return true
  }

  /// When it is forgotten, with so many jobs on record that have not ended; nil: not yet.
  func expiry(pending: Int) -> Timestamp? {
    if let finishedAt { return finishedAt + JobGroup.retention }
    return pending == 0 ? changedAt + JobGroup.retention : nil
  }
}
