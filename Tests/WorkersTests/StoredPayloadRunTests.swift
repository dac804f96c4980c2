import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

@Suite("A job whose payload lies in the store", .timeLimit(.minutes(1))) struct StoredPayloadRunTests {
  private let text = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 40_000))\"".utf8))

  /// Answers with how many bytes its payload has.
  private let measure = ClosureWorker("measure") { job in
    .completed(JSONText(unchecked: Array("[\(job.payload.bytes.count)]".utf8)))
  }
  private let measured = JSONText(unchecked: Array("[40002]".utf8))

  private func file(of payload: StoredPayload, in store: ArtifactStore) -> String {
    "\(store.root)/payloads/\(payload.job.description.suffix(2))/\(payload.name)"
  }

  /// The failure that a job with this payload ends its attempt with, and whether it may be tried again.
  private func failure(
    of payload: StoredPayload, in workshop: Workshop
  ) async throws -> (failure: JobFailure, isFinal: Bool) {
    let job = await workshop.broker.add("measure", .stored(payload))
    guard case .fail(let failure, let retry) = await workshop.broker.settlement(of: job) else {
      throw CancellationError()
    }
    return (failure, retry == .never)
  }

  @Test("is run with the text")
  func text() async throws {
    let workshop = await Workshop([ClosureWorker("measure") { .completed($0.payload) }])
    let payload = try await workshop.store.keep(text, of: JobID())
    let job = await workshop.broker.add("measure", .stored(payload))
    #expect(await workshop.broker.settlement(of: job) == .complete(text))
    await workshop.close()
  }

  @Test("fails where its payload is missing, damaged or out of reach, and says which")
  func faults() async throws {
    let workshop = await Workshop(
      [ClosureWorker("measure") { _ in preconditionFailure("a job was run without its payload") }])
    let store = workshop.store
    let elsewhere = StoredPayload(job: JobID(), size: 2, digest: JobPayload.emptyObject.digest)
    let unshared = try await failure(of: elsewhere, in: workshop)
    #expect(unshared.failure.code == "payload_missing" && !unshared.isFinal)
    #expect(unshared.failure.message.contains("gateways and workers must share artifacts.folder"))
    #expect(!unshared.failure.message.contains(store.root), "where the folder lies is the operator's to know")
    let payload = try await store.keep(text, of: JobID())
    let missing = try await failure(of: elsewhere, in: workshop)
    #expect(missing.failure.code == "payload_missing" && !missing.isFinal)
    try Data("{}".utf8).write(to: URL(fileURLWithPath: file(of: payload, in: store)))
    let damaged = try await failure(of: payload, in: workshop)
    #expect(damaged.failure.code == "payload_damaged" && damaged.isFinal)
    await workshop.close()
  }

  @Test("fails in time where the store does not answer, and may be tried again")
  func slow() async throws {
    let workshop = await Workshop([measure], payloadPatience: .milliseconds(100))
    let payload = try await workshop.store.keep(text, of: JobID())
    let path = file(of: payload, in: workshop.store)
    try FileManager.default.removeItem(atPath: path)
    // Nobody writes into it: who opens it waits, as for a network's folder.
    #expect(mkfifo(path, 0o600) == 0)
    let slow = try await failure(of: payload, in: workshop)
    #expect(slow.failure.code == "payload_unreadable" && !slow.isFinal)
    let writer = open(path, O_WRONLY | O_CLOEXEC)
    close(writer)
    await workshop.close()
  }

  @Test("stops at once when it is cancelled while its payload is waited for")
  func cancelled() async throws {
    let workshop = await Workshop(
      [measure], timing: LeaseTiming(lease: .seconds(30), beat: .milliseconds(20)),
      killGrace: .milliseconds(10), abandonment: .milliseconds(10))
    let payload = try await workshop.store.keep(text, of: JobID())
    let path = file(of: payload, in: workshop.store)
    try FileManager.default.removeItem(atPath: path)
    #expect(mkfifo(path, 0o600) == 0)
    let job = await workshop.broker.add("measure", .stored(payload))
    await workshop.broker.until { workshop.pool.running == 1 }
    await EventLoop.run { workshop.broker.standings[job] = .cancelRequested }
    guard case .cancel = await workshop.broker.settlement(of: job) else {
      Issue.record("it was not cancelled")
      return
    }
    let writer = open(path, O_WRONLY | O_CLOEXEC)
    close(writer)
    await workshop.close()
  }

  @Test("goes through an embedded broker, from the submission to its second attempt")
  @EventLoop func embedded() async throws {
    let folder = TemporaryFolder()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let payloads = PayloadStore(files: ArtifactStore(root: folder.path("store")))
    let broker = try await EmbeddedBroker.open(at: folder.path("broker"), logger: logger)
    let measured = measured
    let measure = ClosureWorker("measure") { [measure] job in
      if job.attempt == 1 { return .failedUntil(.init(code: "again", message: ""), retryAfter: .zero) }
      return try await measure.body(job)
    }
    let pool = WorkerPool(
      broker: broker, registry: WorkerRegistry([measure]), store: payloads.files, logger: logger)
    pool.start()
    let ended = Bell()
    let request = JobRequest(kind: JobKind("measure")!, user: "alice", payload: text)
    let subscription = try await broker.subscribe(to: .job(request.id)) { delivery in
      if case .event(let event) = delivery, event.state.isTerminal { ended.ring() }
    }
    _ = try await broker.enqueue(payloads.moved(request))
    while try await broker.job(request.id)?.state.isTerminal == false { await ended.wait() }
    let job = try #require(try await broker.job(request.id))
    #expect(job.state == .completed && job.result == measured && job.attempt == 2)
    #expect(job.payload?.bytes.count ?? 0 < 200)
    subscription.cancel()
    await pool.drain(grace: .zero)
    await broker.close()
  }
}
