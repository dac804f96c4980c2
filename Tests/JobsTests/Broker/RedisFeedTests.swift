import EventLoop
import Jobs
import Logging
import Redis
import Support
import Testing

@Suite("The feed in Redis", .timeLimit(.minutes(1)))
struct RedisFeedTests {
  @Test("costs jobs that nobody follows nothing, and others an entry a change")
  func cost() async throws {
    let server = try await RedisServer.start()
    let broker = await RedisBroker(endpoint: server.endpoint, canary: (.seconds(60), .seconds(60)), logger: .silent)
    try await broker.start()
    func calls(_ command: String) async throws -> Int {
      let text = try await server.ask(RedisCommand("INFO", "commandstats")).text ?? ""
      let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_\(command):calls=") }
      return line.flatMap { Int($0.split(separator: "=")[1].prefix { $0.isNumber }) } ?? 0
    }
    /// How often each of these was called for a job from its acceptance to its end.
    func cost(of request: JobRequest) async throws -> [Int] {
      let commands = ["xadd", "hget", "hset"]
      var before: [Int] = []
      for command in commands { before.append(try await calls(command)) }
      try await broker.accept(request)
      try await broker.work()
      var cost: [Int] = []
      for (index, command) in commands.enumerated() { cost.append(try await calls(command) - before[index]) }
      return cost
    }
    // The first of all makes its queue.
    try await broker.accept()
    try await broker.work()
    let plain = try await cost(of: .example())
    #expect(plain[0] == 0)
    #expect(try await server.ask(RedisCommand("EXISTS", "fanfare:{p0}fd")).integer == 0)
    let followed = try await cost(of: .example { $0.isRecorded = true })
    #expect(followed[0] == 3 && followed[2] == plain[2], "accepted, begun, ended")
    await broker.close()
  }
}
