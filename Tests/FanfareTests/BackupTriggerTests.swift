import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Synchronization
import Testing

@testable import Fanfare

/// When a gateway backs up, and when it takes a backup in: on a real broker, with nothing around it.
@Suite("Backups of a gateway", .timeLimit(.minutes(1))) struct BackupTriggerTests {
  @EventLoop private final class Gateway: RunningGateway {
    var port: Int { 4711 }
    func stopAdmitting() {}
    func reload() async {}
    func drain(within time: Duration) async {}
  }

  @EventLoop private final class Upkeep: RunningUpkeep {
    func stop() {}
  }

  private struct Failure: Error {}

  private let folder = TemporaryFolder()

  private var configuration: Configuration {
    var configuration = Configuration()
    configuration.broker.folder = folder.path("state")
    configuration.workers.embedded = 0
    configuration.backup.interval = .seconds(3600)
    return configuration
  }

  private var backups: [String] {
    (try? BackupKeeper.wholeBackups(in: folder.path("state/backups"))) ?? []
  }

  private var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

  /// Serves; `during` is done while the gateway runs, and ends it.
  private func serve(
    _ configuration: Configuration, _ during: @escaping @Sendable (any Broker) async throws -> Void
  ) async throws {
    try await serve(configuration) { broker, _ in try await during(broker) }
  }

  private func serve(
    _ configuration: Configuration,
    _ during: @escaping @Sendable (any Broker, BackupKeeper) async throws -> Void
  ) async throws {
    let stop = await EventLoop.run { StopSignal() }
    let logger = quiet
    let composition = Composition(
      broker: { _, state in try await EmbeddedBroker.open(at: state.journal, logger: logger) },
      upkeep: { _, _, _ in await EventLoop.run { Upkeep() } },
      gateway: { _, _, _, broker, keeper in
        try await during(broker, keeper)
        await EventLoop.run { stop.receive() }
        return await EventLoop.run { Gateway() }
      },
      workers: { _, _, _ in throw Failure() })
    try await Bootstrap(configuration, environment: [:], composition: composition, say: { _ in })
      .serve(until: stop)
  }

  private func verify(_ name: String) async throws -> BackupFile.Summary {
    try await BackupFile.verify(folder.path("state/backups/\(name)"))
  }

  private static let job = JobRequest(kind: JobKind("echo")!, user: "alice")

  @Test("one is written at the end")
  func atEnd() async throws {
    try await serve(configuration) { _ = try await $0.enqueue(Self.job) }
    #expect(backups.count == 1)
    #expect(try await verify(backups[0]).jobs == 1)
  }

  @Test("one is written when the start fails")
  func failedStart() async throws {
    await #expect(throws: Failure.self) {
      try await serve(configuration) {
        _ = try await $0.enqueue(Self.job)
        throw Failure()
      }
    }
    #expect(backups.count == 1)
    #expect(try await verify(backups[0]).jobs == 1)
  }

  @Test("one is written at the start behind a process that did not end in order, and only then")
  func behindCrash() async throws {
    try await serve(configuration) { _ in #expect(self.backups.isEmpty) }
    let marks = { [folder] in
      try FileManager.default.contentsOfDirectory(atPath: folder.path("state")).filter { $0.hasPrefix("running") }
    }
    #expect(try marks().isEmpty)
    // As a process of this number left it that was killed: no other has the number now.
    _ = FileManager.default.createFile(atPath: folder.path("state/running.\(getpid())"), contents: nil)
    let before = backups.count
    try await serve(configuration) { _ in #expect(self.backups.count == before + 1) }
    #expect(try marks().isEmpty)
  }

  @Test("without a clock they are written at the end and when asked for, and taken in, all the same")
  func withoutClock() async throws {
    var configuration = configuration
    configuration.backup.interval = .zero
    let asked = Mutex<[String]>([])
    try await serve(configuration) { broker, keeper in
      _ = try await broker.enqueue(Self.job)
      let name = URL(fileURLWithPath: try await keeper.backUp().path).lastPathComponent
      let kept = try await keeper.kept()
      #expect(kept.map(\.name) == [name])
      asked.withLock { $0.append(name) }
      let restored = try await keeper.restore(name)
      #expect(restored?.1.known == 2)
    }
    #expect(backups.count == 1 && backups != asked.withLock { $0 }, "that of the end")
    #expect(try await verify(backups[0]).jobs == 1)
  }

  @Test("the newest is taken in at the start of an empty broker, where that is wanted")
  func restoredAtStart() async throws {
    try await serve(configuration) { _ = try await $0.enqueue(Self.job) }
    try FileManager.default.removeItem(atPath: folder.path("state/jobs"))
    let name = try #require(backups.first)
    try await serve(configuration) { broker in
      let job = try await broker.job(Self.job.id)
      #expect(job == nil)
    }
    #expect(backups.contains(name), "nobody asked for it")

    var configuration = configuration
    configuration.backup.restore = true
    try await serve(configuration) { broker in
      let job = try await broker.job(Self.job.id)
      #expect(job?.state == .queued)
    }
    #expect(!backups.contains(name))
    #expect(FileManager.default.fileExists(atPath: folder.path("state/backups/\(name).restored")))
    let count = backups.count
    // It has something now: what it has stays.
    try await serve(configuration) { _ in #expect(self.backups.count == count) }
  }
}
