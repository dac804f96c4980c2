import EventLoop
import Logging
import Redis
import Support
import Testing

@Suite("A Redis subscriber", .timeLimit(.minutes(1))) @EventLoop struct RedisSubscriberTests {
  /// Runs `body` with a server, a subscriber of it that was started, and what is told of its
  /// connection, `live` and `lost`.
  private func withSubscriber(
    silence: Duration = .seconds(10),
    _ body: @EventLoop (RedisServer, RedisSubscriber, Arrivals<String>) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let subscriber = subscriber(of: server, silence: silence)
    let turns = Arrivals<String>()
    subscriber.onLive = { turns.append("live") }
    subscriber.onLost = { turns.append("lost") }
    subscriber.start()
    defer { subscriber.close() }
    try await body(server, subscriber, turns)
  }

  private func subscriber(
    of server: RedisServer, silence: Duration = .seconds(10)
  ) -> RedisSubscriber {
    RedisSubscriber(endpoint: server.endpoint, silence: silence, logger: Logger(label: "test"))
  }

  private func publish(_ text: String, to channel: String, on server: RedisServer) async throws {
    try await server.ask(RedisCommand("PUBLISH", channel, text))
  }

  private func text(_ message: [UInt8]) -> String { String(decoding: message, as: UTF8.self) }

  @Test("delivers what is published after it said that it listens")
  func delivery() async throws {
    try await withSubscriber { server, subscriber, _ in
      let heard = Arrivals<String>()
      let subscription = try await subscriber.subscribe(to: "news") { heard.append(text($0)) }
      try await publish("one", to: "news", on: server)
      try await publish("else", to: "other", on: server)
      try await publish("two", to: "news", on: server)
      #expect(try await heard.values(atLeast: 2) == ["one", "two"])
      subscription.cancel()
    }
  }

  @Test("tells who waits with a limit that Redis is silent, and the next at once")
  func limited() async throws {
    try await withSubscriber { server, subscriber, turns in
      _ = try await turns.values(atLeast: 1)
      await server.pause()
      await #expect(throws: RedisError.unavailable) {
        try await subscriber.subscribe(to: "news", within: .milliseconds(50)) { _ in }
      }
      // It is known by now: the limit, which is longer than the test may last, is not waited for.
      await #expect(throws: RedisError.unavailable) {
        try await subscriber.subscribe(to: "other", within: .seconds(3600)) { _ in }
      }
      await server.resume()
      let heard = Arrivals<String>()
      _ = try await subscriber.subscribe(to: "news") { heard.append(text($0)) }
      _ = try await subscriber.subscribe(to: "other", within: .seconds(30)) { heard.append(text($0)) }
      try await publish("one", to: "news", on: server)
      try await publish("two", to: "other", on: server)
      #expect(try await heard.values(atLeast: 2) == ["one", "two"])
    }
  }

  @Test("subscribes once for many listeners, until the last has left")
  func counting() async throws {
    try await withSubscriber { server, subscriber, _ in
      let heard = Arrivals<String>()
      let first = try await subscriber.subscribe(to: "news") { heard.append("first " + text($0)) }
      let second = try await subscriber.subscribe(to: "news") { heard.append("second " + text($0)) }
      #expect(try await server.ask(RedisCommand("PUBLISH", "news", "a")) == .integer(1))
      #expect(try await heard.values(atLeast: 2) == ["first a", "second a"])
      first.cancel()
      first.cancel()
      #expect(try await server.ask(RedisCommand("PUBLISH", "news", "b")) == .integer(1))
      #expect(try await heard.values(atLeast: 3).last == "second b")
      second.cancel()
      // The unsubscription lies before this subscription on the same connection.
      let last = try await subscriber.subscribe(to: "other") { _ in }
      #expect(try await server.ask(RedisCommand("PUBLISH", "news", "c")) == .integer(0))
      last.cancel()
    }
  }

  @Test("a listener may cancel itself and others from within a message")
  func cancellingInside() async throws {
    try await withSubscriber { server, subscriber, _ in
      let heard = Arrivals<String>()
      let subscriptions = Arrivals<RedisSubscription>()
      for name in ["a", "b"] {
        subscriptions.append(
          try await subscriber.subscribe(to: "news") { _ in
            heard.append(name)
            for subscription in subscriptions.values { subscription.cancel() }
          })
      }
      let control = try await subscriber.subscribe(to: "control") { heard.append(text($0)) }
      try await publish("x", to: "news", on: server)
      try await publish("end", to: "control", on: server)
      #expect(try await heard.values { $0.contains("end") } == ["a", "end"])
      control.cancel()
    }
  }

  @Test("listens again to every channel after its connection was killed")
  func resubscribing() async throws {
    try await withSubscriber { server, subscriber, turns in
      let heard = Arrivals<String>()
      for number in 1...1200 {
        // Kept by the subscriber: letting the object go does not end the subscription.
        _ = try await subscriber.subscribe(to: "c\(number)") { heard.append(text($0)) }
      }
      try await server.ask(RedisCommand("CONFIG", "RESETSTAT"))
      try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
      try await turns.values(atLeast: 3)
      #expect(turns.values == ["live", "lost", "live"])
      let commands = try await server.ask(RedisCommand("INFO", "commandstats")).text ?? ""
      // Five hundred in each, and the one of its own that is always there.
      #expect(commands.contains("cmdstat_subscribe:calls=4,"))
      #expect(subscriber.isLive)
      for number in [1, 600, 1200] { try await publish("\(number)", to: "c\(number)", on: server) }
      #expect(try await heard.values(atLeast: 3) == ["1", "600", "1200"])
    }
  }

  @Test("a subscription asked for while Redis is away stands when it is back")
  func whileAway() async throws {
    try await withSubscriber { server, subscriber, turns in
      try await turns.values(atLeast: 1)
      await server.kill()
      try await turns.values(atLeast: 2)
      let heard = Arrivals<String>()
      async let subscription = subscriber.subscribe(to: "news") { heard.append(text($0)) }
      try await server.restart()
      _ = try await subscription
      try await publish("hello", to: "news", on: server)
      #expect(try await heard.values(atLeast: 1) == ["hello"])
    }
  }

  @Test("notices a connection on which nothing comes any more")
  func halfOpen() async throws {
    try await withSubscriber(silence: .seconds(2)) { server, subscriber, turns in
      try await turns.values(atLeast: 1)
      // The socket stays open, nobody answers behind it.
      await server.pause()
      try await turns.values { $0.contains("lost") }
      #expect(!subscriber.isLive)
      await server.resume()
      try await turns.values { $0.last == "live" }
    }
  }

  @Test("survives many PINGs between messages")
  func heartbeats() async throws {
    try await withSubscriber(silence: .seconds(2)) { server, subscriber, turns in
      let heard = Arrivals<String>()
      let subscription = try await subscriber.subscribe(to: "news") { heard.append(text($0)) }
      for number in 1...300 {
        subscriber.ping()
        try await publish("\(number)", to: "news", on: server)
      }
      #expect(try await heard.values(atLeast: 300) == (1...300).map(String.init))
      #expect(turns.values == ["live"])
      subscription.cancel()
    }
  }

  @Test("lets each who waits for its connection wait for its own time")
  func waitingForLife() async throws {
    let server = try await RedisServer.start()
    await server.kill()
    let subscriber = subscriber(of: server)
    let turns = Arrivals<String>()
    subscriber.onLive = { turns.append("live") }
    subscriber.start()
    let patient = Task {
      await subscriber.waitUntilLive(upTo: .seconds(600))
      turns.append("patient")
    }
    await subscriber.waitUntilLive(upTo: .milliseconds(1))
    #expect(turns.values.isEmpty)
    try await server.restart()
    await patient.value
    #expect(try await turns.values(atLeast: 2).sorted() == ["live", "patient"])
    subscriber.close()
  }

  @Test("who waits for a subscription when it is closed is told")
  func closing() async throws {
    let server = try await RedisServer.start()
    await server.kill()
    let subscriber = subscriber(of: server)
    subscriber.start()
    let waiting = Task { @EventLoop in
      do throws(RedisError) {
        _ = try await subscriber.subscribe(to: "news") { _ in }
        return true
      } catch { return false }
    }
    await Task.yield()
    subscriber.close()
    #expect(await waiting.value == false)
  }
}
