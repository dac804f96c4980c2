import EventLoop
import Jobs
import Logging

/// Runs one leased job: from the lease, through its worker and its reports, to the settlement.
@EventLoop
final class JobExecutor {
  let job: LeasedJob
  private(set) var stop: StopReason?

  private let worker: (any Worker)?
  private let broker: any Broker
  private let desk: ExchangeDesk
  private let store: ArtifactStore
  private let settings: WorkerPool.Configuration
  private let orphanGuard: OrphanGuard?
  private let logger: Logger
  /// Until when the lease is ours, as far as we know.
  private let leaseEnd: @EventLoop () -> Duration?
  private let slotFreed: @EventLoop () -> Void

  private var context: JobContext?
  private var reporter: JobReporter?
  private var task: Task<Void, Never>?
  private var result: Result<Outcome, any Error>?
  private let ended = Bell()
  private let urged = Bell()
  private var timeLimit: LoopTimer?
  private var patience: LoopTimer?
  private var isUrgent = false

  init(
    _ job: LeasedJob, worker: (any Worker)?, broker: any Broker, desk: ExchangeDesk,
    store: ArtifactStore, settings: WorkerPool.Configuration, orphanGuard: OrphanGuard?,
    logger: Logger, leaseEnd: @escaping @EventLoop () -> Duration?,
    slotFreed: @escaping @EventLoop () -> Void
  ) {
    self.job = job
    self.worker = worker
    self.broker = broker
    self.desk = desk
    self.store = store
    self.settings = settings
    self.orphanGuard = orphanGuard
    self.leaseEnd = leaseEnd
    self.slotFreed = slotFreed
    var logger = logger
    logger[metadataKey: "job"] = "\(job.lease.job)"
    self.logger = logger
  }

  /// Whether it takes up a slot of the pool: until its lease has ended, one way or the other. What
  /// is left to do then costs nothing.
  private(set) var holdsSlot = true

  private func freeSlot() {
    guard holdsSlot else { return }
    holdsSlot = false
    slotFreed()
  }

  /// Whether the worker is still at it: false once there is a result to settle.
  var isPerforming: Bool { result == nil }

  // MARK: From outside

  /// Ends the run: children get SIGTERM, then SIGKILL. The first reason counts, but for `lost`.
  func end(_ reason: StopReason) {
    guard stop == nil || (reason == .lost && stop != .lost) else { return }
    stop = reason
    context?.stop(reason)
    task?.cancel()
    if reason == .lost {
      reporter?.close()
      kill()
    } else if isPerforming {
      abandon(after: settings.killGrace + settings.abandonment)
    } else if reason == .released {
      isUrgent = true
      urged.ring()
    }
  }

  /// Kills the children at once, and does not wait for the broker's return to settle.
  func kill() {
    isUrgent = true
    context?.killChildren()
    urged.ring()
    abandon(after: settings.abandonment)
  }

  /// A worker that ignores its cancellation is left to itself: its lease is ended without it, and its
  /// token keeps it from writing.
  private func abandon(after time: Duration) {
    guard result == nil else { return }
    patience = LoopTimer(after: time) { [weak self] in
      guard let self, result == nil else { return }
      logger.error("the worker ignores that its job is to end and is left to itself")
      finish(.failure(CancellationError()))
    }
  }

  // MARK: The run

  /// Returns when the job is settled, or the lease lost.
  func run() async {
    defer { freeSlot() }
    guard let worker else {
      logger.info("a job's kind is unknown here: it is left to others", metadata: ["kind": "\(job.kind)"])
      await settle(stop == .released ? .release : .snooze(for: settings.unknownKindPause))
      return
    }
    let reporter = JobReporter(
      lease: job.lease, broker: broker, logger: logger, interval: settings.reportInterval
    ) { [weak self] standing in self?.learn(standing) }
    self.reporter = reporter
    await perform(worker, reporter)
    if stop != .lost {
      await reporter.finish()
      await settle(settlement(by: worker))
    }
    reporter.close()
    do {
      try await context?.removeFolder()
    } catch {
      logger.warning("a job's folder is left over", metadata: ["error": "\(error)"])
    }
  }

  private func perform(_ worker: any Worker, _ reporter: JobReporter) async {
    if let limit = job.timeout ?? worker.defaultTimeout {
      timeLimit = LoopTimer(after: limit) { [weak self] in self?.end(.timedOut) }
    }
    if stop == nil {
      task = Task {
        do throws(StoredPayloadFault) {
          let payload = try await payload()
          await perform(worker, payload, reporter)
        } catch {
          logger.error("a job's payload cannot be had", metadata: ["store": "\(store.root)", "error": "\(error)"])
          finish(.failure(error))
        }
      }
    } else {
      finish(.failure(CancellationError()))
    }
    while result == nil { await ended.wait() }
    timeLimit = nil
    patience = nil
  }

