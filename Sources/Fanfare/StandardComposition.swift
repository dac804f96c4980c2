import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Redis
import Web
import Workers

/// The parts of the shipped program: all that ties the command line to the concrete broker, gateway
/// and workers.
extension Composition {
  static let standard = Composition(
    broker: { configuration, state in try await openBroker(configuration, state) },
    upkeep: { configuration, state, broker in
      let payloads = try payloads(configuration, state)
      return await EventLoop.run { BrokerUpkeep(configuration, state, of: broker, payloads) }
    },
    gateway: { configuration, state, keys, broker, backups in
      try await GatewayNode.start(configuration, state, keys, broker, backups)
    },
    workers: { configuration, state, broker in
      try await WorkerNode.start(configuration, state, broker)
    })

  private static func openBroker(
    _ configuration: Configuration, _ state: StateFolder
  ) async throws -> any Broker {
    let logger = Logger(label: "fanfare.broker")
    if configuration.broker.isEmbedded { return try await openJournal(state.journal, logger) }
    guard let endpoint = RedisEndpoint(configuration.broker.url) else {
      throw CommandFailure(
        description: "broker.url \(configuration.broker.publicURL) is not the address of a Redis")
    }
    let prefix = configuration.broker.prefix
    let broker = await EventLoop.run {
      RedisBroker(endpoint: endpoint, prefix: prefix, logger: logger)
    }
    do throws(BrokerError) {
      try await broker.start()
    } catch {
      // It goes on trying by itself; until it succeeds, readiness fails and calls answer 503.
      logger.warning("Redis cannot be reached yet", metadata: ["error": "\(error)"])
    }
    guard configuration.broker.fallback == .local else { return broker }
    return try await FallbackBroker.open(
      shared: broker, local: openFallback(configuration, state, logger),
      isReachable: { broker.isReachable }, logger: logger)
  }

  /// Alone a process has a folder of its own; one of several takes the first that is free.
  private static func openFallback(
    _ configuration: Configuration, _ state: StateFolder, _ logger: Logger
  ) async throws -> EmbeddedBroker {
    guard configuration.seat != nil else { return try await openJournal(state.fallback, logger) }
    while true {
      do { return try await EmbeddedBroker.open(at: StrayJournals.free(in: state), logger: logger) } catch JournalError
        .inUse
      {
        // Another process was faster; the next look sees it there.
        continue
      } catch {
        throw CommandFailure(
          description: "a journal in \(state.path) cannot be opened: \(error)", status: .failed)
      }
    }
  }

  private static func openJournal(
    _ folder: String, _ logger: Logger
  ) async throws -> EmbeddedBroker {
    do {
      return try await EmbeddedBroker.open(at: folder, logger: logger)
    } catch {
      throw CommandFailure(
        description: "the journal in \(folder) cannot be opened: \(error)", status: .failed)
    }
  }

  /// The payloads that the broker's records do not hold.
  static func payloads(_ configuration: Configuration, _ state: StateFolder) throws -> PayloadStore {
    PayloadStore(
      files: try store(configuration, state), inlineLimit: configuration.payloads.maxInline.bytes)
  }

  /// The store of uploads, payloads and artifacts.
  static func store(_ configuration: Configuration, _ state: StateFolder) throws -> ArtifactStore {
    let folder =
      configuration.artifacts.folder.isEmpty ? state.files : configuration.artifacts.folder
    let url = URL(fileURLWithPath: folder)
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return ArtifactStore(root: url.path, shelf: try shelf(configuration.artifacts))
  }

  /// The bucket of artifacts, if there is one.
  private static func shelf(_ artifacts: ArtifactsConfiguration) throws -> ArtifactShelf? {
    guard !artifacts.bucket.isEmpty else { return nil }
    let settings = ObjectBucket.Settings(
      name: artifacts.bucket, endpoint: artifacts.endpoint, region: artifacts.region,
      accessKey: artifacts.accessKey, secretKey: artifacts.secretKey, prefix: artifacts.prefix,
      isPathStyle: artifacts.pathStyle, partSize: artifacts.partSize.bytes, stallTime: artifacts.stallTime,
      allowsPrivateAddresses: artifacts.allowPrivateAddresses)
    do throws(WebAddress.Fault) {
      return ArtifactShelf(try ObjectBucket(settings))
    } catch {
      throw CommandFailure(description: "artifacts.endpoint \(artifacts.endpoint) is no address of a store")
    }
  }
}
