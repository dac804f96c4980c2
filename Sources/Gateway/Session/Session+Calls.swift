import Jobs

/// `rpc`: what a user asks for, and what is counted against the user's budget.
extension Session {
  func call(_ command: Command) async throws(ReplyError) {
    guard let identity else { throw .unauthorized }
    // Counted before it is looked at: an unknown method is a request like any other.
    let budget = await environment.limiter.spend(by: identity.user)
    guard budget.isAdmitted else {
      throw .tooManyRequests(retryAfter: secondsRoundedUp(budget.retryAfter))
    }
    guard let method = command.request["method"]?.string else { throw .badRequest }
    do throws(Problem) {
      switch method {
      case "job.submit": try await submit(command, identity, budget)
      case "job.get":
        let job = try await environment.verbs.job(jobID(in: command), for: identity)
        reply(to: command, job)
      case "job.cancel":
        let reason = command.request["data"]?["reason"]?.string
        let job = try await environment.verbs.cancel(
          jobID(in: command), reason: reason, by: identity)
        reply(to: command, job)
      case "job.list": try await list(command, identity)
      default: send(Reply.failure(of: command, .methodNotFound))
      }
    } catch {
      throw ReplyError(error)
    }
  }

  private func submit(
    _ command: Command, _ identity: Identity, _ budget: BudgetStanding
  ) async throws(Problem) {
    guard let data = command.request["data"] else {
      throw .invalid([.init("/data", "is missing")])
    }
    let submission = try JobSubmission(reading: data, settings: settings)
    let acceptance = try await environment.verbs.submit(submission, by: identity)
    var job = acceptance.job
    if submission.watches { job = await pushSubscription(to: job, identity) }
    send(
      Reply.success(to: command) {
        $0.object("data") {
          job.payload = nil
          $0.member("job", JobDocument.text(of: job))
          $0.fact("replayed", acceptance.isReplay)
          write(budget, into: &$0)
        }
      })
  }

  /// Subscribes the connection to its new job, as the server's doing; answers with the record as
  /// it was read once the subscription stood.
  ///
  /// A submission that was accepted stays accepted: when it cannot be watched, the reply says
  /// nothing of a subscription and the client subscribes by itself.
  private func pushSubscription(to job: Job, _ identity: Identity) async -> Job {
    let channel = Channel.job(job.id)
    guard subscriptions[channel] == nil, subscriptions.count < settings.channelsPerConnection,
      identity.permissions.allows(.read), let watched = await watchUnasked(job.id, as: identity)
    else { return job }
    var record = watched.job
    record.payload = nil
    send(
      Reply.subscribed(to: channel) {
        $0.member("recoverable", true)
        $0.member("positioned", true)
        $0.member("epoch", record.position.epoch)
        $0.member("offset", record.position.offset)
        $0.member("data", JobDocument.text(of: record))
      })
    watched.goLive()
    return record
  }

  private func list(_ command: Command, _ identity: Identity) async throws(Problem) {
    let data = command.request["data"]
    let listing = try JobListing(
      states: data?["state"]?.array?.compactMap(\.string) ?? data?["state"]?.string.map { [$0] }
        ?? [],
      limit: data?["limit"]?.int, cursor: data?["cursor"]?.string,
      user: data?["user"]?.string)
    let page = try await environment.verbs.jobs(listing, for: identity)
    send(
      Reply.success(to: command) {
        $0.object("data") { page.write(into: &$0) }
      })
  }

  private func reply(to command: Command, _ job: Job) {
    send(
      Reply.success(to: command) {
        $0.object("data") { $0.member("job", JobDocument.text(of: job)) }
      })
  }

  private func jobID(in command: Command) throws(Problem) -> JobID {
    guard let text = command.request["data"]?["id"]?.string else {
      throw .invalid([.init("/id", "is missing")])
    }
    guard let id = JobID(text) else { throw .jobNotFound }
    return id
  }
}

extension JobPage {
  /// `jobs` and, where there is more, `cursor`.
  func write(into writer: inout JSONWriter) {
    writer.array("jobs") { list in
      for job in jobs { list.element(JobDocument.text(of: job)) }
    }
    writer.member("cursor", next)
  }
}
