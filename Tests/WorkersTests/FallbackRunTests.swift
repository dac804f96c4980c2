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
    // The work itself: each runs for longer than a lease lasts.
    let nap = ClosureWorker("nap") { job in
      await fates.append([.began: job.id])
      do { try await ContinuousClock().sleep(for: .seconds(5)) } catch {
        await fates.append([.killed: job.id])
        throw error
      }
      await fates.append([.done: job.id])
      return .completed(nil)
    }
    let pool = WorkerPool(
      broker: broker, registry: WorkerRegistry([nap]), store: ArtifactStore(root: folder.path("store")),
      configuration: WorkerPool.Configuration(
        slots: 2, timing: LeaseTiming(lease: .seconds(3)), pollInterval: .milliseconds(200)),
      logger: logger)
    pool.start()

    let there = JobRequest(kind: JobKind("nap")!, user: "alice", payload: .emptyObject)
    _ = try await broker.enqueue(there)
    _ = try await fates.values(atLeast: 1)
    line.isUp = false
    await shared.close()
    let here = JobRequest(kind: JobKind("nap")!, user: "alice", payload: .emptyObject)
    #expect(try await broker.enqueue(here).durability == .local)
    let all = try await fates.values(atLeast: 4)
    #expect(all == [[.began: there.id], [.began: here.id], [.killed: there.id], [.done: here.id]])
    await pool.drain(grace: .zero)
    await broker.close()
  }
}
