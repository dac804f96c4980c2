import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("Requests that come together", .timeLimit(.minutes(1))) @EventLoop
struct CallBatcherTests {
  /// Answers a call when it is told to.
  @EventLoop
  private final class Caller {
    private(set) var calls: [[JobRequest]] = []
    private var open: [Int: CheckedContinuation<Result<[RedisValue], BrokerError>, Never>] = [:]
    private let called = AsyncStream<Void>.makeStream()

    func send(_ requests: [JobRequest]) async throws(BrokerError) -> [RedisValue] {
      let number = calls.count
      calls.append(requests)
      called.continuation.yield()
      return try await withCheckedContinuation { open[number] = $0 }.get()
    }

    /// A batcher whose calls come here.
    func batcher() -> CallBatcher<JobRequest, RedisValue> {
      CallBatcher(size: { $0.payload.bytes.count }) { requests throws(BrokerError) in
        try await self.send(requests)
      }
    }

    /// Waits for one call more.
    func waitForCall() async { for await _ in called.stream { return } }

    func answer(_ number: Int, _ result: Result<[RedisValue], BrokerError>? = nil) {
      let ids = calls[number].map { RedisValue.bytes(Array($0.id.key.utf8)) }
      open.removeValue(forKey: number)?.resume(returning: result ?? .success(ids))
    }
  }

  private func submit(
    _ requests: [JobRequest], to batcher: CallBatcher<JobRequest, RedisValue>
  ) -> [Task<Result<RedisValue, BrokerError>, Never>] {
    requests.map { request in
      Task { @EventLoop in
        do throws(BrokerError) {
          return .success(try await batcher.answer(to: request))
        } catch { return .failure(error) }
      }
    }
  }

  @Test("of one turn go together, in their order, in no more than two calls at a time")
  func gather() async throws {
    let caller = Caller()
    let batcher = caller.batcher()
    let requests = (0..<100).map { _ in JobRequest.example() }
    let tasks = submit(requests, to: batcher)
    for _ in 0..<2 { await caller.waitForCall() }
    #expect(caller.calls.map { $0.map(\.id) } == [requests[..<32], requests[32..<64]].map { $0.map(\.id) })
    caller.answer(1)
    await caller.waitForCall()
    #expect(caller.calls[2].map(\.id) == requests[64..<96].map(\.id))
    caller.answer(0)
    await caller.waitForCall()
    #expect(caller.calls[3].map(\.id) == requests[96...].map(\.id))
    caller.answer(3)
    caller.answer(2)
    for (request, task) in zip(requests, tasks) {
      #expect(try await task.value.get().text == request.id.key)
    }
    let last = submit([.example()], to: batcher)
    await caller.waitForCall()
    caller.answer(4)
    #expect(try await last[0].value.get().text == caller.calls[4][0].id.key)
  }

  @Test("are joined by those of who was just answered")
  func again() async throws {
    let caller = Caller()
    let batcher = caller.batcher()
    let tasks = (0..<8).map { _ in
      Task { @EventLoop in
        for _ in 0..<3 { _ = try await batcher.answer(to: .example()) }
      }
    }
    for number in 0..<3 {
      await caller.waitForCall()
      caller.answer(number)
    }
    for task in tasks { try await task.value }
    #expect(caller.calls.map(\.count) == [8, 8, 8])
  }

