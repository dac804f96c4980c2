package import EventLoop
package import Jobs
package import Logging

/// Takes jobs from queues and runs a bounded number of them at a time.
///
/// Guarantees: no more jobs than slots; every lease is renewed while its job runs, by a timer of the
/// loop that no job can block; a run whose lease is lost, or could not be renewed, is killed before
/// the job can be given away, and writes nothing more; every other run is settled exactly once.
@EventLoop
package final class WorkerPool {
  /// How a pool works.
  package struct Configuration: Sendable {
    /// In the order in which they are served.
    package var queues: [QueueName]
    /// How many jobs run at a time.
    package var slots: Int
    package var timing: LeaseTiming
    /// The time between SIGTERM and SIGKILL when a run is to end.
    package var killGrace: Duration
    /// How long an idle pool waits for the broker's hint before it looks by itself.
    package var pollInterval: Duration
    /// The least time between two progress reports that do not differ by a whole percent.
    package var reportInterval: Duration
    /// How long a worker that ignores its end is waited for, after its children were killed.
    package var abandonment: Duration
    /// How long the end of finished work is offered to a broker that is away.
    package var settlementPatience: Duration

    package init(
      queues: [QueueName] = [.default], slots: Int = 2, timing: LeaseTiming = LeaseTiming(),
      killGrace: Duration = .seconds(10), pollInterval: Duration = .seconds(5),
      reportInterval: Duration = .milliseconds(250), abandonment: Duration = .seconds(5),
      settlementPatience: Duration = .seconds(300)
    ) {
      precondition(slots > 0, "a pool without slots does nothing")
      self.queues = queues
      self.slots = slots
      self.timing = timing
      self.killGrace = killGrace
      self.pollInterval = pollInterval
      self.reportInterval = reportInterval
      self.abandonment = abandonment
      self.settlementPatience = settlementPatience
    }
  }

  package nonisolated let id: WorkerID
  /// No more jobs are taken.
  package private(set) var isDraining = false
  /// How many jobs are being run or settled.
  package var running: Int { executors.count }
  package let configuration: Configuration

  private let broker: any Broker
  private let registry: WorkerRegistry
  private let store: ArtifactStore
  private let logger: Logger
  private let orphanGuard: OrphanGuard?

  private var executors: [JobID: JobExecutor] = [:]
  private var heartbeat: Heartbeat
  private var timer: LoopTimer?
  private var directives: (any EventSubscription)?
  private var isLeasing = false
  /// Rung when a job ended, a lease call returned, or the drain was asked for.
  private let changed = Bell()
  private var hasCutShort = false

  /// A pool that does nothing before ``start()``.
  ///
  /// `orphanGuard` ends the children if this process is killed; without one they would live on.
  package init(
    broker: any Broker, registry: WorkerRegistry, store: ArtifactStore,
    configuration: Configuration = Configuration(), id: WorkerID = .generated(),
    orphanGuard: OrphanGuard? = nil, logger: Logger
  ) {
    self.broker = broker
    self.registry = registry
    self.store = store
    self.configuration = configuration
    self.id = id
    self.orphanGuard = orphanGuard
    var logger = logger
    logger[metadataKey: "worker"] = "\(id)"
    self.logger = logger
    heartbeat = Heartbeat(configuration.timing)
  }

  /// Begins to take jobs. To be called once.
  package func start() {
    precondition(timer == nil, "a pool is started once")
    timer = LoopTimer(every: configuration.timing.tick) { [weak self] in self?.tick() }
    Task { await listen() }
    Task { await takeJobs() }
  }

  /// Takes no more jobs, waits for those that run, then gives back what is left: its children get
  /// SIGTERM, after the kill grace SIGKILL, and the job returns to the front of its queue, its
  /// attempt uncounted. Returns when nothing runs.
  ///
  /// A second call with a shorter grace cuts the first one short; with zero the children are killed
  /// at once.
  package func drain(grace: Duration) async {
    isDraining = true
    changed.ring()
    if grace <= .zero {
      hasCutShort = true
      changed.ring()
      for executor in executors.values {
        executor.end(.released)
        executor.kill()
      }
    } else {
      let deadline = Uptime.now + grace
      while running > 0 || isLeasing, !hasCutShort {
        let left = deadline - Uptime.now
        guard left > .zero else { break }
        await changed.wait(upTo: left)
      }
      for executor in executors.values { executor.end(.released) }
    }
    while running > 0 || isLeasing { await changed.wait() }
    timer = nil
    directives?.cancel()
    directives = nil
  }

  // MARK: Taking

  private func takeJobs() async {
    var pause = Duration.milliseconds(250)
    while !isDraining {
      let free = configuration.slots - running
      guard free > 0 else {
        await changed.wait()
        continue
      }
      let asked = Uptime.now
      isLeasing = true
      do throws(BrokerError) {
        let jobs = try await broker.lease(
          from: configuration.queues, limit: free, for: configuration.timing.lease, by: id)
        for job in jobs { run(job, since: asked) }
        isLeasing = false
        changed.ring()
        pause = .milliseconds(250)
        if jobs.count < free, !isDraining {
          await broker.waitForWork(in: configuration.queues, upTo: configuration.pollInterval)
        }
      } catch {
        isLeasing = false
        changed.ring()
        if error != .unavailable {
          logger.error("the broker gives no jobs", metadata: ["error": "\(error)"])
        }
        if !isDraining { await changed.wait(upTo: pause * Double.random(in: 0.75...1.25)) }
        pause = min(pause * 2, configuration.pollInterval)
      }
    }
  }

  private func run(_ job: LeasedJob, since asked: Duration) {
    heartbeat.add(job.lease, since: asked)
    let executor = JobExecutor(
      job, worker: registry[job.kind], broker: broker, store: store, settings: configuration,
      orphanGuard: orphanGuard, logger: logger
    ) { [weak self] in self?.heartbeat.end(of: job.lease) }
    executors[job.lease.job] = executor
    // A lease that was under way when the drain began: back at once.
    if isDraining { executor.end(.released) }
    Task {
      await executor.run()
      heartbeat.remove(job.lease)
      if executors[job.lease.job] === executor { executors[job.lease.job] = nil }
      changed.ring()
    }
  }

  // MARK: Renewing

  private func tick() {
    let now = Uptime.now
    let actions = heartbeat.tick(at: now)
    for job in actions.overdue {
      // A run that has its result goes on trying to settle: it has no children, and its token keeps
      // it from doing harm.
      guard let executor = executors[job], executor.isPerforming, executor.stop != .lost else {
        continue
      }
      logger.error(
        "a lease could not be renewed in time: the run is killed", metadata: ["job": "\(job)"])
      executor.end(.lost)
    }
    if !actions.renew.isEmpty { Task { await renew(actions.renew) } }
  }

  private func renew(_ leases: [Lease]) async {
    let asked = Uptime.now
    do throws(BrokerError) {
      let standings = try await broker.extend(leases, for: configuration.timing.lease)
      for (job, standing) in heartbeat.renewed(leases, standings, since: asked) {
        if standing == .lost, executors[job]?.isPerforming == true {
          logger.warning("a lease was lost", metadata: ["job": "\(job)"])
        }
        executors[job]?.learn(standing)
      }
    } catch {
      heartbeat.failed()
      logger.warning("leases could not be renewed", metadata: ["error": "\(error)"])
    }
  }

  private func listen() async {
    do throws(BrokerError) {
      let subscription = try await broker.directives(for: id) { [weak self] directive in
        switch directive {
        case .cancel(let job, forced: let isForced):
          self?.executors[job]?.end(.cancelled)
          if isForced { self?.executors[job]?.kill() }
        case .become(let mode): self?.logger.notice("told to be \(mode)")
        }
      }
      if isDraining, running == 0 { subscription.cancel() } else { directives = subscription }
    } catch {
      // Renewals repeat what directives say, a beat later.
      logger.warning(
        "cancellations arrive with the heartbeat only", metadata: ["error": "\(error)"])
    }
  }
}
