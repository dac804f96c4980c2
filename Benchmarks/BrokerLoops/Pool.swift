import EventLoop
import Foundation
import Jobs
import Logging
import Synchronization
import Workers

/// Does nothing, and tells when it has done so often enough.
private struct IdleWorker: Worker {
  let kind: JobKind
  let jobs: Int
  private let done = Count()
  private let all = AsyncStream<Void>.makeStream()

  private final class Count: Sendable {
    let value = Atomic(0)
  }

  init(kind: JobKind, jobs: Int) {
    self.kind = kind
    self.jobs = jobs
  }

  @concurrent func perform(_ job: JobContext) async throws -> Outcome {
    if done.value.add(1, ordering: .relaxed).newValue == jobs { all.continuation.finish() }
    return .completed(nil)
  }

  func waitForAll() async {
    for await _ in all.stream {}
  }
}

extension Bench {
  /// Submitting and working at once, as ``endToEnd(_:jobs:batch:slots:inFlight:)`` has it, with a whole worker: a folder and a
  /// task for each job, heartbeats, and settlements that meet go together.
  func pool(_ name: String, jobs: Int, slots: Int) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "fanfare-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let idle = IdleWorker(kind: kind, jobs: jobs)
    let pool = WorkerPool(
      broker: broker, registry: WorkerRegistry([idle]), store: ArtifactStore(root: folder.path),
      configuration: WorkerPool.Configuration(queues: [queue], slots: slots), logger: Logger(label: "pool"))
    let measurement = Measurement()
    let start = try await meter()
    pool.start()
    try await run(jobs, width: 64) { try await measurement.time { try await self.enqueue() } }
    await idle.waitForAll()
    // What has been done is settled.
    await pool.drain(grace: .seconds(60))
    try await measurement.report(name, self, since: start, jobs: jobs)
  }
}
