import EventLoop
import Jobs
import Logging

/// Removes what the store has kept long enough: uploads, and artifacts whose job is forgotten.
@EventLoop
final class StoreUpkeep {
  private let store: ArtifactStore
  private let uploads: Duration
  private let artifacts: Duration
  private let broker: any Broker
  private let logger: Logger
  private var timer: LoopTimer?

  /// Sweeps every ten minutes, first after one.
  init(
    of store: ArtifactStore, uploads: Duration, artifacts: Duration, broker: any Broker,
    logger: Logger
  ) {
    self.store = store
    self.uploads = uploads
    self.artifacts = artifacts
    self.broker = broker
    self.logger = logger
    timer = LoopTimer(every: .seconds(600), first: .seconds(60)) { [weak self] in
      Task { await self?.sweep() }
    }
  }

  func stop() { timer = nil }

  private func sweep() async {
    do {
      let uploadCount = try await store.sweepUploads(olderThan: uploads)
      let broker = broker
      let jobCount = try await store.sweepArtifacts(olderThan: artifacts) {
        try await broker.job($0) != nil
      }
      if uploadCount + jobCount > 0 {
        logger.info(
          "files were removed", metadata: ["uploads": "\(uploadCount)", "jobs": "\(jobCount)"])
      }
    } catch {
      logger.warning("the store could not be swept", metadata: ["error": "\(error)"])
    }
  }
}
