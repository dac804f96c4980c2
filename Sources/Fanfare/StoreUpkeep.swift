import EventLoop
import Jobs
import Logging

/// Removes what the store has kept long enough: uploads, and payloads and artifacts whose job is forgotten.
@EventLoop
final class StoreUpkeep {
  /// How long what is not needed is kept.
  struct Ages {
    var uploads: Duration
    var payloads: Duration
    var artifacts: Duration
  }

  private let payloads: PayloadStore
  private var store: ArtifactStore { payloads.files }
  private let ages: Ages
  private let broker: any Broker
  private let logger: Logger
  private let startedAt = Timestamp.now
  private var timer: LoopTimer?
  private var isSweeping = false

  /// How long no payload is removed after the start: gateways that begin together, after all were off, vouch for
  /// those they hold jobs of first.
  private static let forbearance = Duration.seconds(1800)

  /// Sweeps every ten minutes, first after one.
  init(of payloads: PayloadStore, _ ages: Ages, broker: any Broker, logger: Logger) {
    self.payloads = payloads
    self.ages = ages
    self.broker = broker
    self.logger = logger
    timer = LoopTimer(every: .seconds(600), first: .seconds(60)) { [weak self] in
      Task { await self?.sweep() }
    }
  }

  func stop() { timer = nil }

  private func sweep() async {
    guard !isSweeping else { return }
    isSweeping = true
    defer { isSweeping = false }
    do {
      let uploadCount = try await store.sweepUploads(olderThan: ages.uploads)
      let broker = broker
      let jobCount = try await store.sweepArtifacts(olderThan: ages.artifacts) {
        try await broker.job($0) != nil
      }
      let payloadCount = try await payloads.sweep(
        olderThan: ages.payloads, removes: .now - startedAt >= Self.forbearance, knownTo: broker)
      if uploadCount + jobCount + payloadCount > 0 {
        logger.info(
          "files were removed",
          metadata: [
            "uploads": "\(uploadCount)", "payloads": "\(payloadCount)", "jobs": "\(jobCount)",
          ])
      }
    } catch {
      logger.warning("the store could not be swept", metadata: ["error": "\(error)"])
    }
  }
}
