import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

@Suite("A worker pool on an embedded broker", .timeLimit(.minutes(1))) struct EmbeddedRunTests {
  /// Runs `body` with a broker and a pool of these workers, and ends both after.
  private func withPool(
    _ workers: [any Worker],
    _ body: @EventLoop (any Broker) async throws -> Void
  ) async throws {
    let folder = TemporaryFolder()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let broker = try await EmbeddedBroker.open(at: folder.path("broker"), logger: logger)
    let pool = await WorkerPool(
      broker: broker, registry: WorkerRegistry(workers),
      store: ArtifactStore(root: folder.path("store")), logger: logger)
    await pool.start()
    let result: Result<Void, any Error>
    do {
      try await body(broker)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await pool.drain(grace: .zero)
    await broker.close()
    try result.get()
  }

  /// The job when it has ended, as watchers learn it.
  @EventLoop
  private func end(of request: JobRequest, on broker: any Broker) async throws -> Job {
    let ended = Bell()
    let subscription = try await broker.subscribe(to: .job(request.id)) { delivery in
      if case .event(let event) = delivery, event.state.isTerminal { ended.ring() }
    }
    defer { subscription.cancel() }
    _ = try await broker.enqueue(request)
    while true {
      let job = try #require(try await broker.job(request.id))
      if job.state.isTerminal { return job }
      await ended.wait()
    }
  }

  @Test("does jobs, with progress, log and result")
  func completion() async throws {
    let echo = ClosureWorker("echo") { job in
      job.report(Progress(percent: 50, stage: "half"))
      job.log("a line")
      return .completed(job.payload)
    }
    try await withPool([echo]) { broker in
      let payload = try JSONText(validating: #"{"a":1}"#)
      let job = try await end(
        of: JobRequest(kind: JobKind("echo")!, user: "alice", payload: payload), on: broker)
      #expect(job.state == .completed)
      #expect(job.result == payload)
      #expect(job.progress.stage == "half")
      #expect(try await broker.logLines(of: job.id) == ["a line"])
    }
  }

  @Test("hears of a cancellation at once")
  func cancellation() async throws {
    let started = Gate()
    let sleeper = ClosureWorker("sleep") { job in
      _ = try await job.run(
        ChildCommand("/bin/sh", ["-c", "echo up; exec sleep 1000"]),
        onOutput: { _ in Task { await started.open() } }, onError: { _ in })
      return .completed(nil)
    }
    try await withPool([sleeper]) { broker in
      let request = JobRequest(kind: JobKind("sleep")!, user: "alice")
      async let ended = end(of: request, on: broker)
      await started.wait()
      _ = try await broker.cancel(request.id, reason: "enough")
      #expect(try await ended.state == .cancelled)
    }
  }

  @Test("fails for good what no other attempt could mend")
  func failure() async throws {
    let failing = ClosureWorker("fail") { _ in
      .failedForGood(JobFailure(code: "own", message: "No."))
    }
    try await withPool([failing]) { broker in
      let job = try await end(of: JobRequest(kind: JobKind("fail")!, user: "a"), on: broker)
      #expect(job.state == .failed)
      #expect(job.failure?.code == "own")
      #expect(job.attempt == 1)
    }
  }
}
