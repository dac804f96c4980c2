import EventLoop
import Jobs
import Logging

/// A user's channel: all jobs of a user, each a stream of its own.
extension Hub {
  /// An event of one of the user's jobs. The first that is heard of a job is its whole record: who it is, not only
  /// that it is queued; what happens to it while that is read is told behind it.
  func take(_ event: JobEvent, onUsers watched: WatchedChannel) {
    switch watched.introductions.take(event) {
    case .publish: tell(event, onUsers: watched)
    case .introduce: introduce(event.id, on: watched)
    case .hold: break
    case .release(let events): for event in events { tell(event, onUsers: watched) }
    }
  }

  /// A job as it stands, after an interruption: what waits of it is told with it.
  func take(_ job: Job, onUsers watched: WatchedChannel) {
    let rest = watched.introductions.introduced(job.id, at: job.position) ?? []
    publish(Publication(.job(job, estimate: nil), on: watched.channel), on: watched)
    for event in rest { tell(event, onUsers: watched) }
  }

  private func introduce(_ id: JobID, on watched: WatchedChannel) {
    Task { @EventLoop in
      var record: WatchedRecord?
      do throws(BrokerError) {
        if let job = try await broker.job(id) { record = .job(job, estimate: await estimate(of: job)) }
      } catch {
        // Its events tell less, but all that happened.
        logger.debug("a job could not be introduced", metadata: ["job": "\(id)", "error": "\(error)"])
      }
      guard let rest = watched.introductions.introduced(id, at: record?.position) else { return }
      if let record { publish(Publication(record, on: watched.channel), on: watched) }
      for event in rest { tell(event, onUsers: watched) }
    }
  }

  private func estimate(of job: Job) async -> WaitEstimate? {
    guard let position = job.queuePosition else { return nil }
    return await estimates?.estimate(for: QueuePlace(queue: job.queue, position: position))
  }

  /// Progress on a user's channel goes out at most every 250 ms a job; state changes at once.
  private func tell(_ event: JobEvent, onUsers watched: WatchedChannel) {
    let publication = Publication(event, on: watched.channel)
    guard event.class == .progress else {
      if let held = watched.pace.changed(.job(event.id), isEnd: event.state.isTerminal) {
        publish(held, on: watched)
      }
      return publish(publication, on: watched)
    }
    switch watched.pace.take(publication, at: .now) {
    case .pass: publish(publication, on: watched)
    case .replace: watched.counters.census.conflated += watched.subscriptions.count
    case .hold(let delay):
      wheel.schedule(after: delay) { [weak self] in
        guard let held = watched.pace.due(of: .job(event.id), at: .now) else { return }
        self?.publish(held, on: watched)
      }
    }
  }
}
