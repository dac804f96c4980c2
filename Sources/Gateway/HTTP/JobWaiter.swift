package import EventLoop
package import Jobs

/// Waits for something to happen to a job: the long poll.
@EventLoop
package final class JobWaiter {
  /// What is waited for.
  package enum Goal: Sendable {
    /// The record differs from this position. One that has ended is not waited for: nothing comes.
    case change(from: StreamPosition)
    case end
  }

  private let goal: Goal
  private var waiting: LoopContinuation<Void>?
  private var isOver = false

  private init(goal: Goal) { self.goal = goal }

  /// The job once the goal is reached, or as it stands after `limit` or when the client goes.
  ///
  /// Subscribes before it reads: nothing falls between. Throws the problem of a job that is not
  /// the caller's to see.
  package static func wait(
    for goal: Goal, on id: JobID, upTo limit: Duration, by call: Call,
    in environment: SessionEnvironment
  ) async throws -> Job {
    let waiter = JobWaiter(goal: goal)
    let subscription = try await environment.hub.join(.job(id), waiter)
    defer { environment.hub.leave(subscription) }
    let job = try await environment.verbs.job(id, for: call.identity)
    if waiter.isReached(by: job.position, isTerminal: job.state.isTerminal) { return job }
    // Who went before now is not told of any more.
    guard !call.exchange.isClosed else { return job }
    let deadline = environment.wheel.schedule(after: limit) { waiter.end() }
    call.exchange.whenClosed = { waiter.end() }
    subscription.goLive(after: job.position.offset)
    await waiter.untilOver()
    deadline.cancel()
    call.exchange.whenClosed = nil
    return try await environment.verbs.job(id, for: call.identity)
  }

  private func isReached(by position: StreamPosition, isTerminal: Bool) -> Bool {
    switch goal {
    case .change(let from): position != from || isTerminal
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

extension JobWaiter: Subscriber {
  package func receive(_ publication: Publication) {
    guard let position = publication.position else { return }
    if isReached(by: position, isTerminal: publication.isTerminal) { end() }
  }
}
