import EventLoop
import Jobs

/// Jobs that somebody asks for again and again, as this node knows them: a poll is answered without the broker.
///
/// What is asked for a second time within ``patience`` is watched like a socket's job, and its record kept. It is served
/// only while it is provably the newest: the subscription stands and delivers, and nothing was published since the
/// record was read behind it but progress, which is written into it. Any other event, interruption or loss of place makes the next poll read anew; so does
/// ``confirmation``, within which the loss of a single message, which nothing shows, does no harm.
@EventLoop
final class PolledJobs {
  private let hub: Hub
  private let jobs: JobVerbs
  private let wheel: TimerWheel
  private var watches: [JobID: Watch] = [:]
  private var askedBefore = SweptTable<ContinuousClock.Instant>()
  /// How many polls were answered without the broker.
  private(set) var answeredHere = 0

  /// How long after a poll the next is expected.
  static let patience = Duration.seconds(15)
  /// How long a record is served without being read again, whatever is heard.
  static let confirmation = Duration.seconds(10)
  /// Jobs that are watched for polls at a time.
  static let limit = 50_000

  init(hub: Hub, jobs: JobVerbs, wheel: TimerWheel) {
    self.hub = hub
    self.jobs = jobs
    self.wheel = wheel
  }

  /// The job as it stands, if the user may see it.
  func job(_ id: JobID, for identity: Identity) async throws(Problem) -> Job {
    let now = ContinuousClock.now
    if let watch = watches[id] {
      watch.askedAt = now
      if let job = watch.known(at: now) {
        answeredHere += 1
        return try jobs.seen(job, by: identity)
      }
      let job = try await jobs.job(id, for: identity)
      if watches[id] === watch { watch.learned(job) }
      return job
    }
    guard isExpectedAgain(id, now), watches.count < Self.limit else {
      return try await jobs.job(id, for: identity)
    }
    return try await watch(id, for: identity, now)
  }

  private func isExpectedAgain(_ id: JobID, _ now: ContinuousClock.Instant) -> Bool {
    let key = id.description
    defer { askedBefore.set(key, to: now) { now - $0 < Self.patience } }
    return askedBefore[key].map { now - $0 < Self.patience } ?? false
  }

  private func watch(
    _ id: JobID, for identity: Identity, _ now: ContinuousClock.Instant
  ) async throws(Problem) -> Job {
    // Only who may see a job has it watched.
    let seen = try await jobs.job(id, for: identity)
    guard !seen.state.isTerminal, watches[id] == nil else { return seen }
    let watch = Watch(askedAt: now) { [weak self] watch in self?.drop(id, watch) }
    watches[id] = watch
    do throws(BrokerError) { watch.subscription = try await hub.join(.job(id), watch) } catch {
      drop(id, watch)
      return seen
    }
    // Read behind the subscription: nothing falls between.
    let job: Job
    do throws(Problem) { job = try await jobs.job(id, for: identity) } catch {
      drop(id, watch)
      throw error
    }
    watch.begin(with: job)
    expire(id, watch)
    return job
  }

  /// Lets go of it once nobody has asked for a while.
  private func expire(_ id: JobID, _ watch: Watch) {
    wheel.schedule(after: Self.patience) { [weak self, weak watch] in
      guard let self, let watch, watches[id] === watch else { return }
      if ContinuousClock.now - watch.askedAt < Self.patience, !watch.hasEnded { return expire(id, watch) }
      drop(id, watch)
    }
  }

  private func drop(_ id: JobID, _ watch: Watch) {
    if watches[id] === watch { watches[id] = nil }
    if let subscription = watch.subscription { hub.leave(subscription) }
    watch.subscription = nil
  }

  /// How many jobs are watched for polls.
  var watchedCount: Int { watches.count }

  /// One job that is watched.
  @EventLoop
  private final class Watch: Subscriber {
    var subscription: Subscription?
    var askedAt: ContinuousClock.Instant
    private var job: Job?
    private var readAt = ContinuousClock.now
    /// Where the stream stands, as far as it was heard.
    private var heard: StreamPosition?
    private var isDelivering = true
    /// What is published reaches us: before, a record may be older than what waits to be delivered.
    private var isLive = false
    private(set) var hasEnded = false
    private let whenLost: @EventLoop (Watch) -> Void

    init(askedAt: ContinuousClock.Instant, whenLost: @escaping @EventLoop (Watch) -> Void) {
      self.askedAt = askedAt
      self.whenLost = whenLost
    }

    func begin(with job: Job) {
      isLive = true
      learned(job)
      subscription?.goLive(after: job.position)
    }

    /// The record was read; it counts only if it is at least what was heard.
    func learned(_ job: Job) {
      guard isLive else { return }
      guard heard.map({ $0.epoch == job.position.epoch && $0.offset <= job.position.offset }) ?? true else { return }
      self.job = job
      readAt = .now
      hasEnded = job.state.isTerminal
    }

    func known(at now: ContinuousClock.Instant) -> Job? {
      guard isDelivering, now - readAt < PolledJobs.confirmation else { return nil }
      return job
    }

    func receive(_ batch: PublicationBatch) {
      for publication in batch.publications {
        if let delivering = publication.tellsDelivery {
          isDelivering = delivering
          job = nil
        }
        guard let position = publication.position else { continue }
        heard = position
        hasEnded = publication.isTerminal
        if !follow(publication) { job = nil }
      }
    }

    /// Brings the record forward by the very next step, if that is nothing but progress.
    private func follow(_ publication: Publication) -> Bool {
      guard publication.isProgress, let event = publication.event, var job, job.state == event.state,
        event.position.epoch == job.position.epoch, event.position.offset == job.position.offset + 1
      else { return false }
      job.progress = event.progress
      job.position = event.position
      job.updatedAt = event.at
      self.job = job
      return true
    }

    func lost(_ subscription: Subscription) { whenLost(self) }
  }
}
