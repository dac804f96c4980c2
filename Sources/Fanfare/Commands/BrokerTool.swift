import EventLoop
import Foundation
import Jobs
import Logging

/// A broker opened by a command for itself, without a gateway, and closed after.
struct BrokerTool {
  let configuration: Configuration
  let state: StateFolder

  init(_ configuration: Configuration) {
    var configuration = configuration
    // A command has no time to wait for a broker's return.
    configuration.broker.fallback = .reject
    self.configuration = configuration
    state = StateFolder(configuration, environment: ProcessInfo.processInfo.environment)
  }

  /// Runs `body` with the configured broker. A Redis may be shared with gateways that work; the folder of an
  /// embedded broker is the gateway's own while it runs.
  func withBroker<Value: Sendable>(
    _ body: (any Broker) async throws -> Value
  ) async throws -> Value {
    LogOutput.install(configuration.log)
    try state.create()
    let broker = try await Composition.standard.broker(configuration, state)
    do {
      guard await broker.isAvailable() else {
        throw CommandFailure(
          description: "the broker \(configuration.broker.publicURL) cannot be reached")
      }
      let value = try await body(broker)
      await broker.close()
      return value
    } catch {
      await broker.close()
      throw error
    }
  }

  /// The payloads that the broker's records do not hold.
  func payloads() throws -> PayloadStore { try Composition.payloads(configuration, state) }

  /// Where backups are kept.
  var backups: String {
    configuration.backup.folder.isEmpty ? state.backups : configuration.backup.folder
  }
}
