import EventLoop
import Jobs
import Logging
import Support
import Testing

@testable import Fanfare

@Suite("What a kind needs of its queue", .timeLimit(.minutes(1))) struct QueueProvisionTests {
  private let folder = TemporaryFolder()
  private let provision = QueueProvision(queue: QueueName("demucs")!, concurrency: 2, maxAttempts: 1)
  private var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

  private func broker() async throws -> EmbeddedBroker {
    try await EmbeddedBroker.open(at: folder.path("broker"), logger: quiet)
  }

  @Test("is set where nobody has, once")
  @EventLoop func unset() async throws {
    let broker = try await broker()
    try await provision.make(in: broker)
    let status = try #require(try await broker.queue(provision.queue))
    #expect(status.settings.concurrency == 2 && status.settings.defaults.maxAttempts == 1)
    try await provision.make(in: broker)
    #expect(try await broker.queue(provision.queue)?.version == status.version)
    await broker.close()
  }

  @Test("is set for a queue that only jobs have named")
  @EventLoop func named() async throws {
    let broker = try await broker()
    _ = try await broker.enqueue(JobRequest(queue: provision.queue, kind: JobKind("demucs")!, user: "alice"))
    try await provision.make(in: broker)
    #expect(try await broker.queue(provision.queue)?.settings.concurrency == 2)
    await broker.close()
  }

  @Test("leaves what an operator set, and adds the limit where there is none")
  @EventLoop func set() async throws {
    let broker = try await broker()
    var settings = QueueSettings()
    settings.concurrency = 7
    settings.defaults.maxAttempts = 4
    _ = try await broker.set(provision.queue, to: settings, ifVersion: 0)
    try await provision.make(in: broker)
    #expect(try await broker.queue(provision.queue)?.settings == settings)
    settings.concurrency = nil
    _ = try await broker.set(provision.queue, to: settings, ifVersion: nil)
    try await provision.make(in: broker)
    let found = try #require(try await broker.queue(provision.queue)).settings
    #expect(found.concurrency == 2 && found.defaults.maxAttempts == 4)
    await broker.close()
  }

  @Test("comes of the kinds that are switched on")
  func kinds() {
    var workers = WorkersConfiguration()
    #expect(workers.provisions.isEmpty && workers.served == ["default"])
    workers.demucs.enabled = true
    workers.slideshow.queue = "video_generation"
    #expect(workers.served == ["default", "video_generation", "demucs"])
    #expect(workers.provisions.map(\.queue.description) == ["demucs", "video_generation"])
    #expect(workers.provisions.map(\.concurrency) == [2, nil])
  }
}
