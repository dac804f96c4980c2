import EventLoop
import Jobs
import Support

// Groups, and what is published of them.
extension ModelRun {
  /// What a group told, and how it stood when it was looked at last.
  struct GroupWatch {
    let told: Arrivals<JobGroup>
    var last: JobGroup
  }

  func createGroup() async throws {
    var request = GroupRequest(user: pick(Self.users, or: "alice"))
    if flip(4), let known = model.groups.randomElement(using: &random) { request.id = known.id }
    if !flip(3) {
      // Where no window is, so that it does not matter who goes first; some keys are used already.
      var callback = JobRequest.example(queue: .default, user: request.user)
      if flip(4) { callback.idempotencyKey = "k\(Int.random(in: 0..<6, using: &random))" }
      if flip(4) { callback.uniqueKey = "u\(Int.random(in: 0..<3, using: &random))" }
      follow(&callback)
      request.callback = callback
    }
    done = "create \(request)"
    model.create(request)
    let group = try await broker.create(request)
    guard groupWatches[request.id] == nil else { return }
    let told = await Arrivals<JobGroup>()
    _ = try await broker.subscribe(to: .group(request.id)) { delivery in
      if case .group(let group) = delivery { told.append(group) }
    }
    groupWatches[request.id] = GroupWatch(told: told, last: group)
  }

  func closeGroup() async throws {
    // Two that end in one step, as when a queue is cleared, would submit their callbacks in an order that
    // nobody promised.
    let isOneOwed = model.groups.contains { $0.state == .closed && $0.request != nil }
    let groups = model.groups.filter { $0.state != .open || !isOneOwed || $0.request == nil }
    let open = groups.filter { $0.state == .open }
    let id = pick((flip(10) ? groups : open).map(\.id), or: GroupID())
    done = "close \(id)"
    let broker = broker
    let group = try await attempt(model.close(id)) { () async throws(BrokerError) in
      try await broker.close(id)
    }
    if let group { try demand(group.state == model.group(id)?.state, "is \(group.state)") }
  }

  /// Mostly an open group of the user; now and then another, or none.
  func pickGroup(of user: String) -> GroupID? {
    if flip(30) { return GroupID() }
    let groups = flip(15) ? model.groups : model.groups.filter { $0.state == .open && $0.user == user }
    return groups.randomElement(using: &random)?.id
  }

  func compareGroups() async throws {
    for (id, wanted) in model.seenGroups {
      guard let group = try await broker.group(id) else { throw deviation("knows no group \(id)") }
      let counts = group.counts.filter { $0.value != 0 }
      let found = BrokerModel.SeenGroup(
        state: group.state, counts: counts, weight: group.weight,
        weightedPermille: group.weightedPermille, callback: group.callback)
      try demand(found == wanted, "left the group \(id) as \(found),\nnot \(wanted)")
      try demand((group.finishedAt != nil) == (group.state == .finished), "ended it without a time")
      try compare(group)
    }
    guard let group = model.groups.randomElement(using: &random) else { return }
    var listed: [JobID] = []
    var cursor: String?
    repeat {
      let page = try await broker.jobs(of: group.id, limit: 3, cursor: cursor)
      listed += page.jobs.map(\.id)
      cursor = page.next
    } while cursor != nil
    let wanted = model.members(of: group.id).map(\.id)
    try demand(listed == wanted, "lists \(listed) of \(group.id), not \(wanted)")
  }

  /// The number rose where something changed that watchers see.
  private func compare(_ group: JobGroup) throws {
    guard let watch = groupWatches[group.id] else { return }
    let (last, position) = (watch.last, group.position)
    let isSame =
      last.state == group.state && last.counts == group.counts && last.percent == group.percent
      && last.callback == group.callback
    try demand(position.epoch == last.position.epoch, "counts \(group.id) in another incarnation")
    try demand(
      position.offset > last.position.offset || (isSame && position.offset == last.position.offset),
      "did not number a change of \(group.id)")
    groupWatches[group.id]?.last = group
  }

  /// Each group told its life, one number after the other, and stands where it told last.
  func comparePublications() async throws {
    for (id, watch) in groupWatches {
      guard let group = try await broker.group(id) else { throw deviation("knows no group \(id)") }
      let groups = try await watch.told.values {
        $0.last.map { $0.position == group.position } ?? (group.position.offset == 0)
      }
      for (earlier, later) in zip(groups, groups.dropFirst()) {
        try demand(
          later.position.offset == earlier.position.offset + 1,
          "told \(later.position) of \(id) after \(earlier.position)")
        try demand(
          earlier.state != .finished || later.state == .finished, "\(id) did not stay finished")
      }
      guard let last = groups.last else { continue }
      try demand(
        last.counts == group.counts && last.state == group.state && last.percent == group.percent
          && last.callback == group.callback, "\(id) does not stand where it told last")
    }
  }
}
