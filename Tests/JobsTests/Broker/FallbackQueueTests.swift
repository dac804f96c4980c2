import EventLoop
import Jobs
import Support
import Testing

@Suite("Queues while the shared broker is away", .timeLimit(.minutes(1)))
struct FallbackQueueTests {
  private let folder = TemporaryFolder()

  private func setting(_ change: (inout QueueSettings) -> Void) -> QueueSettings {
    var settings = QueueSettings()
    change(&settings)
    return settings
  }

  @Test("give out nothing where they were paused, and are shown so")
  @EventLoop func paused() async throws {
    let pair = try await FallbackPair.open(folder)
    _ = try await pair.broker.set(.mail, to: QueueSettings(), ifVersion: nil)
    let status = try await pair.broker.setMode(of: .mail, to: .paused)
    pair.goAway()
    let job = try await pair.broker.accept()
    #expect(try await pair.broker.next() == nil)
    let shown = try #require(try await pair.broker.queue(.mail))
    #expect(shown.mode == .paused && shown.modeSince == status.modeSince && shown.version == status.version)
    #expect(shown.counts[.queued] == 1, "what is kept here")
    await pair.comeBack()
    _ = try await pair.broker.setMode(of: .mail, to: .active)
    pair.goAway()
    let next = try await pair.broker.accept()
    #expect(try await pair.broker.next()?.lease.job == next.id)
    await pair.comeBack()
    #expect(try await pair.broker.next()?.lease.job == job.id)
    await pair.broker.close()
  }

  @Test("take nothing where they were drained, but answer repeats", arguments: [QueueMode.draining, .drainingBacklog])
  @EventLoop func draining(_ mode: QueueMode) async throws {
    let pair = try await FallbackPair.open(folder)
    // One that runs, else the drain is done.
    try await pair.broker.accept()
    let lease = try #require(try await pair.broker.next()).lease
    pair.goAway()
    let earlier = JobRequest.example()
    try await pair.broker.accept(earlier)
    let here = try #require(try await pair.broker.next()).lease
    await pair.comeBack()
    _ = try await pair.broker.setMode(of: .mail, to: mode)
    pair.goAway()
    await #expect(throws: BrokerError.queueDraining) { try await pair.broker.accept() }
    #expect(try await pair.broker.enqueue(earlier).match == .id)
    #expect(try await pair.broker.queue(.mail)?.mode == mode)
    #expect(try await pair.broker.queue(.mail)?.settings == QueueSettings())
    let other = try await pair.broker.accept(.example(queue: .video))
    await #expect(throws: BrokerError.queueDraining) { try await pair.broker.redrive(other.id, to: .mail) }
    try await pair.broker.end(here)
    await pair.comeBack()
    try await pair.broker.end(lease)
    await pair.broker.close()
  }

  @Test("have their defaults and bounds, also after a restart in the middle of the absence")
  @EventLoop func settings() async throws {
    var pair = try await FallbackPair.open(folder)
    let settings = setting {
      $0.maxWaiting = 2
      $0.defaults.timeout = .seconds(7)
      $0.defaults.maxAttempts = 7
      $0.order = .lifo
      $0.completed.count = 0
    }
    _ = try await pair.shared.set(.mail, to: settings, ifVersion: nil)
    await pair.broker.mirrorNow()
    await pair.broker.close()
    pair = try await FallbackPair.open(folder, isUp: false)
    let request = JobRequest.example { $0.maxAttempts = nil }
    let first = try await pair.broker.accept(request)
    #expect(first.maxAttempts == 7)
    let second = try await pair.broker.accept()
    await #expect(throws: BrokerError.queueFull(limit: 2)) { try await pair.broker.accept() }
    let leased = try #require(try await pair.broker.next())
    #expect(leased.lease.job == second.id, "the newest first")
    #expect(leased.timeout == .seconds(7))
    try await pair.broker.end(leased.lease)
    #expect(try await pair.broker.job(second.id)?.state == .completed, "kept until it is handed over")
    await pair.comeBack()
    #expect(try await pair.shared.find(first.id).maxAttempts == 7)
    await pair.broker.close()
  }

  @Test("forget what they were set to when the shared broker has")
  @EventLoop func lifted() async throws {
    let pair = try await FallbackPair.open(folder)
    let settings = setting { $0.maxWaiting = 1 }
    _ = try await pair.broker.set(.mail, to: settings, ifVersion: nil)
    _ = try await pair.broker.set(.video, to: settings, ifVersion: nil)
    // As another gateway does it.
    try await pair.shared.delete(.mail)
    _ = try await pair.shared.set(.video, to: QueueSettings(), ifVersion: nil)
    await pair.broker.mirrorNow()
    pair.goAway()
    for _ in 0..<2 {
      try await pair.broker.accept()
      try await pair.broker.accept(.example(queue: .video))
    }
    await pair.broker.close()
  }

  @Test("run no more at once than they may, those of the shared broker included")
  @EventLoop func concurrency() async throws {
    let pair = try await FallbackPair.open(folder)
    _ = try await pair.broker.set(.mail, to: setting { $0.concurrency = 2 }, ifVersion: nil)
    try await pair.broker.accept()
    let there = try #require(try await pair.broker.next()).lease
    pair.goAway()
    for _ in 0..<3 { try await pair.broker.accept() }
    try await pair.broker.accept(.example(queue: .video))
    let taken = try await pair.broker.lease(from: [.mail, .video], limit: 5, for: .seconds(30), by: .a)
    #expect(taken.map(\.lease.queue) == [.mail, .video])
    #expect(try await pair.broker.next() == nil)
    // Its run is over, though nobody can be told.
    await #expect(throws: BrokerError.unavailable) { try await pair.broker.settle(there, .complete(nil)) }
    #expect(try await pair.broker.next() != nil)
    #expect(try await pair.broker.next() == nil)
    try await pair.broker.end(try #require(taken.first).lease)
    #expect(try await pair.broker.next() != nil)
    await pair.broker.close()
  }

  @Test("stand in a backup as the shared broker has them, and once")
  @EventLoop func archived() async throws {
    let pair = try await FallbackPair.open(folder)
    let settings = setting {
      $0.isFair = true
      $0.maxWaiting = 9
      $0.failed.count = 3
    }
    _ = try await pair.broker.set(.mail, to: settings, ifVersion: nil)
    try await pair.broker.accept()
    let lease = try #require(try await pair.broker.next()).lease
    _ = try await pair.broker.setMode(of: .mail, to: .draining)
    let wanted = ArchiveEntry.queue(.mail, settings, .draining)
    func queues() async throws -> [ArchiveEntry] {
      try await pair.broker.wholeArchive(limit: 1).filter { if case .queue = $0 { true } else { false } }
    }
    #expect(try await queues() == [wanted])
    pair.goAway()
    #expect(try await queues() == [wanted])
    await pair.comeBack()
    try await pair.broker.end(lease)
    await pair.broker.close()
  }
}
