import EventLoop
import Jobs
import Support
import Testing

@Suite("What is seen of a broker with another behind it", .timeLimit(.minutes(1)))
struct FallbackViewTests {
  private let folder = TemporaryFolder()

  private func report(_ id: WorkerID = .a, _ mode: WorkerMode = .running) -> WorkerReport {
    WorkerReport(
      id: id, host: "h", process: 1, version: "v", queues: [.mail], kinds: [.example], slots: 2, memory: 0,
      startedAt: .now, mode: mode)
  }

  /// Accepts a job at a moment of its own: whose acceptance was first is then plain to see.
  @EventLoop private func accept(_ broker: any Broker, _ request: JobRequest = .example()) async throws -> JobID {
    let job = try await broker.accept(request)
    while Timestamp.now <= job.createdAt { await Task.yield() }
    return job.id
  }

  @Test("the workers of this process are known while the shared one is away, with the jobs of both")
  @EventLoop func workers() async throws {
    let pair = try await FallbackPair.open(folder)
    try await pair.broker.accept()
    let there = try #require(try await pair.broker.next()).lease
    _ = try await pair.broker.beat(report(), renewing: [there], for: .seconds(30))
    _ = try await pair.shared.beat(report(.b), renewing: [], for: .seconds(30))
    #expect(try await pair.broker.workers().map(\.report.id) == [.a, .b])
    pair.goAway()
    try await pair.broker.accept()
    let here = try #require(try await pair.broker.next()).lease
    _ = try await pair.broker.beat(report(.a, .quiet), renewing: [there, here], for: .seconds(30))
    let away = try await pair.broker.workers()
    #expect(away.map(\.report.id) == [.a], "what others do is not known")
    #expect(Set(away[0].jobs) == [there.job, here.job])
    #expect(!away[0].isLost && away[0].wanted == .quiet)
    await pair.comeBack()
    _ = try await pair.broker.beat(report(), renewing: [there, here], for: .seconds(30))
    let back = try await pair.broker.workers()
    #expect(back.map(\.report.id) == [.a, .b])
    #expect(Set(back[0].jobs) == [there.job, here.job])
    try await pair.broker.dismiss(.a)
    #expect(try await pair.broker.workers().map(\.report.id) == [.b])
    pair.goAway()
    #expect(try await pair.broker.workers().isEmpty)
    await pair.broker.close()
  }

  @Test("a local job that still runs is counted and listed among the others when the shared one is back")
  @EventLoop func running() async throws {
    let pair = try await FallbackPair.open(folder)
    let first = try await accept(pair.broker, .example(priority: .low))
    pair.goAway()
    let local = try await accept(pair.broker)
    let lease = try #require(try await pair.broker.next()).lease
    await pair.comeBack()
    let last = try await accept(pair.broker, .example(priority: .low))
    #expect(try await pair.shared.job(local) == nil)
    #expect(try await pair.broker.jobs(matching: JobFilter()).jobs.map(\.id) == [last, local, first])
    #expect(try await pair.broker.jobs(matching: JobFilter(states: [.running])).jobs.map(\.id) == [local])
    let status = try #require(try await pair.broker.queue(.mail))
    #expect(status.running == 1 && status.waiting == 2)
    #expect(try await pair.broker.queues() == [status])
    try await pair.broker.end(lease)
    await pair.comeBack()
    #expect(try await pair.broker.queue(.mail) == pair.shared.queue(.mail))
    #expect(try await pair.broker.jobs(matching: JobFilter()).jobs.map(\.id) == [last, local, first])
    await pair.broker.close()
  }

  @Test("pages show every job of both once, newest first, whatever their size", arguments: [1, 2, 3, 200])
  @EventLoop func pages(_ limit: Int) async throws {
    let pair = try await FallbackPair.open(folder)
    var wanted: [JobID] = []
    var leases: [Lease] = []
    func fill(_ count: Int) async throws {
      for _ in 0..<count { wanted.insert(try await accept(pair.broker), at: 0) }
    }
    for _ in 0..<2 {
      try await fill(3)
      pair.goAway()
      try await fill(2)
      for _ in 0..<2 { leases.append(try #require(try await pair.broker.next()).lease) }
      await pair.comeBack()
    }
    try await fill(1)
    #expect(leases.count == 4 && Set(leases.map(\.job)).count == 4)
    var filter = JobFilter(limit: limit)
    var shown: [JobID] = []
    var pages = 0
    repeat {
      let page = try await pair.broker.jobs(matching: filter)
      #expect(page.jobs.count <= limit)
      shown += page.jobs.map(\.id)
      filter.cursor = page.next
      pages += 1
      // One is handed over meanwhile.
      if pages == 2, let lease = leases.popLast() {
        try await pair.broker.end(lease)
        await pair.comeBack()
      }
    } while filter.cursor != nil && pages < 50
    #expect(shown == wanted)
    await pair.broker.close()
  }
}
