import EventLoop
import Redis
import Support
import Testing

@Suite("A connection to Redis", .timeLimit(.minutes(1))) @EventLoop struct RedisConnectionTests {
  @Test("carries any bytes there and back")
  func bytes() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    let value = (0...255).map { UInt8($0) } + Array(repeating: 7, count: 300_000)
    var command = RedisCommand("ECHO")
    command.append(value)
    #expect(try await connection.send(command) == .bytes(value))
  }

  @Test("tells the types of answers apart")
  func types() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    #expect(try await connection.send(RedisCommand("SET", "k", "v")) == .status("OK"))
    #expect(try await connection.send(RedisCommand("GET", "k")) == .bytes(Array("v".utf8)))
    #expect(try await connection.send(RedisCommand("GET", "none")) == .null)
    #expect(try await connection.send(RedisCommand("DEL", "k")) == .integer(1))
    let script = "return {1, 'two', {false}, redis.error_reply('NO way')}"
    #expect(
      try await connection.send(RedisCommand("EVAL", script, "0"))
        == .array([
          .integer(1), .bytes(Array("two".utf8)), .array([.null]), .error(RedisFailure("NO way")),
        ]))
  }

  @Test("throws an error that Redis answers")
  func refusal() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    _ = try await connection.send(RedisCommand("SET", "k", "v"))
    do {
      _ = try await connection.send(RedisCommand("LPUSH", "k", "v"))
      Issue.record("a list command on a string was carried out")
    } catch .refused(let failure) {
      #expect(failure.code == "WRONGTYPE")
    }
  }

  @Test("answers the commands of a turn in their order, after one write")
  func pipelining() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    let answers = Arrivals<Int64>()
    for _ in 1...1000 {
      connection.send(RedisCommand("INCR", "n")) { result in
        if case .success(.integer(let number)) = result { answers.append(number) }
      }
    }
    let readsBefore = connection.reads
    #expect(try await answers.values(atLeast: 1000) == Array(1...1000))
    // A thousand round trips would have been a thousand reads.
    #expect(connection.reads - readsBefore < 100)
  }

  @Test("goes over the loopback, by name too", arguments: ["127.0.0.1", "localhost"])
  func loopback(_ host: String) async throws {
    let server = try await RedisServer.start()
    guard case .tcp(_, let port) = server.portEndpoint.address else { return }
    let connection = try await RedisConnection.open(
      to: RedisEndpoint(.tcp(host: host, port: port)))
    #expect(try await connection.send(RedisCommand("PING")) == .status("PONG"))
  }

  @Test("introduces itself with user and password")
  func authentication() async throws {
    let server = try await RedisServer.start(password: "secret")
    var endpoint = server.endpoint
    let connection = try await RedisConnection.open(to: endpoint)
    _ = try await connection.send(
      RedisCommand("ACL", "SETUSER", "anna", "on", ">word", "~*", "+@all"))
    endpoint.user = "anna"
    endpoint.password = "word"
    let hers = try await RedisConnection.open(to: endpoint)
    #expect(try await hers.send(RedisCommand("ACL", "WHOAMI")).text == "anna")
  }

  @Test("is refused with a wrong password")
  func wrongPassword() async throws {
    let server = try await RedisServer.start(password: "secret")
    var endpoint = server.endpoint
    endpoint.password = "guess"
    do {
      _ = try await RedisConnection.open(to: endpoint)
      Issue.record("a wrong password opened the door")
    } catch .refused(let failure) {
      #expect(failure.code == "WRONGPASS")
    }
  }

  @Test("chooses its database")
  func database() async throws {
    let server = try await RedisServer.start()
    var endpoint = server.endpoint
    endpoint.database = 3
    let third = try await RedisConnection.open(to: endpoint)
    _ = try await third.send(RedisCommand("SET", "k", "v"))
    let zeroth = try await RedisConnection.open(to: server.endpoint)
    #expect(try await zeroth.send(RedisCommand("EXISTS", "k")) == .integer(0))
    #expect(try await third.send(RedisCommand("EXISTS", "k")) == .integer(1))
  }

  @Test("cannot be opened where nobody listens")
  func nobody() async throws {
    let server = try await RedisServer.start()
    await server.kill()
    for endpoint in [server.endpoint, server.portEndpoint] {
      await #expect(throws: RedisError.unavailable) {
        _ = try await RedisConnection.open(to: endpoint)
      }
    }
  }

  @Test("gives up opening where nobody answers")
  func silentOpening() async throws {
    let server = try await RedisServer.start()
    await server.pause()
    await #expect(throws: RedisError.unavailable) {
      _ = try await RedisConnection.open(to: server.portEndpoint, answersWithin: .milliseconds(50))
    }
    await server.resume()
  }

  @Test("fails what is under way when Redis dies, and says so once")
  func death() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    let ends = Arrivals<Bool>()
    connection.onClose = { ends.append(true) }
    let failures = Arrivals<RedisError>()
    connection.send(RedisCommand("BLPOP", "never", "0")) { result in
      if case .failure(let error) = result { failures.append(error) }
    }
    await server.kill()
    #expect(try await failures.values(atLeast: 1) == [.unavailable])
    #expect(try await ends.values(atLeast: 1) == [true])
    #expect(!connection.isOpen)
    await #expect(throws: RedisError.unavailable) {
      _ = try await connection.send(RedisCommand("PING"))
    }
  }

  @Test("ends when an answer does not come in time")
  func silence() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    await server.pause()
    connection.limitAnswers(to: .milliseconds(200))
    await #expect(throws: RedisError.unavailable) {
      _ = try await connection.send(RedisCommand("PING"))
    }
    #expect(!connection.isOpen)
    await server.resume()
  }

  @Test("may be closed from within an answer")
  func closingInside() async throws {
    let server = try await RedisServer.start()
    let connection = try await RedisConnection.open(to: server.endpoint)
    let results = Arrivals<Bool>()
    for _ in 1...3 {
      connection.send(RedisCommand("PING")) { result in
        if case .success = result { results.append(true) } else { results.append(false) }
        connection.close()
      }
    }
    #expect(try await results.values(atLeast: 3) == [true, false, false])
  }
}
