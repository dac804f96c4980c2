import Jobs

/// `rpc`: what a user asks for, and what is counted against the user's budget.
extension Session {
  func call(_ command: Command) async throws(ReplyError) {
    guard let identity else { throw .unauthorized }
    // Counted before it is looked at: an unknown method is a request like any other.
    let budget = try await spend(by: identity)
    guard let method = command.request["method"]?.string else { throw .badRequest }
    let procedure = environment.procedures[method]
    guard procedure != nil || method == "job.submit" else { throw .methodNotFound }
    do throws(Problem) {
      guard let procedure else { return try await submit(command, identity, budget) }
      var reader = MemberReader()
      if let data = command.request["data"] { reader = try MemberReader(data) }
      reply(to: command, try await procedure.perform(&reader, identity), identity)
    } catch {
      throw ReplyError(error)
    }
  }

  /// One request of the user's budget; throws where there is none left.
  @discardableResult
  func spend(by identity: Identity) async throws(ReplyError) -> BudgetStanding {
    let budget = await environment.limiter.spend(by: identity.user)
    guard budget.isAdmitted else {
      throw .tooManyRequests(retryAfter: secondsRoundedUp(budget.retryAfter))
    }
    return budget
  }

  private func submit(
    _ command: Command, _ identity: Identity, _ budget: BudgetStanding
  ) async throws(Problem) {
    guard let data = command.request["data"] else {
      throw .invalid([.init("/data", "is missing")])
    }
    let submission = try JobSubmission(reading: data, settings: settings)
    let acceptance = try await environment.verbs.submit(submission, by: identity)
    var record = WatchedRecord.job(acceptance.job, estimate: nil)
    if submission.watches {
      record = await pushSubscription(to: acceptance.job, identity, every: submission.interval) ?? record
    }
    send(
      Reply.success(to: command) {
        $0.object("data") {
          write(acceptance, as: record, into: &$0)
          environment.write(budget, into: &$0)
        }
      })
  }

  /// What a submission became, with the job as it stands by now.
  private func write(
    _ acceptance: Acceptance, as record: WatchedRecord, into writer: inout JSONWriter
  ) {
    writer.member("job", record.document)
    writer.fact("replayed", acceptance.isReplay)
    writer.member("match", acceptance.match?.rawValue)
    if acceptance.durability == .local {
      writer.member("durability", acceptance.durability.rawValue)
    }
  }

  /// Subscribes the connection to its new job, as the server's doing; answers with the record as
  /// it was read once the subscription stood, nil where it does not.
  ///
  /// A submission that was accepted stays accepted: when it cannot be watched, the reply says
  /// nothing of a subscription and the client subscribes by itself.
  private func pushSubscription(
    to job: Job, _ identity: Identity, every interval: Duration
  ) async -> WatchedRecord? {
    let channel = Channel.job(job.id)
    guard subscriptions[channel] == nil, subscriptions.count < settings.channelsPerConnection,
      identity.permissions.allows(.read), let watched = try? await watchUnasked(channel, as: identity)
    else { return nil }
    watched.subscription.minimumInterval = interval
    send(Reply.subscribed(to: channel) { watched.write(to: nil, asPush: true, into: &$0) })
    watched.goLive()
    return watched.record
  }

  private func reply(to command: Command, _ answer: Answer, _ identity: Identity) {
    let showsWorker = identity.seesWorkers
    send(
      Reply.success(to: command) {
        switch answer {
        case .document(let text), .created(let text), .pending(let text): $0.member("data", text)
        case .group(let acceptance):
          $0.object("data") {
            acceptance.write(into: &$0)
            environment.write(acceptance.budget, into: &$0)
          }
        case .nothing: $0.member("data", .emptyObject)
        case .job(let job, let estimate):
          $0.object("data") {
            $0.object("job") {
              JobDocument.write(job, estimate: estimate, showsWorker: showsWorker, into: &$0)
            }
          }
        case .jobs(let page):
          $0.object("data") { page.write(into: &$0, showsWorkers: showsWorker) }
        case .queue(let queue, _):
          $0.object("data") { $0.object("queue") { QueueDocument.write(queue, into: &$0) } }
        case .item(let name, let text, _): $0.object("data") { $0.member(named: name, text) }
        case .accepted(let acceptance):
          $0.object("data") { write(acceptance, as: .job(acceptance.job, estimate: nil), into: &$0) }
        case .worker(let worker):
          $0.object("data") { $0.object("worker") { QueueDocument.write(worker, into: &$0) } }
        }
      })
  }
}

extension JobPage {
  /// `jobs` and, where there is more, `cursor`.
  func write(into writer: inout JSONWriter, showsWorkers: Bool) {
    writer.array("jobs") { list in
      for job in jobs { list.element(JobDocument.text(of: job, showsWorker: showsWorkers)) }
    }
    writer.member("cursor", next)
  }
}
