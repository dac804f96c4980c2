import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Workers

/// A pool over a scripted broker, in a folder of its own, with times a test can wait for.
@EventLoop
final class Workshop {
  nonisolated let folder = TemporaryFolder()
  nonisolated let broker = ScriptedBroker()
  nonisolated let store: ArtifactStore
  let pool: WorkerPool

  init(
    _ workers: [any Worker], slots: Int = 2,
    timing: LeaseTiming = LeaseTiming(lease: .seconds(30), beat: .seconds(10)),
    killGrace: Duration = .seconds(20), abandonment: Duration = .seconds(20),
    payloadPatience: Duration = .seconds(20), stopGrace: Duration = .seconds(20),
    pollInterval: Duration = .milliseconds(200),
    measureMemory: (@Sendable () async -> Int)? = nil
  ) {
    store = ArtifactStore(root: folder.path("store"))
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    pool = WorkerPool(
      broker: broker, registry: WorkerRegistry(workers), store: store,
      configuration: WorkerPool.Configuration(
        slots: slots, timing: timing, killGrace: killGrace, pollInterval: pollInterval,
        abandonment: abandonment, payloadPatience: payloadPatience, stopGrace: stopGrace),
      logger: logger, measureMemory: measureMemory)
    pool.start()
  }

  func close() async { await pool.drain(grace: .zero) }

  /// A fifo in the folder, by which a process tells that it lives and that it has ended.
  nonisolated func fifo(_ name: String) -> Fifo { Fifo(folder.path(name)) }
}

/// A worker made of a closure.
struct ClosureWorker: Worker {
  let kind: JobKind
  var defaultTimeout: Duration?
  let body: @Sendable (JobContext) async throws -> Outcome

  init(
    _ kind: String, timeout: Duration? = nil,
    _ body: @escaping @Sendable (JobContext) async throws -> Outcome
  ) {
    self.kind = JobKind(kind)!
    defaultTimeout = timeout
    self.body = body
  }

  @concurrent func perform(_ job: JobContext) async throws -> Outcome { try await body(job) }
}
