package import EventLoop
package import Logging

/// A shared broker with one of this machine behind it, for the time that the shared one is away.
///
/// While the shared broker is known to be out of reach, submissions are accepted by the local one, which keeps them
/// on this machine's disk: such an ``Acceptance`` says so (``Acceptance/durability``). Workers of this
/// process may run them. When the shared broker is back they are handed over by their ids, which is safe to
/// repeat: waiting ones go on in their place in line, ended ones keep their end. A call that fails while the
/// shared broker seemed to be there throws `unavailable` and is not accepted elsewhere: it may have happened.
/// Groups and schedules are kept by the shared broker alone: a submission that names a group throws
/// `unavailable` while it is away.
///
/// A backup of that time holds what is kept here, and says that it is not whole.
///
/// **Queues** work here as they were last seen there (``MirroredQueue``): modes, defaults, orders, bounds. Numbers
/// are of this process alone: a bound and a user's window count what is kept here, and a concurrency what runs
/// here, the shared broker's jobs included. **Workers** of this process are known to both.
///
/// Jobs of the shared broker cannot be seen or changed while it is away; who watches them waits. The budget of
/// requests is counted here meanwhile, by each gateway for itself.
@EventLoop
package final class FallbackBroker {
  /// The broker that is asked while it can be reached.
  package let shared: any Broker
  let local: any Broker
  /// Whether it can.
  package let isReachable: @EventLoop () -> Bool
  let logger: Logger
  /// The jobs that the local broker holds.
  private(set) var localJobs: Set<JobID> = []
  /// The queues of the shared broker as they were last seen, and laid over the local ones.
  var seen: [QueueName: MirroredQueue] = [:]
  /// What runs here, of either broker.
  var held = HeldLeases()
  /// How many jobs of a queue are being asked for at this moment.
  var asked: [QueueName: Int] = [:]
  /// Revocations that the shared broker may not have.
  var owedRevocations: [Revocation] = []
  private var timer: LoopTimer?
  private var underWay: Task<Void, Never>?
  private var mirroring: Task<Void, Never>?
  private var mirroredAt: ContinuousClock.Instant?
  /// How often the shared broker's return is looked for, and running local jobs for their end.
  private static let interval = Duration.seconds(1)
  /// How often its queues are looked at: what others set there is known here after so long.
  private static let mirrorInterval = Duration.seconds(5)

  /// Takes up what the local broker still holds from before. `shared` was started, and goes on trying by
  /// itself; `isReachable` tells whether it has a connection now.
  package static func open(
    shared: any Broker, local: any Broker,
    isReachable: @escaping @EventLoop () -> Bool, logger: Logger
  ) async throws(BrokerError) -> FallbackBroker {
    let broker = FallbackBroker(
      shared: shared, local: local, isReachable: isReachable, logger: logger)
    try await broker.takeUp()
    return broker
  }

  private init(
    shared: any Broker, local: any Broker,
    isReachable: @escaping @EventLoop () -> Bool, logger: Logger
  ) {
    self.shared = shared
    self.local = local
    self.isReachable = isReachable
    self.logger = logger
  }

  private func takeUp() async throws(BrokerError) {
    for snapshot in try await localSnapshots() { localJobs.insert(snapshot.job.id) }
    owedRevocations = try await local.allRevocations()
    timer = LoopTimer(every: Self.interval, first: .milliseconds(1)) { [weak self] in
      Task { [weak self] in
        await self?.handOver()
        await self?.mirrorOnTime()
      }
    }
  }

  // MARK: Queues

  private func mirrorOnTime() async {
    if mirroring != nil { return }
    if let mirroredAt, ContinuousClock.now - mirroredAt < Self.mirrorInterval { return }
    await mirrorNow()
  }

  /// Looks at the shared broker's queues, if it can be reached; one that cannot be looked at now is at the next
  /// time.
  package func mirrorNow() async {
    // One at a time, and each sees all that was set before it was asked for.
    while let mirroring { await mirroring.value }
    guard timer != nil, isReachable() else { return }
    mirroredAt = .now
    let task = Task {
      do throws(BrokerError) { try await mirrorQueues() } catch {
        logger.info("the queues could not be looked at", metadata: ["error": "\(error)"])
      }
      mirroring = nil
    }
    mirroring = task
    await task.value
  }

  private func localSnapshots() async throws(BrokerError) -> [JobSnapshot] {
    var snapshots: [JobSnapshot] = []
    var cursor: String?
    repeat {
      let page = try await local.archive(after: cursor, limit: 500)
      for case .job(let snapshot) in page.entries { snapshots.append(snapshot) }
      cursor = page.next
    } while cursor != nil
    return snapshots
  }

  // MARK: What the verbs share

  /// Where a job lives.
  func home(of id: JobID) -> any Broker { localJobs.contains(id) ? local : shared }

  /// Where new work goes, and is taken from.
  var active: any Broker { isReachable() ? shared : local }

  func accepted(_ id: JobID) { localJobs.insert(id) }

  /// Lets both go; what the local one holds is there at the next start.
  package func close() async {
    timer = nil
    await local.close()
    await shared.close()
  }

  // MARK: Handing over

  /// Gives the shared broker what the local one holds and does not run, if it can be reached; what runs follows
  /// once it has ended, and with it what waits for that.
  package func handOver() async {
    await handOverRevocations()
    // One at a time; who asks meanwhile asks for what has ended since it began, too.
    while let underWay { await underWay.value }
    guard !localJobs.isEmpty, isReachable() else { return }
    let task = Task {
      await handOverAll()
      // Before anyone who waits goes on: a task that has ended is not waited for again.
      underWay = nil
    }
    underWay = task
    await task.value
  }

  private func handOverAll() async {
    do throws(BrokerError) {
      var cursor: String?
      var staying: Set<JobID> = []
      repeat {
        let page = try await local.archive(after: cursor, limit: 200)
        try await handOver(page, but: &staying)
        cursor = page.next
      } while cursor != nil
    } catch {
      logger.info("local jobs could not be handed over yet", metadata: ["error": "\(error)"])
    }
  }

  /// What waits for a job that stays does too: where its parent is not on record it would not wait.
  private func handOver(_ page: ArchivePage, but staying: inout Set<JobID>) async throws(BrokerError) {
    var jobs: [JobID] = []
    var entries: [ArchiveEntry] = []
    // Parents were accepted before their children, and come before them.
    for case .job(let snapshot) in page.entries {
      if snapshot.job.state == .running || !staying.isDisjoint(with: snapshot.dependencies.parents) {
        staying.insert(snapshot.job.id)
        continue
      }
      jobs.append(snapshot.job.id)
      var snapshot = snapshot
      // Its queue is the shared one: here nobody has set it.
      snapshot.ageing = nil
      entries.append(.job(snapshot))
    }
    guard !jobs.isEmpty else { return }
    let report = try await shared.restore(entries)
    // Kept there: from here on that one is asked. Whoever dies in between repeats this without harm.
    localJobs.subtract(jobs)
    try await local.discard(jobs)
    logger.notice(
      "jobs accepted while the broker was away were handed over",
      metadata: [
        "jobs": "\(jobs.count)", "known": "\(report.known)", "duplicates": "\(report.duplicates.count)",
      ])
  }
}
