import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Workers

/// The gateway of this process: the transport, what stands above it, and, in one process of a `serve`, the upkeep of
/// the store.
@EventLoop
final class GatewayNode: RunningGateway {
  let port: Int
  private let gateway: Gateway
  private let server: WebSocketServer
  private let upkeep: StoreUpkeep?
  /// Another process has the listening socket.
  private var isHandedOver = false
  private let metrics: LoopMetrics
  private let rotation: KeyRotation
  private let feed: FeedNode?
  private let legacyQueues: LegacyQueueUpkeep?

  private init(
    gateway: Gateway, server: WebSocketServer, port: Int, upkeep: StoreUpkeep?,
    rotation: KeyRotation, feed: FeedNode?, legacyQueues: LegacyQueueUpkeep?, logger: Logger
  ) {
    self.feed = feed
    self.legacyQueues = legacyQueues
    self.gateway = gateway
    self.server = server
    self.port = port
    self.upkeep = upkeep
    self.rotation = rotation
    metrics = LoopMetrics { length in
      logger.notice("a turn of the event loop was slow", metadata: ["turn": "\(length)"])
    }
  }

  /// Starts a gateway; returns once it listens.
  static func start(
    _ configuration: Configuration, _ state: StateFolder, _ keys: KeyStore,
    _ broker: any Broker, _ backups: BackupKeeper
  ) async throws -> GatewayNode {
    let logger = Logger(label: "fanfare.gateway")
    // One for who takes payloads in and who removes them: what the one moved the other must find.
    let payloads = try Composition.payloads(configuration, state)
    let tickets = try ArtifactTicket(
      key: SecretFile(path: "\(payloads.files.root)/.ticket-key").secret())
    let issuer = try configuration.isDevelopment ? TokenIssuer(key: keys.developmentKey(), configuration) : nil
    let rotation = KeyRotation(configuration, keys, logger: logger)
    let authenticator = try await rotation.begin()
    let gateway = Gateway(
      settings: GatewaySettings(configuration), broker: broker, authenticator: authenticator,
      payloads: payloads, tickets: tickets, issuer: issuer, backups: backups, logger: logger)
    rotation.run { [weak gateway] in gateway?.exchange($0) }
    if !configuration.admission.jwksURL.isEmpty { gateway.refreshKeys { await rotation.refresh() } }
    let server = WebSocketServer(
      limits: Limits(configuration), delegate: gateway, logger: logger)
    let port: Int
    do {
      port = try listen(configuration, by: server)
    } catch {
      await server.shutdown()
      throw error
    }
    for place in configuration.unopenedPlaces {
      logger.warning("a place to listen at is opened by the next reload", metadata: ["key": "\(place.portKey)"])
    }
    let hasLegacyQueues = configuration.leads && !configuration.legacyAPIs.isEmpty
    let legacyQueues = hasLegacyQueues ? LegacyQueueUpkeep(of: gateway, logger: logger) : nil
    legacyQueues?.start(over: broker)
    let feed = try await FeedNode.start(configuration, broker, payloads)
    return GatewayNode(
      gateway: gateway, server: server, port: port,
      upkeep: configuration.leads
        ? StoreUpkeep(
          of: payloads,
          StoreUpkeep.Ages(
            uploads: configuration.uploads.retention, payloads: configuration.payloads.retention,
            artifacts: configuration.artifacts.retention),
          broker: broker, logger: logger) : nil,
      rotation: rotation, feed: feed, legacyQueues: legacyQueues, logger: logger)
  }

  /// At all its places; by the sockets that a supervisor holds, where there is one. Returns the gateway's own port.
  private static func listen(
    _ configuration: Configuration, by server: WebSocketServer
  ) throws(CommandFailure) -> Int {
    var own = 0
    if let seat = configuration.seat {
      for listener in seat.listeners {
        do throws(WebSocketServer.Failure) {
          let port = try server.listen(inherited: listener.descriptor, as: listener.name)
          if listener.name == nil { own = port }
        } catch {
          throw CommandFailure(description: error.description, status: .failed)
        }
      }
      return own
    }
    for place in configuration.places {
      do throws(WebSocketServer.Failure) {
        let port = try server.listen(on: place.host, port: place.port, as: place.name)
        if place.name == nil { own = port }
      } catch {
        throw error.socket.map { place.failure($0) } ?? CommandFailure(description: error.description, status: .failed)
      }
    }
    return own
  }

