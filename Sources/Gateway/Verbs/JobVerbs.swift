package import EventLoop
package import Jobs

/// What users may do with jobs, the same over sockets and HTTP: rules of ownership and scope, then
/// the broker. Edges parse, call, answer.
@EventLoop
package final class JobVerbs {
  private let broker: any Broker
  private let settings: GatewaySettings

  package init(broker: any Broker, settings: GatewaySettings) {
    self.broker = broker
    self.settings = settings
  }

  /// Submits a job in the name of the user.
  package func submit(
    _ submission: JobSubmission, by identity: Identity
  ) async throws(Problem) -> Acceptance {
    try require(.submit, of: identity)
    do throws(BrokerError) { return try await broker.enqueue(submission.request(by: identity.user)) } catch {
      throw Problem(error)
    }
  }

  /// The job, if the user may see it. A job of somebody else is as unknown as one that never was.
  package func job(_ id: JobID, for identity: Identity) async throws(Problem) -> Job {
    try require(.read, of: identity)
    return try await visibleJob(id, to: identity)
  }

  /// Cancels the user's job; ended jobs stay as they are.
  package func cancel(
    _ id: JobID, reason: String?, by identity: Identity
  ) async throws(Problem) -> Job {
    try require(.manage, of: identity)
    _ = try await visibleJob(id, to: identity)
    do throws(BrokerError) { return try await broker.cancel(id, reason: reason) } catch { throw Problem(error) }
  }

  /// A page of the user's jobs, newest first.
  package func jobs(
    _ listing: JobListing, for identity: Identity
  ) async throws(Problem) -> JobPage {
    try require(.read, of: identity)
    var filter = listing.filter
    if filter.user == nil || !identity.permissions.allows(.admin) { filter.user = identity.user }
    do throws(BrokerError) { return try await broker.jobs(matching: filter) } catch { throw Problem(error) }
  }

  /// What the worker wrote while it ran the job.
  package func logLines(of id: JobID, for identity: Identity) async throws(Problem) -> [String] {
    _ = try await job(id, for: identity)
    do throws(BrokerError) { return try await broker.logLines(of: id) } catch { throw Problem(error) }
  }

  /// Throws unless the identity was given the scope.
  package func require(_ scope: Scope, of identity: Identity) throws(Problem) {
    guard identity.permissions.allows(scope) else {
      throw Problem(
        .permissionDenied, status: 403, detail: "This needs the scope \(scope.rawValue).")
    }
  }

  private func visibleJob(_ id: JobID, to identity: Identity) async throws(Problem) -> Job {
    let job: Job?
    do throws(BrokerError) { job = try await broker.job(id) } catch { throw Problem(error) }
    guard let job, job.user == identity.user || identity.permissions.allows(.admin) else {
      throw .jobNotFound
    }
    return job
  }
}
