/// The groups of an embedded broker with their jobs, in every order in which they are looked for.
///
/// Counts and progress follow from the records, as the lines of queues do: whoever puts a record, or takes a
/// change back, need not think of them.
struct GroupBook: Sendable {
  /// What follows from the jobs of one group that are on record.
  struct Members: Sendable {
    fileprivate(set) var places = SortedBlocks<ListPlace>()
    fileprivate(set) var counts: [JobState: Int] = [:]
    fileprivate(set) var weight = 0
    fileprivate(set) var weightedPermille = 0

    /// How many have not ended.
    var pending: Int { counts.reduce(0) { $1.key.isTerminal ? $0 : $0 + $1.value } }

    /// A record came as it is (`sign` 1) or went (−1).
    fileprivate mutating func count(_ record: EmbeddedRecord, _ sign: Int) {
      let count = (counts[record.job.state] ?? 0) + sign
      counts[record.job.state] = count == 0 ? nil : count
      weight += sign * record.terms.weight
      weightedPermille += sign * record.terms.weight * record.permilleDone
    }
  }

  private struct Line {
    /// Nil where it is forgotten, and jobs name it still.
    var group: EmbeddedGroup?
    var members = Members()

    var expiry: TimedGroup? {
      group.flatMap { group in
        group.expiry(pending: members.pending).map { TimedGroup(time: $0, id: group.id) }
      }
    }
  }

  private var lines: [GroupID: Line] = [:]
  private var ids = SortedBlocks<GroupID>()
  private var expiries = SortedBlocks<TimedGroup>()

  // MARK: Looking

  var isEmpty: Bool { ids.isEmpty }

  subscript(id: GroupID) -> EmbeddedGroup? { lines[id]?.group }

  /// The group that counts a job; nil where it is forgotten, or one of its name was made since.
  func counting(_ record: EmbeddedRecord) -> EmbeddedGroup? {
    guard let line = record.job.group.flatMap({ lines[$0] }), line.members.places.contains(ListPlace(record))
    else { return nil }
    return line.group
  }

  /// Whether a job should be counted by its group and is not.
  func misses(_ record: EmbeddedRecord) -> Bool {
    guard let group = record.job.group.flatMap({ self[$0] }) else { return false }
    return record.sequence >= group.since && counting(record) == nil
  }

  /// What follows from its jobs, whether or not the group is known.
  func members(of id: GroupID) -> Members { lines[id]?.members ?? Members() }

  /// How many of its jobs have not ended.
  func pending(in id: GroupID) -> Int { lines[id]?.members.pending ?? 0 }

  /// How far it has come, in whole tenths of a percent.
  func permille(of id: GroupID) -> Int {
    guard let line = lines[id] else { return 0 }
    let forgotten = line.group?.forgottenWeight ?? 0
    let weight = line.members.weight + forgotten
    return weight == 0 ? 0 : (line.members.weightedPermille + 1000 * forgotten) / weight
  }

  /// The group as it stands; nil when unknown.
  func shown(_ id: GroupID) -> JobGroup? {
    guard let line = lines[id], let group = line.group else { return nil }
    return JobGroup(
      id: id, user: group.user, name: group.name, state: group.state,
      counts: line.members.counts.merging(group.forgotten) { $0 + $1 },
      weight: line.members.weight + group.forgottenWeight,
      weightedPermille: line.members.weightedPermille + 1000 * group.forgottenWeight,
      createdAt: group.createdAt, finishedAt: group.finishedAt, callback: group.callback,
      position: group.position)
  }

  /// Known groups behind this one, in the order of their names.
  func ids(after id: GroupID?, limit: Int) -> [GroupID] {
    guard let id else { return ids.prefix(limit) { _ in true } }
    return ids.elements(after: id, limit: limit) { _ in true }
  }

  /// Groups that were kept long enough.
  func expired(by now: Timestamp, limit: Int) -> [GroupID] {
    expiries.prefix(limit) { $0.time <= now }.map(\.id)
  }

  // MARK: Changing

  /// Puts a group; nil forgets it.
  mutating func put(_ group: EmbeddedGroup?, _ id: GroupID) {
    let isNew = self[id] == nil
    change(id) { line in
      if let group, let first = line.members.places.first, first.sequence < group.since {
        line.members = Members()
      }
      line.group = group
    }
    if isNew, group != nil { ids.insert(id) }
    if !isNew, group == nil { ids.remove(id) }
  }

  /// A job of the group went from one record to the next; nil: it was not there, or is not any more.
  mutating func count(from old: EmbeddedRecord?, to new: EmbeddedRecord?, in id: GroupID) {
    change(id) { line in
      if let old {
        let place = ListPlace(old)
        // It may be of an earlier group of this name, which is counted no more.
        guard line.members.places.contains(place) else { return }
        line.members.count(old, -1)
        if new == nil { line.members.places.remove(place) }
      } else if let new {
        guard new.sequence >= line.group?.since ?? .min else { return }
        line.members.places.insert(ListPlace(new))
      }
      if let new { line.members.count(new, 1) }
    }
  }

  private mutating func change(_ id: GroupID, _ change: (inout Line) -> Void) {
    let old = lines[id]?.expiry
    change(&lines[id, default: Line()])
    let new = lines[id]?.expiry
    expiries.move(from: old, to: new)
    if let line = lines[id], line.group == nil, line.members.places.isEmpty { lines[id] = nil }
  }

  // MARK: Auditing

  /// What is counted of a group and differs from what its jobs are.
  func wrongCounts(
    of id: GroupID, _ record: (JobID) -> EmbeddedRecord?
  ) -> [EmbeddedTable.WrongCount] {
    let found = members(of: id)
    var wanted = Members()
    found.places.forEachDescending(below: nil) { place in
      if let record = place.id.flatMap(record), record.job.group == id { wanted.count(record, 1) }
      return true
    }
    let counts = JobState.allCases.map {
      ("\($0) jobs", found.counts[$0] ?? 0, wanted.counts[$0] ?? 0)
    }
    let all =
      counts + [
        ("jobs", found.places.count, wanted.counts.values.reduce(0, +)),
        ("weight", found.weight, wanted.weight),
        ("weighted permille", found.weightedPermille, wanted.weightedPermille),
      ]
    return all.filter { $0.1 != $0.2 }.map { (name: $0.0, found: $0.1, wanted: $0.2) }
  }
}

private struct TimedGroup: Comparable {
  let time: Timestamp
  let id: GroupID

  static func < (a: TimedGroup, b: TimedGroup) -> Bool { (a.time, a.id) < (b.time, b.id) }
}

extension EmbeddedRecord {
  /// What it has done of its part of a group's progress.
  fileprivate var permilleDone: Int {
    if job.state.isTerminal { return 1000 }
    return job.state == .running ? job.progress.permille ?? 0 : 0
  }
}