  func stopAdmitting() {
    gateway.stopAdmitting()
  }

  func stopListening() {
    isHandedOver = true
    server.stopListening()
  }

  func reload() async { await rotation.reload() }

  func drain(within time: Duration) async {
    let end = ContinuousClock.now + time
    if !isHandedOver {
      gateway.stopAdmitting()
      server.stopAccepting()
    }
    await gateway.drain(over: time)
    upkeep?.stop()
    legacyQueues?.stop()
    await feed?.stop(within: max(.zero, end - .now))
    await gateway.leave()
    rotation.stop()
    // The last answers are on their way: a moment is theirs in any case, but for an end at once.
    if time > .zero { await server.untilAnswered(within: max(Self.lastAnswers, end - .now)) }
    await server.shutdown()
  }

  private static let lastAnswers = Duration.milliseconds(500)
}

extension KeyRotation {
  convenience init(_ configuration: Configuration, _ keys: KeyStore, logger: Logger) {
    let admission = configuration.admission
    let (address, fetcher) = (admission.jwksURL, DocumentFetcher())
    var fetch: Fetch?
    if !address.isEmpty { fetch = { try await fetcher.fetch(address) } }
    self.init(
      keys: keys, every: admission.jwksRefresh, atMostEvery: admission.jwksMinInterval, fetch: fetch,
      logger: logger)
  }
}

extension GatewaySettings {
  init(_ configuration: Configuration) {
    self.init()
    let gateway = configuration.gateway
    version = Fanfare.version
    host = ProcessInfo.processInfo.hostName
    process = Int(ProcessInfo.processInfo.processIdentifier)
    node = "\(host)-\(process)"
    allowedOrigins = gateway.allowedOrigins
    corsOrigins = gateway.corsOrigins
    tokenCookie = gateway.tokenCookie.isEmpty ? nil : gateway.tokenCookie
    pingInterval = gateway.pingInterval
    pongTimeout = gateway.pongTimeout
    connectTimeout = gateway.connectTimeout
    refreshGrace = gateway.refreshGrace
    expiryWarning = gateway.expiryWarning
    slowConsumerDeadline = gateway.slowConsumerDeadline
    positionInterval = gateway.compareInterval
    channelsPerConnection = gateway.maxSubscriptions
    requestLimit = configuration.admission.requests
    requestWindow = configuration.admission.window
    revocationMemory = configuration.admission.revocationMemory
    maxPriority = configuration.admission.maxPriority
    reusableKinds = Set(configuration.jobs.reusableKinds.compactMap { JobKind($0) })
    health = HealthRules(configuration.health)
    payloadLimit = configuration.payloads.maxSize.bytes
    losses = BrokerMaintenance.Configuration(configuration).rules
    uploadLimit = Int64(configuration.uploads.maxSize.bytes)
    handshakesPerUser = gateway.handshakesPerUser
    compresses = gateway.compression
    echoes = gateway.debugEcho
    legacy = configuration.legacyMounts
    givesDevelopmentTokens = configuration.isDevelopment
    webhooks = configuration.webhooks.rules
    recordsHistory = !configuration.history.url.isEmpty
  }
}

extension Limits {
  init(_ configuration: Configuration) {
    self.init()
    connections = configuration.gateway.maxConnections
    if configuration.gateway.maxConnectionsPerAddress > 0 {
      connectionsPerAddress = configuration.gateway.maxConnectionsPerAddress
    } else {
      connectionsPerAddress = .max
    }
    handshakesPerSecond = configuration.gateway.handshakesPerSecond
    handshakesPerAddress = configuration.gateway.handshakesPerAddress
    messageSize = configuration.gateway.maxMessage.bytes
  }
}