  /// What was asked for; from the store, if it is kept there.
  private func payload() async throws(StoredPayloadFault) -> JSONText {
    switch job.payload {
    case .inline(let text): return text
    case .stored(let payload):
      // A network's folder may keep its readers for ever.
      let limit = LoopTimer(after: settings.payloadPatience) { [weak self] in
        self?.finish(.failure(StoredPayloadFault.slow(payload.name)))
      }
      defer { withExtendedLifetime(limit) {} }
      return try await store.text(of: payload)
    }
  }

  private func perform(_ worker: any Worker, _ payload: JSONText, _ reporter: JobReporter) async {
    // It was told to end, or given up, before it had begun.
    guard stop == nil, result == nil else { return finish(.failure(CancellationError())) }
    let context = JobContext(
      job: job, payload: payload, store: store, reporter: reporter,
      killGrace: settings.killGrace, orphanGuard: orphanGuard)
    self.context = context
    finish(await Self.result(of: worker, context))
  }

  private nonisolated static func result(
    of worker: any Worker, _ context: JobContext
  ) async -> Result<Outcome, any Error> {
    do { return .success(try await worker.perform(context)) } catch { return .failure(error) }
  }

  private func finish(_ result: Result<Outcome, any Error>) {
    guard self.result == nil else { return }
    self.result = result
    ended.ring()
  }

  func learn(_ standing: LeaseStanding) {
    switch standing {
    case .held, .unavailable: break
    case .cancelRequested: end(.cancelled)
    case .lost: end(.lost)
    }
  }

  // MARK: The settlement

  private func settlement(by worker: any Worker) -> Settlement {
    guard let result else { preconditionFailure("a settlement without a result") }
    // Work that is done is done, whatever was asked for meanwhile.
    if case .success(.completed(let value)) = result { return .complete(value) }
    switch stop {
    case .cancelled:
      return .cancel(JobFailure(code: "cancelled", message: "The job was cancelled."))
    case .released: return .release
    case .timedOut:
      let limit = (job.timeout ?? worker.defaultTimeout ?? .zero).inSeconds
      let failure = JobFailure(code: "timeout", message: "The run took longer than \(limit) s.")
      return .fail(failure, retry: .byPolicy(worker.retryPolicy))
    case .lost, nil: break
    }
    switch result {
    case .success(.completed(let value)): return .complete(value)
    case .success(.failed(let failure)):
      return .fail(failure, retry: .byPolicy(worker.retryPolicy))
    case .success(.failedForGood(let failure)): return .fail(failure, retry: .never)
    case .success(.failedUntil(let failure, let time)): return .fail(failure, retry: .after(time))
    case .success(.postponed(let time)): return .snooze(for: time)
    case .failure(let failure as JobFailure):
      return .fail(failure, retry: .byPolicy(worker.retryPolicy))
    case .failure(let fault as StoredPayloadFault):
      return .fail(fault.failure, retry: fault.mayPass ? .byPolicy(worker.retryPolicy) : .never)
    case .failure(let fault as WorkFolderFault):
      logger.error("a job has no folder to run in", metadata: ["error": "\(fault.reason)"])
      let failure = JobFailure(code: "worker_error", message: "The worker has no room for the job.")
      return .fail(failure, retry: .byPolicy(worker.retryPolicy))
    case .failure(let fault as ArtifactError):
      logger.error("a job's file cannot be stored", metadata: ["error": "\(fault)"])
      return .fail(fault.failure, retry: .byPolicy(worker.retryPolicy))
    case .failure(let error):
      logger.error("a worker failed", metadata: ["kind": "\(job.kind)", "error": "\(error)"])
      let failure = JobFailure(code: "worker_error", message: "The worker failed: \(error)")
      return .fail(failure, retry: .byPolicy(worker.retryPolicy))
    }
  }

  /// Says the end until the broker has heard it, or the lease is over.
  ///
  /// What was done is offered for longer: the broker that was away pardons leases which ran out
  /// meanwhile, and if it has given the job to another the old token is refused without harm.
  private func settle(_ settlement: Settlement) async {
    defer { freeSlot() }
    var settlement = settlement
    let start = Uptime.now
    var end: Duration {
      let leaseEnd = leaseEnd() ?? start
      return stop == nil ? max(leaseEnd, start + settings.settlementPatience) : leaseEnd
    }
    var pause = Duration.milliseconds(100)
    while stop != .lost {
      do throws(BrokerError) {
        if try await desk.settle(job.lease, settlement) == .leaseLost {
          logger.info("a job was settled too late")
          stop = .lost
        }
        return
      } catch .unavailable {
        guard !isUrgent, Uptime.now + pause < end else { break }
        await urged.wait(upTo: pause * Double.random(in: 0.75...1.25))
        pause = min(pause * 2, .seconds(5))
      } catch .reportTooLarge(let limit) {
        let failure = JobFailure(
          code: "result_too_large", message: "The result has more than \(limit) bytes.")
        settlement = .fail(failure, retry: .never)
      } catch {
        logger.error("the broker refused a settlement", metadata: ["error": "\(error)"])
        return
      }
    }
    logger.warning("a job could not be settled; it runs again when its lease has ended")
  }
}
