import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

/// Redis's time is the machine's: here each script adds to it what stands in a key.
@Suite("The Redis broker when the clock jumps", .timeLimit(.minutes(1))) @EventLoop
struct RedisBrokerClockTests {
  private let keys = RedisKeys(prefix: "fanfare:", partition: 0)

  private func broker(on server: RedisServer) async throws -> RedisBroker {
    var includes = RedisScripts.includes
    includes["includes/now"] = Array(
      """
      local time = redis.call("TIME")
      local micros = time[1] * 1000000 + time[2] + 1000000 * (redis.call("GET", "\(keys.tag)shift") or 0)
      local now = math.floor(micros / 1000)
      """.utf8)
    let broker = RedisBroker(
      endpoint: server.endpoint, keys: keys, scripts: RedisScripts(keys: keys, includes: includes),
      answersWithin: .seconds(5), logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  private func jump(_ seconds: Int, _ server: RedisServer) async throws {
    try await server.ask(RedisCommand("SET", "\(keys.tag)shift", "\(seconds)"))
  }

  @Test("keeps order, leases and numbers when it jumps back")
  func back() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let running = try await broker.accept()
    let lease = try #require(try await broker.next(for: .seconds(30))).lease
    let second = try await broker.accept()
    let later = try await broker.accept(.example { $0.start = .after(.seconds(60)) })
    _ = try await broker.maintain()
    try await jump(-3600, server)
    let third = try await broker.accept()
    #expect(third.createdAt >= second.createdAt && third.updatedAt >= third.createdAt)
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    #expect(try await broker.maintain() == MaintenanceReport())
    let leased = try #require(try await broker.next()).lease
    #expect(leased.job == second.id)
    #expect(try await broker.end(leased, .release) == .queued)
    let again = try #require(try await broker.next()).lease
    #expect(again.job == second.id && again.token > leased.token)
    #expect(try await broker.settle(leased, .complete(nil)) == .leaseLost)
    #expect(try await broker.next()?.lease.job == third.id)
    #expect(try await broker.end(lease) == .completed)
    #expect(try await broker.find(running.id).position.offset == 3)
    #expect(try await broker.find(later.id).state == .scheduled)
    let listed = try await broker.allJobs(matching: JobFilter()).map(\.id)
    #expect(listed == [third, later, second, running].map(\.id))
    await broker.close()
  }

  @Test("pardons leases once when it jumps forward, and runs what has become due")
  func forward() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let rules = LossRules(amnesty: .seconds(30))
    let running = try await broker.accept()
    let lease = try #require(try await broker.next(for: .seconds(30))).lease
    let later = try await broker.accept(.example { $0.start = .after(.seconds(7200)) })
    _ = try await broker.maintain(limit: 100, rules)
    try await jump(7201, server)
    let report = try await broker.maintain(limit: 100, rules)
    #expect(report.pardoned == 1 && report.requeued.isEmpty)
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    #expect(try await broker.next()?.lease.job == later.id)
    #expect(try await broker.end(lease) == .completed)
    #expect(try await broker.find(running.id).lostDeliveries == 0)
    await broker.close()
  }
}
