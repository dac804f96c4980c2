package import EventLoop
package import Jobs

/// Waits for something to happen to a job: the long poll.
@EventLoop
package final class JobWaiter {
  /// What is waited for.
  package enum Goal: Sendable {
    /// The record stands at none of these positions. One that has ended is not waited for: nothing comes.
    case change(from: [Recovery.Request])
    case end
  }

  private let goal: Goal
  private let identity: Identity
  private var waiting: LoopContinuation<Void>?
  private var isOver = false
  /// The event with which the job ended, if that was heard.
  private var ending: JobEvent?

  private init(goal: Goal, identity: Identity) {
    self.goal = goal
    self.identity = identity
  }

  /// The job once the goal is reached, or as it stands after `limit`, when the client goes or when the gateway does.
  ///
  /// Subscribes before it reads: nothing falls between. Throws the problem of a job that is not
  /// the caller's to see. One that had been accepted as `known` and of whose end no record is kept is answered as
  /// that was told, or as it was known.
  package static func wait(
    for goal: Goal, on id: JobID, known: Job? = nil, upTo limit: Duration, by call: Call,
    in environment: SessionEnvironment
  ) async throws -> Job {
    let waiter = JobWaiter(goal: goal, identity: call.identity)
    let subscription = try await environment.hub.join(.job(id), waiter)
    defer { environment.hub.leave(subscription) }
    let job: Job
    do throws(Problem) { job = try await environment.verbs.job(id, for: call.identity) } catch {
      guard error.code == .jobNotFound, let known else { throw error }
      subscription.goLive(after: known.position)
      return waiter.ending.map(known.ended) ?? known
    }
    if waiter.isReached(by: job.position, isTerminal: job.state.isTerminal) { return job }
    // Who went before now is not told of any more.
    guard !call.exchange.isClosed else { return job }
    let deadline = environment.wheel.schedule(after: limit) { waiter.end() }
    call.exchange.whenClosed = { waiter.end() }
    environment.authenticator.hold(waiter, of: call.identity)
    defer { environment.authenticator.release(waiter, of: call.identity) }
    // Revoked while the record was read: nobody tells that again.
    if environment.authenticator.isVoid(call.identity) { waiter.end() }
    let ticket = environment.drain.enter { waiter.end() }
    subscription.goLive(after: job.position)
    await waiter.untilOver()
    deadline.cancel()
    environment.drain.leave(ticket)
    guard !environment.authenticator.isVoid(call.identity) else { throw Problem(TokenError.revoked) }
    call.exchange.whenClosed = nil
    do throws(Problem) { return try await environment.verbs.job(id, for: call.identity) } catch {
      guard error.code == .jobNotFound, let ending = waiter.ending else { throw error }
      return job.ended(by: ending)
    }
  }

  private func isReached(by position: StreamPosition, isTerminal: Bool) -> Bool {
    switch goal {
    case .change(let known): isTerminal || !known.contains { Recovery(of: $0, at: position) == .upToDate }
    case .end: isTerminal
    }
  }

  private func untilOver() async {
    guard !isOver else { return }
    await EventLoop.suspend { waiting = $0 }
  }

  private func end() {
    isOver = true
    waiting?.resume()
    waiting = nil
  }
}

extension JobWaiter: TokenHolder {
  package var heldToken: (any RevocableToken)? { identity }

  package func tokenWasRevoked() { end() }
}

extension JobWaiter: Subscriber {
  package func receive(_ batch: PublicationBatch) {
    for publication in batch.publications {
      guard let position = publication.position else { continue }
      if publication.isTerminal { ending = publication.event }
      if isReached(by: position, isTerminal: publication.isTerminal) { end() }
    }
  }

  /// Answered with the record as it then is, or with its absence.
  package func lost(_ subscription: Subscription) { end() }
}

extension Job {
  /// The job as its last event tells it.
  fileprivate func ended(by event: JobEvent) -> Job {
    var job = self
    job.state = event.state
    job.attempt = event.attempt
    job.progress = event.progress
    job.result = event.result
    job.failure = event.failure
    job.startedAt = event.startedAt ?? startedAt
    job.finishedAt = event.finishedAt ?? event.at
    job.updatedAt = event.at
    job.position = event.position
    (job.isStalled, job.isCancelling, job.queuePosition, job.worker) = (false, false, nil, nil)
    return job
  }
}
