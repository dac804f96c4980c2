import EventLoop
import Jobs
import Logging

/// Removes what the store has kept long enough: uploads, payloads and artifacts whose job is forgotten, and what killed
/// workers left of their runs.
@EventLoop
final class StoreUpkeep {
  /// How long what is not needed is kept.
  struct Ages {
    var uploads: Duration
    var payloads: Duration
    var artifacts: Duration
    /// The folder of a run that nobody took away; a run of another broker that shares the store may be silent for as
    /// long.
    var work = Duration.seconds(86_400)
  }

  private let payloads: PayloadStore
  private var store: ArtifactStore { payloads.files }
  private let ages: Ages
  private let broker: any Broker
  private let clock: @Sendable () -> Timestamp
  private let logger: Logger
  private let startedAt: Timestamp
  private var timer: LoopTimer?
  private var isSweeping = false

  /// How long no payload is removed after the start: gateways that begin together, after all were off, vouch for
  /// those they hold jobs of first.
  static let forbearance = Duration.seconds(1800)

  /// Sweeps every ten minutes, first after one, until let go or ``stop()``ped.
  init(
    of payloads: PayloadStore, _ ages: Ages, broker: any Broker, every interval: Duration = .seconds(600),
    first: Duration = .seconds(60), clock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
  ) {
    self.payloads = payloads
    self.ages = ages
    self.broker = broker
    self.clock = clock
    self.logger = logger
    startedAt = clock()
    timer = LoopTimer(every: interval, first: first) { [weak self] in
      Task { await self?.sweep() }
    }
  }

  /// Sweeps no more. A sweep that is under way ends by itself.
  func stop() { timer = nil }

  /// One look at the whole store; does nothing where one is under way. What cannot be removed now is left to
  /// the next.
  func sweep() async {
    guard !isSweeping else { return }
    isSweeping = true
    defer { isSweeping = false }
    let now = clock()
    do {
      let uploadCount = try await store.sweepUploads(olderThan: ages.uploads, now: now)
      _ = try await store.sweepSessions(olderThan: ages.uploads, now: now)
      let broker = broker
      let jobCount = try await store.sweepArtifacts(olderThan: ages.artifacts, now: now) {
        try await broker.job($0) != nil
      }
      let payloadCount = try await payloads.sweep(
        olderThan: ages.payloads, now: now, removes: now - startedAt >= Self.forbearance, knownTo: broker)
      // Last: what a program left may be such that it cannot be removed.
      let runCount = try await store.sweepWork(olderThan: ages.work, now: now) {
        try await broker.job($0)?.state == .running
      }
      if uploadCount + jobCount + runCount + payloadCount > 0 {
        logger.info(
          "files were removed",
          metadata: [
            "uploads": "\(uploadCount)", "payloads": "\(payloadCount)", "jobs": "\(jobCount)",
            "runs": "\(runCount)",
          ])
      }
    } catch {
      logger.warning("the store could not be swept", metadata: ["error": "\(error)"])
    }
    await sweepBucket(now)
  }

  /// By itself: a bucket that is away keeps no disk from being swept.
  private func sweepBucket(_ now: Timestamp) async {
    let broker = broker
    do {
      let jobCount = try await store.sweepObjects(olderThan: ages.artifacts, now: now) {
        try await broker.job($0) != nil
      }
      let uploadCount = try await store.sweepUnfinished(olderThan: ages.work, now: now) {
        try await broker.job($0)?.state == .running
      }
      if jobCount + uploadCount > 0 {
        logger.info("objects were removed", metadata: ["jobs": "\(jobCount)", "uploads": "\(uploadCount)"])
      }
    } catch {
      logger.warning("the bucket could not be swept", metadata: ["error": "\(error)"])
    }
  }
}
