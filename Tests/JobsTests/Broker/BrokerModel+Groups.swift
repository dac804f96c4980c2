import Jobs

// Groups: what they count is looked up among the jobs each time.
extension BrokerModel {
  /// A group, with what its forgotten jobs were.
  struct Group {
    let id: GroupID
    let user: String
    let request: JobRequest?
    var state = JobGroup.State.open
    var callback: JobID?
    var forgotten: [JobState: Int] = [:]
    var forgottenWeight = 0
  }

  /// The parts of a group that a broker and the model must agree on.
  struct SeenGroup: Equatable {
    let state: JobGroup.State
    let counts: [JobState: Int]
    let weight: Int
    let weightedPermille: Int
    let callback: JobID?
  }

  func group(_ id: GroupID) -> Group? { groups.first { $0.id == id } }

  /// Its jobs that are on record, in the order of acceptance.
  func members(of id: GroupID) -> [Entry] { entries.filter { $0.request.group == id } }

  /// Whether nobody could tell it from the other.
  func looks(like other: BrokerModel) -> Bool {
    lines == other.lines && listing == other.listing && told == other.told
      && seenGroups.map(\.seen) == other.seenGroups.map(\.seen)
  }

  /// Every group, in the order in which they were made.
  var seenGroups: [(id: GroupID, seen: SeenGroup)] {
    let members = Dictionary(grouping: entries.filter { $0.request.group != nil }) { $0.request.group }
    return groups.map { group in
      var counts = group.forgotten
      var weight = group.forgottenWeight
      var done = group.forgottenWeight * 1000
      for entry in members[group.id] ?? [] {
        counts[entry.state, default: 0] += 1
        weight += entry.request.weight
        let permille = entry.state.isTerminal ? 1000 : entry.state == .running ? entry.permille ?? 0 : 0
        done += entry.request.weight * permille
      }
      return (
        group.id,
        SeenGroup(
          state: group.state, counts: counts, weight: weight, weightedPermille: done,
          callback: group.callback)
      )
    }
  }

  mutating func create(_ request: GroupRequest) {
    guard group(request.id) == nil else { return }
    groups.append(Group(id: request.id, user: request.user, request: request.callback))
  }

  /// Why it is refused, or nil.
  mutating func close(_ id: GroupID) -> BrokerError? {
    guard let index = groups.firstIndex(where: { $0.id == id }) else { return .groupNotFound }
    if groups[index].state == .open { groups[index].state = .closed }
    finish(id)
    settleDown()
    return nil
  }

  /// Why a job may not join its group; nil where it may, or names none.
  func groupRefusal(of request: JobRequest) -> BrokerError? {
    guard let id = request.group else { return nil }
    guard let group = group(id), group.user == request.user else { return .groupNotFound }
    return group.state == .open ? nil : .groupClosed
  }

  mutating func keepCount(of entry: Entry) {
    guard let index = groups.firstIndex(where: { $0.id == entry.request.group }) else { return }
    groups[index].forgotten[entry.state, default: 0] += 1
    groups[index].forgottenWeight += entry.request.weight
  }

  mutating func finishGroup(of entry: Entry) {
    if let id = entry.request.group { finish(id) }
  }

  /// Ends a closed group whose jobs have all ended.
  private mutating func finish(_ id: GroupID) {
    guard let index = groups.firstIndex(where: { $0.id == id }), groups[index].state == .closed,
      !members(of: id).contains(where: { !$0.state.isTerminal })
    else { return }
    groups[index].state = .finished
    guard let request = groups[index].request else { return }
    switch submit(request, .none, isOwed: true) {
    case .accepted: groups[index].callback = request.id
    case .replay(let ids, _): groups[index].callback = ids.first
    case .refused: break
    }
  }
}
