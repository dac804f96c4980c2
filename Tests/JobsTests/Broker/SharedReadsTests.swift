import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("Reads that are asked for together", .timeLimit(.minutes(1))) @EventLoop
struct SharedReadsTests {
  /// What was read, in order; each answer tells the how-many-th read it is.
  @EventLoop private final class Source {
    private(set) var asked: [String] = []
    var failure: BrokerError?

    func read(_ request: String) throws(BrokerError) -> Int {
      asked.append(request)
      if let failure { throw failure }
      return asked.count
    }
  }

  private func answers(
    of reads: SharedReads<String, Int>, to requests: [String]
  ) async -> [Result<Int, BrokerError>] {
    let asking = requests.map { request in
      Task { @EventLoop () -> Result<Int, BrokerError> in
        do throws(BrokerError) { return .success(try await reads.answer(to: request)) } catch { return .failure(error) }
      }
    }
    var answers: [Result<Int, BrokerError>] = []
    for one in asking { answers.append(await one.value) }
    return answers
  }

  @Test("are made once for equal requests of a turn, and anew for who asks later")
  func shared() async throws {
    let source = Source()
    let reads = SharedReads<String, Int> { request throws(BrokerError) in try source.read(request) }
    let first = await answers(of: reads, to: ["a", "b", "a", "a"])
    #expect(source.asked == ["a", "b"])
    #expect(first == [.success(1), .success(2), .success(1), .success(1)])
    #expect(await answers(of: reads, to: ["a"]) == [.success(3)])
  }

  @Test("fail for all who asked, and for nobody after them")
  func failed() async throws {
    let source = Source()
    let reads = SharedReads<String, Int> { request throws(BrokerError) in try source.read(request) }
    source.failure = .unavailable
    #expect(await answers(of: reads, to: ["a", "a"]) == [.failure(.unavailable), .failure(.unavailable)])
    source.failure = nil
    #expect(await answers(of: reads, to: ["a"]) == [.success(2)])
  }

  @Test("who asks while the read is under way has one of its own: an answer is never older than its request")
  func underWay() async throws {
    let gate = Bell()
    let source = Source()
    let begun = Bell()
    let reads = SharedReads<String, Int> { request throws(BrokerError) in
      let answer = try source.read(request)
      begun.ring()
      if answer == 1 { await gate.wait() }
      return answer
    }
    let early = Task { @EventLoop in await answers(of: reads, to: ["a"]) }
    await begun.wait()
    #expect(await answers(of: reads, to: ["a"]) == [.success(2)])
    gate.ring()
    #expect(await early.value == [.success(1)])
  }

  @Test("are listings: Redis is asked once for those of one user")
  func listings() async throws {
    let server = try await RedisServer.start()
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    _ = try await broker.enqueue(.example(user: "bob"))
    try await server.ask(RedisCommand("CONFIG", "RESETSTAT"))
    let asking = (0..<20).map { index in
      Task { @EventLoop in
        try await broker.jobs(matching: JobFilter(user: index % 2 == 0 ? "bob" : "nobody")).jobs.count
      }
    }
    var counts: [Int] = []
    for one in asking { counts.append(try await one.value) }
    #expect(counts == (0..<20).map { $0 % 2 == 0 ? 1 : 0 })
    let calls = try await server.ask(RedisCommand("INFO", "commandstats")).text ?? ""
    #expect(calls.contains("cmdstat_fcall:calls=2,"), "\(calls)")
    await broker.close()
  }
}
