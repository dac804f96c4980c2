package import EventLoop
package import Jobs

/// What users may do with groups, the same over sockets and HTTP: one's own, or everybody's for `admin`.
@EventLoop
package final class GroupVerbs {
  private let broker: any Broker
  private let payloads: PayloadStore
  private let jobs: JobVerbs
  private let limiter: RateLimiter

  package init(
    broker: any Broker, payloads: PayloadStore, jobs: JobVerbs, limiter: RateLimiter
  ) {
    self.broker = broker
    self.payloads = payloads
    self.jobs = jobs
    self.limiter = limiter
  }

  /// Makes a group, and where jobs come with it submits each of them, in their order, and closes it.
  ///
  /// Each job spends a request of the user's budget, as by itself; what the budget does not hold is refused
  /// as a whole, before anything is made. Whatever else a job is refused for is told in its place, and leaves
  /// the group open: who sent it may submit it by itself, and close the group. Repeated under the same id it
  /// is the same group and the same jobs.
  package func create(
    _ submission: GroupSubmission, by identity: Identity
  ) async throws(Problem) -> GroupAcceptance {
    try identity.require(.submit)
    let callback = try submission.callback.map { callback throws(Problem) in
      try jobs.bounded(callback, for: identity)
    }
    try await requireBudget(for: submission.jobs?.count ?? 0, of: identity)
    let request = GroupRequest(
      id: submission.id ?? GroupID(), user: identity.user, name: submission.name,
      callback: callback?.request(by: identity.user))
    let group = try await make(request, mayBeKnown: submission.id != nil)
    guard mayBeSeen(group.made, by: identity) else { throw .groupNotFound }
    guard let members = submission.jobs else {
      return GroupAcceptance(
        group: group.made, isNew: group.isNew, budget: await limiter.standing(of: identity.user))
    }
    var told: [GroupAcceptance.Member] = []
    for (index, member) in members.enumerated() {
      var member = member
      member.group = request.id
      // Under an id that the client knows the whole may be repeated, and with it each job.
      if submission.id != nil, member.idempotencyKey == nil {
        member.idempotencyKey = "group:\(request.id):\(index)"
      }
      told.append(await submit(member, by: identity))
    }
    var acceptance = GroupAcceptance(
      group: group.made, isNew: group.isNew, members: told, budget: await limiter.standing(of: identity.user))
    do throws(BrokerError) {
      acceptance.group =
        acceptance.refused == 0
        ? try await broker.close(request.id) : try await broker.group(request.id) ?? group.made
    } catch {
      // What was accepted is told all the same; that the group is open yet tells what is left to do.
    }
    return acceptance
  }

  private func make(
    _ request: GroupRequest, mayBeKnown: Bool
  ) async throws(Problem) -> (made: JobGroup, isNew: Bool) {
    func create(
      _ request: GroupRequest
    ) async throws(BrokerError) -> (made: JobGroup, isNew: Bool) {
      let isNew = mayBeKnown ? try await broker.group(request.id) == nil : true
      return (made: try await broker.create(request), isNew: isNew)
    }
    guard let callback = request.callback else {
      return try await solving { () async throws(BrokerError) in try await create(request) }
    }
    // A group that was there has the callback it was made with.
    return try await payloads.submitting(callback, callbackOf: request.id) {
      callback async throws(BrokerError) in
      var request = request
      request.callback = callback
      return try await create(request)
    } isKept: {
      $0.isNew
    }
  }

  private func requireBudget(for count: Int, of identity: Identity) async throws(Problem) {
    guard count > 0 else { return }
    let standing = await limiter.standing(of: identity.user)
    guard standing.remaining < count else { return }
    throw Problem(
      .quotaExceeded, status: 429,
      detail: "Its \(count) jobs are as many requests, of which \(standing.remaining) are left.",
      retryAfter: standing.retryAfter)
  }

  private func submit(
    _ member: JobSubmission, by identity: Identity
  ) async -> GroupAcceptance.Member {
    // Another socket of the user may have spent it since it was looked at.
    let budget = await limiter.spend(by: identity.user)
    guard budget.isAdmitted else {
      return .refused(Problem(.quotaExceeded, status: 429, retryAfter: budget.retryAfter))
    }
    do throws(Problem) { return .accepted(try await jobs.submit(member, by: identity)) } catch {
      return .refused(error)
    }
  }

  /// Lets no more jobs in.
  package func close(_ id: GroupID, by identity: Identity) async throws(Problem) -> JobGroup {
    try identity.require(.submit)
    _ = try await visibleGroup(id, to: identity)
    return try await solving { () async throws(BrokerError) in try await broker.close(id) }
  }

  /// The group, if the user may see it. One of somebody else is as unknown as one that never was.
  package func group(_ id: GroupID, for identity: Identity) async throws(Problem) -> JobGroup {
    try identity.require(.read)
    return try await visibleGroup(id, to: identity)
  }

  /// A page of its jobs, in the order of acceptance.
  package func jobs(
    of id: GroupID, limit: Int, cursor: String?, for identity: Identity
  ) async throws(Problem) -> JobPage {
    _ = try await group(id, for: identity)
    return try await solving { () async throws(BrokerError) in
      try await broker.jobs(of: id, limit: limit, cursor: cursor)
    }
  }

  private func visibleGroup(
    _ id: GroupID, to identity: Identity
  ) async throws(Problem) -> JobGroup {
    let group = try await solving { () async throws(BrokerError) in try await broker.group(id) }
    guard let group, mayBeSeen(group, by: identity) else { throw .groupNotFound }
    return group
  }

  private func mayBeSeen(_ group: JobGroup, by identity: Identity) -> Bool {
    group.user == identity.user || identity.permissions.allows(.admin)
  }
}
