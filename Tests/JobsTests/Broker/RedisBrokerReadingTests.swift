import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("A damaged record", .timeLimit(.minutes(1))) @EventLoop
struct RedisBrokerReadingTests {
  /// Runs `body` with a broker on a Redis of its own, which knows three jobs: the second is bytes that are no record,
  /// the third a record of another form.
  private func run(
    _ body: @EventLoop (RedisBroker, RedisServer, _ whole: Job, _ damaged: [JobID]) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    let jobs = [
      try await broker.enqueue(.example()).job, try await broker.enqueue(.example()).job,
      try await broker.enqueue(.example(user: "bob")).job,
    ]
    try await body(broker, server, jobs[0], [jobs[1].id, jobs[2].id])
    await broker.close()
  }

  private func damage(_ ids: [JobID], of broker: RedisBroker) async throws {
    for (id, bytes) in zip(ids, [[0xC1, 0xFF], [0xDC, 0x00, 0x01, 0x01]] as [[UInt8]]) {
      var command = RedisCommand("HSET", broker.keys.key(.jobs), id.key)
      command.append(bytes)
      _ = try await broker.client.send(command)
    }
  }

  /// What a job is read as, or why not.
  private func look(_ id: JobID, in broker: RedisBroker) async -> Result<JobState?, BrokerError> {
    do throws(BrokerError) { return .success(try await broker.job(id)?.state) } catch { return .failure(error) }
  }

  @Test("fails alone: those that are asked for with it are read")
  func alone() async throws {
    try await run { broker, _, whole, damaged in
      try await damage(damaged, of: broker)
      let unknown = JobID()
      for _ in 0..<3 {
        // In one turn, and so in one call.
        let looks = [damaged[0], whole.id, damaged[1], unknown].map { id in
          Task { @EventLoop in await look(id, in: broker) }
        }
        var answers: [Result<JobState?, BrokerError>] = []
        for look in looks { answers.append(await look.value) }
        #expect(answers[1] == .success(.queued))
        #expect(answers[3] == .success(nil))
        for answer in [answers[0], answers[2]] {
          guard case .failure(.corrupt) = answer else {
            Issue.record("read as \(answer)")
            continue
          }
        }
      }
    }
  }

  @Test("keeps nobody else's watchers from being told after an interruption")
  func reconciling() async throws {
    try await run { broker, server, whole, damaged in
      let told = Arrivals<Delivery>()
      for id in damaged { _ = try await broker.subscribe(to: .job(id)) { _ in } }
      _ = try await broker.subscribe(to: .user("bob")) { _ in }
      _ = try await broker.subscribe(to: .job(whole.id)) { told.append($0) }
      try await damage(damaged, of: broker)
      let changes = Arrivals<Bool>()
      broker.whenDeliveryChanges { changes.append(broker.isDelivering) }
      try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
      guard case .snapshot(let job) = try await told.values(atLeast: 1)[0] else {
        Issue.record("no snapshot")
        return
      }
      #expect(job.id == whole.id)
      try await changes.values(until: { $0.last == true })
      #expect(broker.isDelivering)
    }
  }
}
