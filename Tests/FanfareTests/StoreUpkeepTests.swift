import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Synchronization
import Testing

@testable import Fanfare

@Suite("The upkeep of the store", .timeLimit(.minutes(1))) struct StoreUpkeepTests {
  /// Passes on what is logged.
  private struct Telling: LogHandler {
    let told: AsyncStream<String>.Continuation
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { told.yield("\(event.message)") }
  }

  private let folder = TemporaryFolder()
  private let hour = Duration.seconds(3600)
  private var payloads: PayloadStore {
    PayloadStore(files: ArtifactStore(root: folder.path("store")), inlineLimit: 2000)
  }

  /// The names of the payloads in the store.
  private var files: Set<String> {
    let names = FileManager.default.enumerator(atPath: folder.path("store/payloads"))?.allObjects ?? []
    return Set(names.compactMap { $0 as? String }.filter { $0.contains("/") }.map { String($0.suffix(36)) })
  }

  private var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

  private func openBroker() async throws -> EmbeddedBroker {
    try await EmbeddedBroker.open(at: folder.path("broker"), logger: quiet)
  }

  /// Keeps payloads for a day; its timer never fires unless it is told to.
  @EventLoop private func upkeep(
    of payloads: PayloadStore? = nil, over broker: any Broker, every interval: Duration = .seconds(1_000_000),
    _ logger: Logger,
    clock: @escaping @Sendable () -> Timestamp
  ) -> StoreUpkeep {
    StoreUpkeep(
      of: payloads ?? self.payloads,
      StoreUpkeep.Ages(uploads: hour * 24, payloads: hour * 24, artifacts: hour * 24), broker: broker,
      every: interval, first: interval, clock: clock, logger: logger)
  }

  /// Moves a large payload to the store, as for a job that is asked for next.
  private func keep() async throws -> JobRequest {
    let text = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 3000))\"".utf8))
    return try await payloads.moved(
      JobRequest(kind: JobKind("echo")!, user: "alice", payload: text))
  }

  @Test("removes a payload that nobody refers to any more once it is old enough, and no other")
  @EventLoop func payload() async throws {
    let broker = try await openBroker()
    let known = try await keep(), orphan = try await keep()
    _ = try await broker.enqueue(known)
    let clock = ManualClock(at: .now)
    let upkeep = upkeep(over: broker, quiet) { clock.now }
    clock.advance(by: hour * 23)
    await upkeep.sweep()
    #expect(files == [known.id.description, orphan.id.description])
    clock.advance(by: hour * 2)
    await upkeep.sweep()
    #expect(files == [known.id.description])
    #expect(try await broker.remove(known.id))
    await upkeep.sweep()
    #expect(files == [known.id.description], "a sweep vouched for it a moment ago")
    clock.advance(by: hour * 25)
    await upkeep.sweep()
    #expect(files.isEmpty)
    await broker.close()
  }

  @Test("removes no payload for half an hour after the start, however old it is")
  @EventLoop func forbearance() async throws {
    let broker = try await openBroker()
    let orphan = try await keep()
    let clock = ManualClock(at: .now + hour * 48)
    let upkeep = upkeep(over: broker, quiet) { clock.now }
    clock.advance(by: StoreUpkeep.forbearance - .seconds(1))
    await upkeep.sweep()
    #expect(files == [orphan.id.description])
    clock.advance(by: .seconds(1))
    await upkeep.sweep()
    #expect(files.isEmpty)
    await broker.close()
  }

  @Test("removes the folder of a run that a killed worker left, and none of a run that goes on")
  @EventLoop func work() async throws {
    let broker = try await openBroker()
    let store = payloads.files
    func leased() async throws -> LeasedJob {
      _ = try await broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice"))
      return try #require(
        try await broker.lease(from: [.default], limit: 1, for: .seconds(30), by: WorkerID("worker")!).first)
    }
    func folder(of job: JobID, _ token: UInt64) async throws -> String {
      let path = try await store.makeWorkFolder(job: job, token: token)
      try Data("half".utf8).write(to: URL(fileURLWithPath: "\(path)/clip.mp4"))
      return (path as NSString).lastPathComponent
    }
    let running = try await leased(), ended = try await leased()
    _ = try await broker.settle(ended.lease, .complete(nil))
    let kept = try await folder(of: running.lease.job, running.lease.token)
    let left = try await folder(of: ended.lease.job, ended.lease.token), forgotten = try await folder(of: JobID(), 1)
    let busy = try await folder(of: JobID(), 2)
    let clock = ManualClock(at: .now)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: 20 * 3600)], ofItemAtPath: "\(store.workFolder)/\(busy)/clip.mp4")
    func standing() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: store.workFolder))
    }
    let upkeep = upkeep(over: broker, quiet) { clock.now }
    clock.advance(by: hour * 23)
    await upkeep.sweep()
    #expect(try standing() == [kept, left, forgotten, busy])
    clock.advance(by: hour * 2)
    await upkeep.sweep()
    #expect(try standing() == [kept, busy], "something was written in the one, the other's job runs")
    _ = try await broker.settle(running.lease, .complete(nil))
    clock.advance(by: hour * 20)
    await upkeep.sweep()
    #expect(try standing().isEmpty)
    await broker.close()
  }

  @Test("removes what forgotten jobs left in a bucket, and sweeps the disk also while that is away")
  @EventLoop func bucket() async throws {
    let server = try await ObjectServer.start()
    let shelf = ArtifactShelf(
      try ObjectBucket(
        ObjectBucket.Settings(
          name: ObjectServer.bucket, endpoint: server.endpoint, accessKey: server.accessKey,
          secretKey: server.secretKey, isPathStyle: true, allowsPrivateAddresses: true)))
    let payloads = PayloadStore(
      files: ArtifactStore(root: folder.path("store"), shelf: shelf), inlineLimit: 2000)
    let broker = try await openBroker()
    let known = JobRequest(kind: JobKind("echo")!, user: "alice")
    _ = try await broker.enqueue(known)
    let forgotten = JobID()
    let name = ArtifactName("out")!
    for job in [known.id, forgotten] {
      _ = try await payloads.files.publish(
        try folder.write("x", to: "x"), as: name, job: job, kind: known.kind, token: 1, owner: "alice")
    }
    let clock = ManualClock(at: .now)
    let upkeep = upkeep(of: payloads, over: broker, quiet) { clock.now }
    await upkeep.sweep()
    #expect(try await payloads.files.artifact(of: forgotten, name: name) != nil)
    clock.advance(by: hour * 25)
    await upkeep.sweep()
    #expect(try await payloads.files.artifact(of: forgotten, name: name) == nil)
    #expect(try await payloads.files.artifact(of: known.id, name: name) != nil)
    _ = try await keep()
    clock.advance(by: hour * 25)
    try await server.misbehave(.init(.refuses, "GET", "list-type", times: 9))
    await upkeep.sweep()
    #expect(files.isEmpty)
    await broker.close()
  }

  @Test("sweeps by itself, again and again, until it is stopped")
  @EventLoop func timer() async throws {
    let broker = try await openBroker()
    let clock = ManualClock(at: .now)
    let count = Mutex(0)
    let (sweeps, swept) = AsyncStream.makeStream(of: Void.self)
    let (lines, told) = AsyncStream.makeStream(of: String.self)
    // Each sweep asks once what time it is.
    let upkeep = upkeep(
      over: broker, every: .milliseconds(1), Logger(label: "test") { _ in Telling(told: told) }
    ) {
      count.withLock { $0 += 1 }
      swept.yield()
      return clock.now
    }
    _ = try await keep()
    clock.advance(by: hour * 48)
    var line = lines.makeAsyncIterator()
    let first = await line.next(isolation: #isolation)
    #expect(first == "files were removed")
    #expect(files.isEmpty)
    var sweep = sweeps.makeAsyncIterator()
    for _ in 0..<10 { await sweep.next(isolation: #isolation) }
    upkeep.stop()
    let before = count.withLock { $0 }
    let ticks = Arrivals<Void>()
    let timer = LoopTimer(every: .milliseconds(1)) { ticks.append(()) }
    try await ticks.values(atLeast: 50)
    timer.stop()
    #expect(count.withLock { $0 } <= before + 1, "one may have been on its way")
    await broker.close()
  }
}
