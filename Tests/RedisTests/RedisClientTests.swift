import EventLoop
import Logging
import Redis
import Support
import Testing

@Suite("A Redis client", .timeLimit(.minutes(1))) @EventLoop struct RedisClientTests {
  private func client(
    of server: RedisServer, answersWithin limit: Duration = .seconds(5)
  ) -> RedisClient {
    RedisClient(
      endpoint: server.endpoint, answersWithin: limit, logger: Logger(label: "test"))
  }

  /// A function with this body.
  private func function(_ name: String, _ body: String) -> RedisFunction {
    RedisFunction(
      name: name, library: "#!lua name=\(name)\nredis.register_function(\"\(name)\", function(KEYS, ARGV) \(body) end)")
  }

  @Test("gives Redis a function that it does not have, and again when it was flushed")
  func functions() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    let sum = function("sum", "return ARGV[1] + #KEYS")
    #expect(
      try await client.call(sum, keys: ["a", "b"], arguments: [Array("40".utf8)]) == .integer(42))
    try await server.ask(RedisCommand("FUNCTION", "FLUSH"))
    #expect(try await client.call(sum, keys: ["a"], arguments: [Array("1".utf8)]) == .integer(2))
  }

  @Test("gives Redis a function once, however many ask for it")
  func functionLoadedOnce() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    let same = function("same", "return ARGV[1]")
    for round in 1...2 {
      let runs = (0..<100).map { number in
        Task { @EventLoop in try await client.call(same, keys: [], arguments: [Array("\(number)".utf8)]) }
      }
      for (number, run) in runs.enumerated() {
        #expect(try await run.value.text == "\(number)")
      }
      let statistics = try await server.ask(RedisCommand("INFO", "commandstats")).text ?? ""
      #expect(statistics.contains("cmdstat_function|load:calls=\(round),"))
      try await server.ask(RedisCommand("FUNCTION", "FLUSH"))
    }
    client.close()
  }

  @Test("fails at once while Redis is away, and comes back by itself")
  func reconnecting() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    let one = function("one", "return 1")
    #expect(try await client.call(one, keys: []) == .integer(1))
    await server.kill()
    // Until the loss is noticed a command may go out; none is answered.
    await #expect(throws: RedisError.unavailable) {
      _ = try await client.send(RedisCommand("PING"))
    }
    await #expect(throws: RedisError.unavailable) {
      _ = try await client.send(RedisCommand("PING"))
    }
    #expect(!client.isConnected)
    try await server.restart()
    await client.waitUntilConnected(upTo: .seconds(30))
    #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
    #expect(try await client.call(one, keys: []) == .integer(1))
    client.close()
  }

  @Test("that could not start goes on trying")
  func lateStart() async throws {
    let server = try await RedisServer.start()
    await server.kill()
    let client = client(of: server)
    await #expect(throws: RedisError.unavailable) { try await client.start() }
    try await server.restart()
    await client.waitUntilConnected(upTo: .seconds(30))
    #expect(client.isConnected)
    client.close()
  }

  @Test("drops a connection that does not answer, and finds Redis again")
  func stalled() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server, answersWithin: .seconds(2))
    try await client.start()
    await server.pause()
    await #expect(throws: RedisError.unavailable) {
      _ = try await client.send(RedisCommand("PING"))
    }
    await server.resume()
    await client.waitUntilConnected(upTo: .seconds(30))
    #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
    client.close()
  }

  @Test("takes a Redis that became a replica for one that is away")
  func demotion() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    // A replica of nobody it can reach refuses to write.
    try await server.ask(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
    await #expect(throws: RedisError.unavailable) {
      _ = try await client.send(RedisCommand("SET", "k", "v"))
    }
    try await server.ask(RedisCommand("REPLICAOF", "NO", "ONE"))
    await client.waitUntilConnected(upTo: .seconds(30))
    #expect(try await client.send(RedisCommand("SET", "k", "v")) == .status("OK"))
    client.close()
  }

  @Test("waits on a connection of its own: others are answered meanwhile")
  func blocking() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    async let popped = client.block(on: RedisCommand("BLPOP", "list", "30"), for: .seconds(30))
    #expect(try await client.send(RedisCommand("RPUSH", "list", "x")) == .integer(1))
    #expect(try await popped == .array([.bytes(Array("list".utf8)), .bytes(Array("x".utf8))]))
    client.close()
  }

  @Test("stops waiting when its task is cancelled")
  func cancelledBlocking() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    let waiting = Task {
      try await client.block(on: RedisCommand("BLPOP", "l", "0"), for: .seconds(600))
    }
    waiting.cancel()
    await #expect(throws: RedisError.unavailable) { _ = try await waiting.value }
    client.close()
  }
  @Test("ends what waits when it is closed")
  func closedBlocking() async throws {
    let server = try await RedisServer.start()
    let client = client(of: server)
    try await client.start()
    let waiting = Task {
      try await client.block(on: RedisCommand("BLPOP", "l", "0"), for: .seconds(600))
    }
    while try await server.ask(RedisCommand("INFO", "clients")).text?.contains("blocked_clients:1") != true {}
    client.close()
    await #expect(throws: RedisError.unavailable) { _ = try await waiting.value }
  }
}
