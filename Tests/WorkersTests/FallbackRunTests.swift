import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

@Suite("A worker pool on a broker with another behind it", .timeLimit(.minutes(1)))
struct FallbackRunTests {
  @EventLoop private final class Line { var isUp = true }

  private enum Fate: Hashable { case began, done, killed }

  @Test("goes on with a job of this machine while one of the shared broker has to be killed")
  @EventLoop func bothKinds() async throws {
    let folder = TemporaryFolder()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let shared = try await EmbeddedBroker.open(at: folder.path("shared"), logger: logger)
    let line = Line()
    let broker = try await FallbackBroker.open(
      shared: shared, local: try await EmbeddedBroker.open(at: folder.path("local"), logger: logger),
      isReachable: { line.isUp }, logger: logger)
    let fates = Arrivals<[Fate: JobID]>()
    let there = JobRequest(kind: JobKind("nap")!, user: "alice", payload: .emptyObject)
    let here = JobRequest(kind: JobKind("nap")!, user: "alice", payload: .emptyObject)
    // Stopped by its limit, when what began with it has run for longer than a lease lasts.
    var witness = JobRequest(kind: JobKind("nap")!, user: "alice", payload: .emptyObject)
    witness.timeout = .seconds(5)
    witness.maxAttempts = 1
    let (released, release) = AsyncStream<Void>.makeStream()
    let nap = ClosureWorker("nap") { job in
      await fates.append([.began: job.id])
      let (forever, source) = AsyncStream<Void>.makeStream()
      defer { source.finish() }
      for await _ in job.id == here.id ? released : forever {}
      if Task.isCancelled {
        await fates.append([.killed: job.id])
        throw CancellationError()
      }
      await fates.append([.done: job.id])
      return .completed(nil)
    }
    let pool = WorkerPool(
      broker: broker, registry: WorkerRegistry([nap]), store: ArtifactStore(root: folder.path("store")),
      configuration: WorkerPool.Configuration(
        slots: 3, timing: LeaseTiming(lease: .seconds(3)), pollInterval: .milliseconds(200)),
      logger: logger)
    pool.start()

    _ = try await broker.enqueue(there)
    _ = try await fates.values(atLeast: 1)
    line.isUp = false
    await shared.close()
    for one in [here, witness] { #expect(try await broker.enqueue(one).durability == .local) }
    #expect(try await fates.values(atLeast: 5).last == [.killed: witness.id])
    release.finish()
    let all = try await fates.values(atLeast: 6)
    #expect(all[0] == [.began: there.id])
    #expect(Set(all[1...2]) == [[.began: here.id], [.began: witness.id]])
    #expect(all[3...] == [[.killed: there.id], [.killed: witness.id], [.done: here.id]])
    await pool.drain(grace: .zero)
    await broker.close()
  }
}