  @Test("are cut where they would be too large for one call")
  func large() async throws {
    let caller = Caller()
    let batcher = caller.batcher()
    let payload = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 100_000))\"".utf8))
    let tasks = submit((0..<7).map { _ in JobRequest.example(payload: payload) }, to: batcher)
    for _ in 0..<2 { await caller.waitForCall() }
    caller.answer(0)
    await caller.waitForCall()
    #expect(caller.calls.map(\.count) == [3, 3, 1])
    for number in 1..<3 { caller.answer(number) }
    for task in tasks { _ = try await task.value.get() }
  }

  @Test("fail together where their call fails, and the next goes on")
  func failure() async throws {
    let caller = Caller()
    let batcher = caller.batcher()
    let tasks = submit((0..<40).map { _ in .example() }, to: batcher)
    for _ in 0..<2 { await caller.waitForCall() }
    caller.answer(0, .failure(.unavailable))
    caller.answer(1)
    var failures: [Bool] = []
    for task in tasks { failures.append(await task.value == .failure(.unavailable)) }
    #expect(failures == Array(repeating: true, count: 32) + Array(repeating: false, count: 8))
    let next = submit([.example()], to: batcher)
    await caller.waitForCall()
    caller.answer(2)
    #expect(try await next[0].value.get().text != nil)
  }

  @Test("are accepted beside one that cannot be")
  func oneFails() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    // The listing of one user's jobs is a text: nothing can be added to it.
    try await server.ask(RedisCommand("SET", broker.keys.key(.users, "mallory"), "no listing"))
    let requests = (0..<20).map { number in
      JobRequest.example(user: number % 5 == 4 ? "mallory" : "alice")
    }
    let tasks = submit(requests, to: broker.submissions)
    for (request, task) in zip(requests, tasks) {
      let answer = try await task.value.get().elements ?? []
      #expect(answer.first?.text == (request.user == "mallory" ? "failed" : "accepted"))
    }
    var refused = JobRequest.example(user: "mallory")
    refused.uniqueKey = "k"
    do throws(BrokerError) {
      _ = try await broker.enqueue(refused)
      Issue.record("it was accepted")
    } catch .corrupt(let why) {
      #expect(why.contains("WRONGTYPE"))
      #expect(why.hasPrefix("\(broker.scripts.enqueue.name): "), "\(why)")
    } catch { throw error }
    #expect(try await broker.find(.mail).totals.accepted == 16)
    let listed = try await broker.jobs(matching: JobFilter(user: "alice", limit: 100)).jobs
    #expect(Set(listed.map(\.id)) == Set(requests.filter { $0.user == "alice" }.map(\.id)))
    // What failed left its number in the listing of all; accepted in the end, it is listed once.
    try await server.ask(RedisCommand("DEL", broker.keys.key(.users, "mallory")))
    try await broker.accept(refused)
    let all = try await broker.jobs(matching: JobFilter(limit: 100)).jobs
    #expect(all.map(\.id).filter { $0 == refused.id }.count == 1)
    await broker.close()
  }

  @Test("are listed all, though the one whose number begins a piece of the listing failed midway")
  func firstFails() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    // Limits of jobs' times are a text: a job with a limit cannot be accepted.
    let limits = broker.keys.key(.limits)
    try await server.ask(RedisCommand("SET", limits, "no set"))
    var failing = JobRequest.example()
    failing.totalTimeout = .seconds(600)
    let requests = [failing] + (0..<3).map { _ in JobRequest.example() }
    let tasks = submit(requests, to: broker.submissions)
    var answers: [String?] = []
    for task in tasks { answers.append(try await task.value.get().elements?.first?.text) }
    #expect(answers == ["failed", "accepted", "accepted", "accepted"])
    func listed() async throws -> [JobID] {
      try await broker.jobs(matching: JobFilter(limit: 100)).jobs.map(\.id)
    }
    #expect(try await listed() == requests.dropFirst().reversed().map(\.id))
    try await server.ask(RedisCommand("DEL", limits))
    try await broker.accept(failing)
    #expect(try await listed() == [failing.id] + requests.dropFirst().reversed().map(\.id))
    await broker.close()
  }

  @Test("are none of them changed before it was accepted, though their numbers run ahead of the clock")
  func aheadOfTheClock() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    let ahead = Timestamp.now + .seconds(60)
    let sequence = (ahead.milliseconds - 1_735_689_600_000) * 1000
    try await server.ask(
      RedisCommand("HSET", broker.keys.key(.numbers), "sequence", "\(sequence)", "number", "0"))
    let job = try await broker.accept()
    #expect(job.createdAt == ahead && job.updatedAt == job.createdAt)
    let lease = try #require(try await broker.next()).lease
    #expect(try await broker.find(job.id).updatedAt == job.createdAt)
    try await broker.end(lease)
    let ended = try await broker.find(job.id)
    #expect(ended.updatedAt >= ended.createdAt)
    await broker.close()
  }
}
