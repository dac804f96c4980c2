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
    let broker = await RedisBroker(
      endpoint: try await server.value.endpoint, prefix: "\(UUID().uuidString):",
      logger: Logger(label: "test"))
    try await broker.start()
    do {
      try await body(broker, .real)
    } catch {
      await broker.close()
      throw error
    }
    await broker.close()
  }
}
