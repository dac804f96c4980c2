package import EventLoop
package import Jobs

/// What users may do with jobs, the same over sockets and HTTP: rules of ownership and scope, then
/// the broker. Edges parse, call, answer.
@EventLoop
package final class JobVerbs {
  let broker: any Broker
  private let payloads: PayloadStore
  private let estimates: WaitEstimates
  private let maxPriority: Int
  private let recordsHistory: Bool

  /// `maxPriority` is what those may ask for whose token says nothing of it; `recordsHistory`: all go into the history.
  package init(
    broker: any Broker, payloads: PayloadStore, estimates: WaitEstimates, maxPriority: Int = 10,
    recordsHistory: Bool = false
  ) {
    self.recordsHistory = recordsHistory
    self.maxPriority = maxPriority
    self.broker = broker
    self.payloads = payloads
    self.estimates = estimates
  }

  /// Submits a job in the name of the user.
  package func submit(
    _ submission: JobSubmission, by identity: Identity
  ) async throws(Problem) -> Acceptance {
    try require(.submit, of: identity)
    let submission = try bounded(submission, for: identity)
    for parent in submission.dependencies.parents {
      // A job of somebody else is as unknown as one that never was.
      let job = try await solving { () async throws(BrokerError) in try await broker.job(parent) }
      guard let job, mayBeSeen(job, by: identity) else {
        throw Problem(BrokerError.parentNotFound(parent))
      }
    }
    let key = submission.reuses ? try await contentKey(of: submission, by: identity) : nil
    let request = submission.request(by: identity.user, contentKey: key)
    return try await payloads.enqueue(request, on: broker)
  }

  /// The submission with a priority that the user may ask for: one that was not asked for is lowered. It goes into
  /// the history, if there is one.
  func bounded(
    _ submission: JobSubmission, for identity: Identity
  ) throws(Problem) -> JobSubmission {
    var submission = submission
    submission.isRecorded = recordsHistory
    if submission.namesPriority {
      try require(submission.priority, of: identity)
    } else if let limit = priorityLimit(of: identity) {
      submission.priority = min(submission.priority, limit)
    }
    return submission
  }

  private func priorityLimit(of identity: Identity) -> Priority? {
    identity.permissions.allows(.admin) ? nil : Priority(identity.maxPriority ?? maxPriority)
  }

  private func require(_ priority: Priority, of identity: Identity) throws(Problem) {
    guard let limit = priorityLimit(of: identity), priority > limit else { return }
    throw Problem(
      .permissionDenied, status: 403,
      detail: "A priority of at most \(limit.level) may be asked for, not \(priority.level).")
  }

  private func contentKey(
    of submission: JobSubmission, by identity: Identity
  ) async throws(Problem) -> String {
    let payload: JSONValue
    do throws(JSONError) { payload = try JSONDocument(bytes: submission.payload.bytes).root } catch {
      preconditionFailure("a payload that was read is no JSON")
    }
    var hashes: [UploadID: String] = [:]
    for id in ContentKey.uploads(in: payload) where hashes[id] == nil {
      do throws(ArtifactError) {
        hashes[id] = try await payloads.files.upload(id, of: identity.user)?.upload.contentHash
      } catch {
        throw Problem(error)
      }
    }
    return ContentKey.key(kind: submission.kind, payload: payload, hashes: hashes)
  }

  /// The job, if the user may see it. A job of somebody else is as unknown as one that never was.
  package func job(_ id: JobID, for identity: Identity) async throws(Problem) -> Job {
    try require(.read, of: identity)
    return try await visibleJob(id, to: identity)
  }

  /// A job that is known already, if the user may see it.
  func seen(_ job: Job, by identity: Identity) throws(Problem) -> Job {
    try require(.read, of: identity)
    guard mayBeSeen(job, by: identity) else { throw .jobNotFound }
    return job
  }

  /// The job with its payload's text, as who asks for it by its id is shown it. A text that cannot be read
  /// leaves the reference, and the document says so.
  package func shown(_ job: Job) async -> Job {
    guard case .stored? = job.payload, let payload = job.payload else { return job }
    var job = job
    do throws(StoredPayloadFault) { job.payload = .inline(try await payloads.text(of: payload)) } catch {}
    return job
  }

  /// How long the job is likely to wait yet; nil when it does not, or nobody can say.
  package func estimate(for job: Job) async -> WaitEstimate? {
    guard let position = job.queuePosition else { return nil }
    return await estimates.estimate(for: QueuePlace(queue: job.queue, position: position))
  }

  /// A page of jobs, newest first: one's own, or those an admin asks for.
  package func jobs(
    _ listing: JobListing, for identity: Identity
  ) async throws(Problem) -> JobPage {
    try require(.read, of: identity)
    let filter = try listing.filter(for: identity)
    return try await solving { () async throws(BrokerError) in
      try await broker.jobs(matching: filter)
    }
  }

  /// What the worker wrote while it ran the job.
  package func logLines(of id: JobID, for identity: Identity) async throws(Problem) -> [String] {
    _ = try await job(id, for: identity)
    return try await solving { () async throws(BrokerError) in try await broker.logLines(of: id) }
  }

  /// Everything that keeps the job from running at this moment.
  package func why(_ id: JobID, for identity: Identity) async throws(Problem) -> WaitDiagnosis {
    let job = try await job(id, for: identity)
    return try await solving { () async throws(BrokerError) in
      let queue = try await broker.queue(job.queue)
      return WaitDiagnosis(of: job, in: queue, workers: try await broker.workers())
    }
  }

  /// Does one thing to the user's job.
  package func control(
    _ id: JobID, _ action: JobAction, by identity: Identity
  ) async throws(Problem) -> JobActionOutcome {
    try require(.manage, of: identity)
    if case .reprioritise(let priority) = action { try require(priority, of: identity) }
    let job = try await visibleJob(id, to: identity)
    let outcome = try await solving { () async throws(BrokerError) in
      try await carryOut(action, on: id)
    }
    switch outcome {
    case .job(let job): return .job(await shown(job))
    case .removed(let isGone):
      if isGone, case .stored(let payload)? = job.payload { await payloads.forget(payload) }
      return outcome
    }
  }

  /// Does one thing to every job of a page of those that match. What a job's state does not allow, or what is
  /// so already, is passed over and told; anything else ends it.
  package func bulk(
    _ request: BulkRequest, by identity: Identity
  ) async throws(Problem) -> BulkReport {
    try require(.manage, of: identity)
    if case .reprioritise(let priority) = request.action { try require(priority, of: identity) }
    let filter = try request.listing.filter(for: identity, in: "/filter")
    let page = try await solving { () async throws(BrokerError) in
      try await broker.jobs(matching: filter)
    }
    var report = BulkReport(next: page.next)
    for job in page.jobs {
      do throws(BrokerError) {
        if request.action.leaves(job) {
          report.skipped.append(.init(id: job.id, problem: .unchanged(job, by: request.action)))
          continue
        }
        let outcome = try await carryOut(request.action, on: job.id)
        if case (.cancel, .job(let now)) = (request.action, outcome), now.state.isTerminal, now.state != .cancelled {
          // It ended by itself since the page was read.
          report.skipped.append(.init(id: job.id, problem: .unchanged(now, by: request.action)))
        } else {
          report.done.append(job.id)
        }
      } catch {
        switch error {
        // It went on since the page was read: the next one is told.
        case .jobNotFound, .wrongState, .uniqueKeyTaken, .queueFull, .queueDraining:
          report.skipped.append(.init(id: job.id, problem: Problem(error)))
        default: throw Problem(error)
        }
      }
    }
    return report
  }

  private func carryOut(
    _ action: JobAction, on id: JobID
  ) async throws(BrokerError) -> JobActionOutcome {
    switch action {
    case .cancel(let reason, let isForced):
      .job(try await broker.cancel(id, reason: reason, forced: isForced))
    case .retry(let delay): .job(try await broker.retry(id, delay: delay))
    case .redrive(let queue): .job(try await broker.redrive(id, to: queue))
    case .promote: .job(try await broker.promote(id))
    case .reprioritise(let priority): .job(try await broker.reprioritise(id, to: priority))
    case .remove: .removed(try await broker.remove(id))
    }
  }

  /// Throws unless the identity was given the scope.
  package func require(_ scope: Scope, of identity: Identity) throws(Problem) {
    try identity.require(scope)
  }

  private func visibleJob(_ id: JobID, to identity: Identity) async throws(Problem) -> Job {
    let job = try await solving { () async throws(BrokerError) in try await broker.job(id) }
    guard let job, mayBeSeen(job, by: identity) else { throw .jobNotFound }
    return job
  }

  private func mayBeSeen(_ job: Job, by identity: Identity) -> Bool {
    job.user == identity.user || identity.permissions.allows(.admin)
  }
}

extension Identity {
  /// Throws unless the scope was granted.
  func require(_ scope: Scope) throws(Problem) {
    guard permissions.allows(scope) else {
      throw Problem(
        .permissionDenied, status: 403, detail: "This needs the scope \(scope.rawValue).")
    }
  }
}
