import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

/// The push path between Redis and a broker, and what may break it without a word.
@Suite("The push path of the Redis broker", .timeLimit(.minutes(1))) @EventLoop
struct RedisDeliveryTests {
  /// What a watcher heard of its job, and when the broker said that it delivers, or not.
  @EventLoop private struct Watch {
    let job: JobID
    let states = Arrivals<JobState>()
    let delivering = Arrivals<Bool>()
  }

  /// Runs `body` with a broker behind a proxy that watches a job, and one beside it that is not disturbed.
  private func run(
    _ body: @EventLoop (RedisServer, RedisProxy, RedisBroker, RedisBroker, Watch) async throws -> Void
  ) async throws {
    let server = try await RedisServer.start()
    let proxy = try RedisProxy(of: server)
    let broker = RedisBroker(
      endpoint: proxy.endpoint, answersWithin: .seconds(20),
      canary: (interval: .milliseconds(50), patience: .milliseconds(400)), logger: .silent)
    let other = RedisBroker(endpoint: server.endpoint, logger: .silent)
    try await broker.start()
    try await other.start()
    let watch = Watch(job: try await other.enqueue(.example()).job.id)
    broker.whenDeliveryChanges { watch.delivering.append(broker.isDelivering) }
    let subscription = try await broker.subscribe(to: .job(watch.job)) { delivery in
      switch delivery {
      case .event(let event): watch.states.append(event.state)
      case .snapshot(let job): watch.states.append(job.state)
      case .group, .incomplete: break
      }
    }
    try await body(server, proxy, broker, other, watch)
    subscription.cancel()
    await broker.close()
    await other.close()
    proxy.close()
  }

  @Test("measures how long it takes")
  func delay() async throws {
    try await run { _, _, broker, _, _ in
      while broker.deliveryReport.delay == nil { await EventLoop.pause(for: .milliseconds(5)) }
      #expect(broker.isDelivering && broker.deliveryReport.interruptions == 0)
    }
  }

  @Test("is mended where the connection is half open, and what was missed is made up for")
  func halfOpen() async throws {
    try await run { _, proxy, broker, other, watch in
      proxy.deafenSubscribers()
      try await other.work()
      // Commands work all the while: nothing but the canary tells.
      try await watch.states.values { $0.last == .completed }
      try await watch.delivering.values { $0.contains(false) && $0.last == true }
      #expect(broker.isDelivering && broker.deliveryReport.interruptions == 1)
    }
  }

  @Test("is mended where Redis ended the subscriptions behind our back", arguments: [true, false])
  func unsubscribed(all: Bool) async throws {
    try await run { _, proxy, broker, other, watch in
      let channel = broker.keys.channel(.job(watch.job))
      proxy.sayForSubscribers(
        all
          ? "*1\r\n$11\r\nUNSUBSCRIBE\r\n"
          : "*2\r\n$11\r\nUNSUBSCRIBE\r\n$\(channel.utf8.count)\r\n\(channel)\r\n")
      try await watch.delivering.values { $0.contains(false) && $0.last == true }
      try await other.work()
      try await watch.states.values { $0.last == .completed }
      #expect(broker.deliveryReport.interruptions == 1)
    }
  }

  @Test("is mended after CLIENT KILL TYPE pubsub in the middle of a job")
  func killed() async throws {
    try await run { server, _, broker, other, watch in
      let lease = try #require(try await other.next()).lease
      try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
      try await other.end(lease)
      try await watch.states.values { $0.last == .completed }
      try await watch.delivering.values { $0.last == true }
      #expect(watch.states.values.count { $0 == .completed } >= 1)
    }
  }

  @Test("is said to be interrupted while Redis stands still, and to go on without a reconnect")
  func stopped() async throws {
    try await run { server, _, broker, other, watch in
      // Subscribed and heard from, so that there is a canary that can be late.
      while broker.deliveryReport.delay == nil { await EventLoop.pause(for: .milliseconds(5)) }
      await server.pause()
      try await watch.delivering.values { $0.last == false }
      #expect(!broker.isDelivering)
      await server.resume()
      try await watch.delivering.values { $0.last == true }
      try await other.work()
      try await watch.states.values { $0.last == .completed }
      #expect(broker.deliveryReport.interruptions == 0, "its connection stayed, nothing was lost")
    }
  }

  @Test("counts connections that Redis ended for their output, where it tells")
  func outputLimits() {
    let info = "# Stats\r\ntotal_connections_received:7\r\nclient_output_buffer_limit_disconnections:3\r\n"
    #expect(RedisBroker.outputLimitLosses(in: info) == 3)
    #expect(RedisBroker.outputLimitLosses(in: "# Stats\r\nevicted_clients:1\r\n") == nil)
  }
}
