import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

/// What a user's watchers are told after an interruption.
@Suite("What a user's watchers missed", .timeLimit(.minutes(1))) @EventLoop struct RedisMissedJobsTests {
  /// Runs `body` with a broker behind a proxy, one beside it that is not disturbed, 60 jobs of alice that wait and
  /// what her watcher heard.
  private func run(
    _ body: @EventLoop (RedisServer, RedisProxy, RedisBroker, RedisBroker, Arrivals<Delivery>) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let proxy = try RedisProxy(of: server)
    let broker = RedisBroker(endpoint: proxy.endpoint, logger: .silent)
    let other = RedisBroker(endpoint: server.endpoint, logger: .silent)
    try await broker.start()
    try await other.start()
    for _ in 0..<60 { try await other.accept(.example(queue: .video)) }
    let heard = Arrivals<Delivery>()
    let subscription = try await broker.subscribe(to: .user("alice")) { heard.append($0) }
    try await body(server, proxy, broker, other, heard)
    subscription.cancel()
    await broker.close()
    await other.close()
    proxy.close()
  }

  /// What happens meanwhile is not heard.
  private func interrupt(
    _ server: RedisServer, _ proxy: RedisProxy, _ happening: @EventLoop () async throws -> Void
  ) async throws {
    proxy.deafenSubscribers()
    try await happening()
    try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
  }

  private func snapshots(in deliveries: [Delivery]) -> [Job] {
    deliveries.compactMap { if case .snapshot(let job) = $0 { job } else { nil } }
  }

  @Test("is every end, however many jobs have not ended")
  func ends() async throws {
    try await run { server, proxy, broker, other, heard in
      var ended: Set<JobID> = []
      try await interrupt(server, proxy) {
        for settlement in [.complete(nil), .cancel(.example), .fail(.example, retry: .never)] as [Settlement] {
          try await other.accept()
          ended.insert(try await other.work(settlement))
        }
        // Somebody else's is no business of alice's.
        try await other.accept(.example(user: "bob"))
        try await other.work()
      }
      while !broker.isDelivering || heard.values.isEmpty { await EventLoop.pause(for: .milliseconds(5)) }
      let told = snapshots(in: heard.values)
      let ends = told.filter(\.state.isTerminal)
      #expect(ends.count == 3 && Set(ends.map(\.id)) == ended)
      #expect(told.count == 63 && told.allSatisfy { $0.user == "alice" })
    }
  }

  @Test("is said to be incomplete where more ended than is looked at")
  func incomplete() async throws {
    try await run { server, proxy, broker, other, heard in
      broker.missedLimit = 2
      try await interrupt(server, proxy) {
        for _ in 0..<3 {
          try await other.accept(.example(user: "bob"))
          try await other.work()
        }
      }
      try await heard.values { $0.last == .incomplete }
      #expect(heard.values.count { $0 == .incomplete } == 1)
      while !broker.isDelivering { await EventLoop.pause(for: .milliseconds(5)) }
    }
  }
}
