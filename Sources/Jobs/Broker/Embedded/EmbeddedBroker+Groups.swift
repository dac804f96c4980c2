import EventLoop
import Logging

extension EmbeddedBroker: JobGroups {
  package func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup {
    try requireOpen()
    if let callback = request.callback {
      precondition(
        callback.group == nil && callback.dependencies.parents.isEmpty,
        "a callback names no group and no parents")
      guard callback.payload.bytes.count <= JobRequest.payloadLimit else {
        throw .payloadTooLarge(limit: JobRequest.payloadLimit)
      }
    }
    if store.table.groups[request.id] == nil {
      store.change(EmbeddedGroup(request, since: newestSequence + 1, at: clock()), request.id)
    }
    return try await kept(request.id)
  }

  package func close(_ id: GroupID) async throws(BrokerError) -> JobGroup {
    try requireOpen()
    guard let group = store.table.groups[id] else { throw .groupNotFound }
    if group.state == .open { step(id, closes: true, at: clock()) }
    return try await kept(id)
  }

  package func group(_ id: GroupID) async throws(BrokerError) -> JobGroup? {
    try requireOpen()
    return store.table.groups[id] == nil ? nil : try await kept(id)
  }

  /// A group as it stands, once that is kept.
  private func kept(_ id: GroupID) async throws(BrokerError) -> JobGroup {
    guard let group = store.table.groups.shown(id) else { throw .groupNotFound }
    try await store.kept(id)
    return group
  }

  package func jobs(
    of group: GroupID, limit: Int, cursor: String?
  ) async throws(BrokerError) -> JobPage {
    try requireOpen()
    guard store.table.groups[group] != nil else { return JobPage(jobs: []) }
    let limit = min(max(limit, 1), 200)
    let after = ListPlace(sequence: cursor.flatMap { Int64($0) } ?? .min, id: nil)
    let places = store.table.groups.members(of: group).places
      .elements(after: after, limit: limit + 1) { _ in true }
    let page = places.prefix(limit)
    return try await shown(
      (
        records: page.compactMap { $0.id.flatMap { store.table[$0] } },
        next: places.count > limit ? page.last?.sequence : nil
      ))
  }

  // MARK: What the steps of jobs mean

  /// Refuses a request for a group that it may not join.
  func requireGroup(of request: JobRequest) throws(BrokerError) {
    guard let id = request.group else { return }
    guard let group = store.table.groups[id], group.user == request.user else { throw .groupNotFound }
    guard group.state == .open else { throw .groupClosed }
  }

  /// What a step of a job that belongs to a group means for that: counted it is already. Answers with the
  /// group if it was waiting for this job alone: then it has still to take its ``step(_:closes:at:)``.
  func followStep(of record: EmbeddedRecord, from old: EmbeddedRecord?, at now: Timestamp) -> GroupID? {
    guard old?.job.state != record.job.state, let group = store.table.groups.counting(record) else { return nil }
    if group.state == .closed, store.table.groups.pending(in: group.id) == 0 { return group.id }
    step(group.id, closes: false, at: now)
    return nil
  }

  /// Numbers and tells a change of a group; one that is closed and waits for no job any more is finished.
  func step(_ id: GroupID, closes: Bool, at now: Timestamp) {
    guard let standing = store.table.groups[id] else { return }
    let isOver =
      (closes || standing.state == .closed) && store.table.groups.pending(in: id) == 0
    // Before the group is read to be changed: a submission may have it forget a job.
    let callback = isOver ? standing.callbackRequest.flatMap { submitCallback($0, of: id, at: now) } : nil
    guard var group = store.table.groups[id] else { return }
    group.step(at: now)
    if closes { group.state = .closed }
    if isOver {
      group.state = .finished
      group.finishedAt = now
      group.callbackRequest = nil
      group.callback = callback
    }
    store.change(group, id)
    if let shown = store.table.groups.shown(id) { store.stage(.group(shown)) }
  }

  private func submitCallback(_ request: JobRequest, of group: GroupID, at now: Timestamp) -> JobID? {
    do throws(BrokerError) {
      return try submit(request, isBounded: false, at: now)
    } catch {
      logger.warning(
        "the callback of a group was refused", metadata: ["group": "\(group)", "error": "\(error)"])
      return nil
    }
  }

  /// What the progress of a job means for its group, which had come as far as `permille`. False: the journal
  /// has to know the number of that first.
  func followProgress(of record: EmbeddedRecord, in id: GroupID, from permille: Int?) -> Bool {
    guard var group = store.table.groups[id], store.table.groups.permille(of: id) != permille else {
      return true
    }
    group.step(at: record.job.updatedAt, isJournaled: false)
    let isReserved = group.position.offset <= group.reservedOffset
    if isReserved {
      store.changeUnjournaled(group)
    } else {
      group.reservedOffset = group.position.offset + EmbeddedRecord.offsetBlock
      store.change(group, id)
    }
    store.tell(id, after: record.job.id)
    return isReserved
  }

  /// Forgets groups that were kept for their time, at most `limit`.
  func forgetExpiredGroups(limit: Int, at now: Timestamp) {
    for id in store.table.groups.expired(by: now, limit: limit) { store.change(nil, id) }
  }
}
