package import EventLoop
import Foundation
package import Jobs
package import Logging

/// Takes jobs from queues and runs a bounded number of them at a time.
///
/// Guarantees: no more jobs than slots; every lease is renewed while its job runs, with a heartbeat that
/// no job can block; a run whose lease is lost, or could not be renewed, is killed before
/// the job can be given away, and writes nothing more; every other run is settled exactly once.
@EventLoop
package final class WorkerPool {
  package nonisolated let id: WorkerID
  /// What it does; changed by ``drain(grace:)``, by directives and by what heartbeats bring.
  package private(set) var mode = WorkerMode.running
  /// Called once, when it was told from outside to stop and has: it is then of no more use. Where nothing is to be
  /// called it rests instead, listed as stopped, until it is told to run.
  package var whenStopped: (@EventLoop () -> Void)?
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
  /// Slots with a job in them, and slots that are kept free for jobs which were asked for.
  private var occupied = 0
  private var reserved = 0
  /// The last call that took jobs found fewer than wanted: one waits before one asks again.
  private var isDry = false
  private var desk: ExchangeDesk!
  private let host = ProcessInfo.processInfo.hostName
  private let startedAt = Timestamp.now
  private let measureMemory: @Sendable () async -> Int
  private var memory = 0
  private var isMeasuring = false
  /// The broker's time of the last heartbeat that was answered.
  private var heardAt: Timestamp?
  /// Heartbeats that are to follow at once: a call that took jobs failed, and what it may have been given is
  /// known to be lost with the second one from then.
  private var hastyBeats = 0
  /// When a directive came last: heartbeats that were asked for before know less.
  private var directedAt = Duration.zero
  /// Rung when a job ended, a lease call returned, or the drain was asked for.
  private let changed = Bell()
  private var hasCutShort = false
  /// It ends for good: whatever it is told, it does not begin again.
  private var isEnding = false

  /// A pool that does nothing before ``start()``.
  ///
  /// `orphanGuard` ends the children if this process is killed; without one they would live on. `measureMemory` answers
  /// with the bytes that this process and its children hold, which may take a while; by default it reads `/proc`.
  package init(
    broker: any Broker, registry: WorkerRegistry, store: ArtifactStore,
    configuration: Configuration = Configuration(), id: WorkerID = .generated(),
    orphanGuard: OrphanGuard? = nil, logger: Logger,
    measureMemory: (@Sendable () async -> Int)? = nil
  ) {
    self.broker = broker
    self.registry = registry
    self.store = store
    self.configuration = configuration
    self.id = id
    self.orphanGuard = orphanGuard
    self.measureMemory = measureMemory ?? { await ResidentMemory.bytes() }
    var logger = logger
    logger[metadataKey: "worker"] = "\(id)"
    self.logger = logger
    heartbeat = Heartbeat(configuration.timing)
    desk = ExchangeDesk(
      broker: broker,
      taking: ExchangeDesk.Taking(
        request: { [weak self] in self?.request(freed: $0) },
        take: { [weak self] in self?.take($0, $1, since: $2) }))
  }

  /// Begins to take jobs. To be called once.
  package func start() {
    precondition(timer == nil, "a pool is started once")
    timer = LoopTimer(every: configuration.timing.tick) { [weak self] in self?.tick() }
    tick()
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
    isEnding = true
    mode = .stopping
    heartbeat.hurry()
    changed.ring()
    await empty(within: grace)
    guard timer != nil else { return }
    timer = nil
    directives?.cancel()
    directives = nil
    do throws(BrokerError) {
      try await broker.dismiss(id)
    } catch {
      // It is listed as lost for a while: nothing depends on it.
      logger.notice("the broker was not told of the end", metadata: ["error": "\(error)"])
    }
  }

  /// Returns when nothing runs; what is left after the grace is given back.
  private func empty(within grace: Duration) async {
    if grace <= .zero {
      hasCutShort = true
      changed.ring()
      for executor in executors.values {
        executor.end(.released)
        executor.kill()
      }
    } else {
      let deadline = Uptime.now + grace
      while running > 0 || reserved > 0, !hasCutShort {
        let left = deadline - Uptime.now
        guard left > .zero else { break }
        await changed.wait(upTo: left)
      }
      for executor in executors.values { executor.end(.released) }
    }
    while running > 0 || reserved > 0 { await changed.wait() }
  }

  /// Does as it is told from outside. Who stops does so first, and begins again, if it does, after that.
  private func become(_ wanted: WorkerMode) {
    guard wanted != mode, mode != .stopping, !(mode == .stopped && wanted == .stopping) else { return }
    logger.notice("told to be \(wanted.rawValue)", metadata: ["was": "\(mode.rawValue)"])
    mode = wanted
    heartbeat.hurry()
    changed.ring()
    guard wanted == .stopping else { return }
    Task {
      if let whenStopped {
        await drain(grace: configuration.stopGrace)
        whenStopped()
      } else {
        await empty(within: configuration.stopGrace)
        rest()
      }
    }
  }

  /// Stays listed and goes on to listen: what it is told next, it does.
  private func rest() {
    guard !isEnding else { return }
    mode = .stopped
    heartbeat.hurry()
    logger.notice("stopped, until told to run")
  }

  // MARK: Taking

  /// What may be asked for when `freed` slots become free; what is asked for is reserved.
  private func request(freed: Int) -> LeaseRequest? {
    let limit = max(0, configuration.slots - occupied - reserved) + freed
    guard mode == .running, limit > 0 else { return nil }
    reserved += limit
    return LeaseRequest(
      queues: configuration.queues, limit: limit, duration: configuration.timing.lease, worker: id)
  }

  private func take(_ jobs: [LeasedJob]?, _ request: LeaseRequest, since asked: Duration) {
    if jobs == nil {
      hastyBeats = 2
      heartbeat.hurry()
    }
    let jobs = jobs ?? []
    reserved -= request.limit
    isDry = jobs.count < request.limit
    for job in jobs { run(job, since: asked) }
    changed.ring()
  }

  /// Takes jobs while there is nothing to settle; a busy pool takes them as it settles (``ExchangeDesk``).
  private func takeJobs() async {
    var pause = Duration.milliseconds(250)
    while !isEnding {
      if isDry, mode == .running, occupied < configuration.slots {
        await broker.waitForWork(in: configuration.queues, upTo: configuration.pollInterval)
        isDry = false
        // Told to rest, or filled by what was settled, while it waited: what it was woken for is another's.
        if mode != .running || occupied + reserved >= configuration.slots {
          await broker.passOnWork(in: configuration.queues)
        }
        continue
      }
      guard let request = request(freed: 0) else {
        await changed.wait()
        continue
      }
      let asked = Uptime.now
      do throws(BrokerError) {
        take(try await broker.exchange([], for: request).jobs, request, since: asked)
        pause = .milliseconds(250)
      } catch {
        take(nil, request, since: asked)
        isDry = false
        if error != .unavailable {
          logger.error("the broker gives no jobs", metadata: ["error": "\(error)"])
        }
        if !isEnding { await changed.wait(upTo: pause * Double.random(in: 0.75...1.25)) }
        pause = min(pause * 2, configuration.pollInterval)
      }
    }
  }

  private func run(_ job: LeasedJob, since asked: Duration) {
    heartbeat.add(job.lease, since: asked)
    occupied += 1
    let executor = JobExecutor(
      job, worker: registry[job.kind], broker: broker, desk: desk, store: store,
      settings: configuration, orphanGuard: orphanGuard, logger: logger,
      leaseEnd: { [weak self] in self?.heartbeat.end(of: job.lease) },
      slotFreed: { [weak self] in
        self?.occupied -= 1
        self?.changed.ring()
      })
    executors[job.lease.job] = executor
    // A lease that was under way when the drain began: back at once.
    if mode == .stopping { executor.end(.released) }
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
    if let leases = actions.beat { Task { await beat(leases) } }
  }

  /// Renews the leases, says how the worker is, and learns what it is wanted to be.
  private func beat(_ leases: [Lease]) async {
    // Renewals do not wait for the file system; the first report, which renews nothing, may.
    if memory == 0, leases.isEmpty { await updateMemory() }
    let asked = Uptime.now
    do throws(BrokerError) {
      let answer = try await broker.beat(
        report, renewing: leases, heard: heardAt, for: configuration.timing.lease)
      heardAt = answer.at
      if asked > directedAt { become(answer.wanted) }
      let missed = answer.standings.count { $0 == .unavailable }
      if missed > 0 { logger.warning("some leases could not be renewed", metadata: ["count": "\(missed)"]) }
      for (job, standing) in heartbeat.renewed(leases, answer.standings, since: asked) {
        if standing == .lost, executors[job]?.isPerforming == true {
          logger.warning("a lease was lost", metadata: ["job": "\(job)"])
        }
        executors[job]?.learn(standing)
      }
      hastyBeats = max(0, hastyBeats - 1)
      if hastyBeats > 0 { heartbeat.hurry() }
    } catch {
      heartbeat.failed()
      logger.warning("leases could not be renewed", metadata: ["error": "\(error)"])
    }
    await updateMemory()
  }

  /// One measurement at a time: where they take longer than a beat they would pile up, and leave the threads that
  /// everything else needs to nothing else.
  private func updateMemory() async {
    guard !isMeasuring else { return }
    isMeasuring = true
    memory = await measureMemory()
    isMeasuring = false
  }

  private var report: WorkerReport {
    WorkerReport(
      id: id, host: host, process: Int(ProcessInfo.processInfo.processIdentifier),
      version: configuration.version, queues: configuration.queues, kinds: registry.kinds,
      slots: configuration.slots, memory: memory, startedAt: startedAt, mode: mode)
  }

  private func listen() async {
    do throws(BrokerError) {
      let subscription = try await broker.directives(for: id) { [weak self] directive in
        switch directive {
        case .cancel(let job, forced: let isForced):
          self?.executors[job]?.end(.cancelled)
          if isForced { self?.executors[job]?.kill() }
        case .become(let mode):
          self?.directedAt = Uptime.now
          self?.become(mode)
        }
      }
      if isEnding, timer == nil { subscription.cancel() } else { directives = subscription }
    } catch {
      // Renewals repeat what directives say, a beat later.
      logger.warning(
        "cancellations arrive with the heartbeat only", metadata: ["error": "\(error)"])
    }
  }
}
