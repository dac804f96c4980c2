import EventLoop
import Jobs
import Logging
import Support
import Testing

@testable import Gateway

@Suite("Presence over all gateways", .timeLimit(.minutes(1))) @EventLoop struct NodePresenceTests {
  /// Runs `body` with two gateways on one Redis, which know of each other.
  private func run(
    _ body: @EventLoop (SessionHarness, SessionHarness, RedisBroker, RedisServer) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    func broker() async throws -> RedisBroker {
      // Far beyond what is waited for an answer of a node.
      let broker = RedisBroker(
        endpoint: server.endpoint, prefix: "presence:", answersWithin: .seconds(300), logger: .quiet)
      try await broker.start()
      return broker
    }
    try await SessionHarness.run(
      settings: {
        $0.node = "here"
        $0.requestLimit = 1000
      }, over: try await broker()
    ) { here in
      let second = try await broker()
      try await SessionHarness.run(settings: { $0.node = "there" }, over: second) { there in
        while try await second.nodes().count < 2 { await EventLoop.pause(for: .milliseconds(20)) }
        try await body(here, there, second, server)
        await there.gateway.leave()
      }
    }
    await server.kill()
  }

  /// Has users watch the channel, a socket each.
  private func watch(_ channel: Channel, _ users: [String], on harness: SessionHarness) async throws -> [FakeConnection]
  {
    var connections: [FakeConnection] = []
    for user in users {
      let (session, connection) = try await harness.connect(user, scopes: [.admin])
      session.tell(#"{"id":2,"subscribe":{"channel":"\#(channel)"}}"#)
      #expect(try json(await connection.frames(2)[1])["subscribe"] != nil)
      connections.append(connection)
    }
    return connections
  }

  private func ask(_ verb: String, _ channel: Channel, on harness: SessionHarness) async throws -> JSONValue? {
    let (session, connection) = try await harness.connect("root", scopes: [.admin])
    session.tell(#"{"id":2,"\#(verb)":{"channel":"\#(channel)"}}"#)
    let reply = try json(await connection.frames(2)[1])
    session.connectionClosed()
    return reply[verb]
  }

  @Test("counts and lists those of each, a user on two of them once")
  func both() async throws {
    try await run { here, there, _, _ in
      let channel = Channel.user("alice")
      let sockets = try await watch(channel, ["alice", "bob"], on: here) + watch(channel, ["bob", "carol"], on: there)
      for harness in [here, there] {
        let stats = try await ask("presence_stats", channel, on: harness)
        #expect(stats?["num_clients"]?.int == 4 && stats?["num_users"]?.int == 3)
        let present = try await ask("presence", channel, on: harness)?["presence"]?.object ?? []
        #expect(present.compactMap { $0.value["user"]?.string }.sorted() == ["alice", "bob", "bob", "carol"])
        #expect(present.allSatisfy { $0.value["client"]?.string == $0.name })
      }
      #expect(sockets.allSatisfy { $0.closed == nil })
    }
  }

  @Test("is told without one that does not answer, in time")
  func silent() async throws {
    try await run { here, there, broker, server in
      let channel = Channel.user("alice")
      _ = try await watch(channel, ["alice"], on: here)
      _ = try await watch(channel, ["bob"], on: there)
      try await broker.beat(
        NodeReport(id: NodeID("gone"), host: "", process: 1, version: "", startedAt: .now), for: .seconds(600))
      let stats = try await ask("presence_stats", channel, on: here)
      #expect(stats?["num_clients"]?.int == 2)
      let result = await here.gateway.node.survey("presence", about: channel.description, within: .milliseconds(100))
      #expect(result.missing == 1 && !result.isWhole && result.answers.count == 2)
      // Not even who is there can be asked.
      await server.pause()
      let alone = await here.gateway.environment.presence.present(on: channel)
      let cut = await here.gateway.node.survey("presence", about: channel.description, within: .milliseconds(100))
      await server.resume()
      #expect(alone.map(\.user) == ["alice"])
      #expect(!cut.couldAsk && !cut.isWhole && cut.answers.count == 1)
    }
  }

  @Test("counts all of a gateway that cannot name them all")
  func many() async throws {
    try await run { here, there, _, _ in
      let channel = Channel.user("alice")
      let users = (0..<80).map { "\(String(repeating: "\"", count: 60))\($0)" }
      for user in users {
        let client = PresentWatcher(PresentClient(id: user, user: user))
        _ = try await there.gateway.hub.join(channel, client)
      }
      let count = await here.gateway.environment.presence.count(on: channel)
      #expect(count == PresenceCount(clients: 80, users: 80))
      let listed = await here.gateway.environment.presence.present(on: channel)
      #expect(!listed.isEmpty && listed.count < 80 && Set(listed.map(\.id)).isSubset(of: users))
      #expect(await there.gateway.environment.presence.present(on: channel).count == 80)
    }
  }
}

/// Somebody who watches, and no more.
@EventLoop
private final class PresentWatcher: WatchingClient {
  let present: PresentClient?

  init(_ present: PresentClient) { self.present = present }

  func receive(_ batch: PublicationBatch) {}
  func lost(_ subscription: Subscription) {}
}
