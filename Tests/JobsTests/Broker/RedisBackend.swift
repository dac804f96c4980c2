import EventLoop
import Foundation
import Jobs
import Logging
import Redis
import Support

/// The Redis that the contract is run on: one server for all its tests, below a prefix for each.
enum RedisBackend {
  private static let server = Task { try await RedisServer.start() }

  /// Runs `body` with a broker on keys of its own, and closes it after.
  static func withBroker(_ body: (any Broker, BrokerTime) async throws -> Void) async throws {
    try await withBroker(on: try await server.value, .real, body)
  }

  /// The same with a server of its own, whose time jumps.
  static func withShiftedBroker(
    _ body: (any Broker, BrokerTime) async throws -> Void
  ) async throws {
    let clock = ShiftedClock()
    try await withBroker(on: try await RedisServer.start(clock: clock), .shifted(clock), body)
  }

  private static func withBroker(
    on server: RedisServer, _ time: BrokerTime,
    _ body: (any Broker, BrokerTime) async throws -> Void
  ) async throws {
    let broker = await RedisBroker(
      endpoint: server.endpoint, prefix: "\(UUID().uuidString):", logger: Logger(label: "test"))
    try await broker.start()
    do {
      try await body(broker, time)
    } catch {
      await broker.close()
      throw error
    }
    await broker.close()
  }
}
