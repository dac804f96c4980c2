package import EventLoop
package import Jobs
package import Logging

/// The gateway of one node: sessions, routes and the hub, put together over a broker.
@EventLoop
package final class Gateway {
  package let environment: SessionEnvironment
  package let hub: Hub
  private let router: Router
  private let settings: GatewaySettings
  private let logger: Logger
  private var sessions: [ObjectIdentifier: Session] = [:]
  /// Sockets at `/debug/echo`.
  private var echoes: [ObjectIdentifier: EchoSession] = [:]
  private let door: Door
  private let draining: Draining
  let node: Node
  let legacy: LegacyEngine
  private var whenEmpty: LoopContinuation<Void>?

  /// The parts a gateway is given; `issuer` only where development tokens are handed out. Uploads and artifacts lie in the store of the payloads.
  package init(
    settings: GatewaySettings, broker: any Broker, authenticator: Authenticator,
    payloads: PayloadStore, tickets: ArtifactTicket, issuer: TokenIssuer?,
    backups: BackupKeeper, logger: Logger
  ) {
    self.settings = settings
    self.logger = logger
    let wheel = TimerWheel()
    let estimates = WaitEstimates(broker: broker)
    let flushes = FlushSchedule()
    hub = Hub(
      broker: broker, wheel: wheel, flushes: flushes, places: settings.placeInterval,
      positions: settings.positionInterval, estimates: estimates, logger: logger)
    let verbs = JobVerbs(
      broker: broker, payloads: payloads, estimates: estimates, maxPriority: settings.maxPriority,
      recordsHistory: settings.recordsHistory)
    let limiter = RateLimiter(
      budget: broker, limit: settings.requestLimit, window: settings.requestWindow, logger: logger)
    let groups = GroupVerbs(broker: broker, payloads: payloads, jobs: verbs, limiter: limiter)
    let authenticator = LiveAuthenticator(authenticator)
    node = Node(
      id: NodeID(settings.node), broker: broker, authenticator: authenticator, version: settings.version,
      host: settings.host, process: settings.process, logger: logger)
    let queues = QueueVerbs(broker: broker, webhooks: settings.webhooks)
    let workers = WorkerVerbs(broker: broker)
    let backups = BackupVerbs(keeper: backups)
    let status = StatusVerbs(broker: broker, rules: settings.health)
    let maintenance = MaintenanceVerbs(broker: broker, payloads: payloads, rules: settings.losses)
    let nodes = NodeVerbs(broker: broker, jobs: verbs, node: node, hub: hub)
    let procedures = Procedures(
      jobs: verbs, groups: groups, queues: queues, workers: workers,
      schedules: ScheduleVerbs(broker: broker, payloads: payloads), backups: backups, status: status,
      maintenance: maintenance,
      tokens: TokenVerbs(broker: broker, memory: settings.revocationMemory),
      nodes: nodes, settings: settings)
    environment = SessionEnvironment(
      settings: settings, authenticator: authenticator, hub: hub, verbs: verbs, groups: groups,
      procedures: procedures, limiter: limiter, wheel: wheel, flushes: flushes, logger: logger)
    environment.presence = NodePresence(of: node, hub: hub, logger: logger)
    let origins = OriginPolicy(settings: settings)
    let draining = Draining()
    let door = Door(environment: environment, origins: origins, isDraining: { draining.isUnderWay })
    let artifacts = ArtifactRoutes(
      store: payloads.files, tickets: tickets, environment: environment,
      identify: { request async throws(Problem) in try await door.admit(request) })
    let engine = LegacyEngine(
      environment: environment, queues: queues, workers: workers, status: status, backups: backups,
      maintenance: maintenance, artifacts: artifacts, files: payloads.files)
    legacy = engine
    // First: an older system that is mounted at the root has its addresses there, whatever else ours are.
    var routes = settings.legacy.flatMap { $0.routes(over: engine) }
    routes += JobRoutes(environment: environment).routes
    routes += ProcedureRoutes(procedures: procedures, settings: settings).routes
    routes += EventStreamRoutes(environment: environment).routes
    routes += UnidirectionalRoutes(environment: environment, door: door).routes
    routes += artifacts.routes
    routes +=
      MetricsRoutes(
        queues: queues, workers: workers, nodes: nodes, status: status,
        identify: { request async throws(Problem) in try await door.admit(request) }
      ).routes
    routes += HealthRoutes(broker: broker, isDraining: { draining.isUnderWay }).routes
    if settings.givesDevelopmentTokens, let issuer {
      routes += DevelopmentRoutes(issuer: issuer, environment: environment).routes
    }
    routes += WebClientRoutes.routes
    router = Router(routes: routes, environment: environment, door: door, origins: origins)
    self.door = door
    self.draining = draining
    node.start { [weak self] in
      var load = Node.Load()
      load.connections = self?.sessionCount ?? 0
      load.subscriptions = self?.hub.subscriptionCount ?? 0
      load.isDraining = self?.isDraining ?? true
      return load
    }
  }

  /// Judges tokens by other keys from now on; sockets stay.
  package func exchange(_ authenticator: Authenticator) { environment.authenticator.exchange(authenticator) }

  /// Has newer keys asked for where a token names one that is not known.
  package func refreshKeys(by refresh: @escaping @EventLoop () async -> KeyRefresh) {
    environment.authenticator.keyRefresh = refresh
  }

  /// Gives the queues of the older systems that are mounted their settings, where nobody has set them. Throws
  /// where the broker cannot be asked.
  package func prepareQueues() async throws(Problem) {
    for mount in settings.legacy { try await legacy.prepareQueues(of: mount.api) }
  }

  /// The other nodes hear of this one no more.
  package func leave() async { await node.stop() }

  /// Shared with the readiness check.
  @EventLoop private final class Draining {
    var isUnderWay = false
  }

  /// WebSocket sessions, those that have not sent `connect` yet included.
  package var sessionCount: Int { sessions.count }

  /// Whether the node is on its way out.
  package var isDraining: Bool { draining.isUnderWay }

  /// Readiness fails from now on and no socket is let in; those there are go on.
  package func stopAdmitting() { draining.isUnderWay = true }

  /// Asks every client to go elsewhere, in random order over `period`, and returns when all have gone: sockets are
  /// closed with 3001, streams ended, long polls answered with the record as it stands.
  ///
  /// Whoever is let in after that — none, after ``stopAdmitting()`` — is asked away in what is left of the period.
  /// Called again it ends at once whoever is left.
  package func drain(over period: Duration) async {
    let isRepeated = environment.drain.isUnderWay
    environment.drain.begin(over: period)
    if isRepeated {
      for socket in sockets { socket.disconnect(.shutdown) }
      return
    }
    for socket in sockets { askAway(socket) }
    if !sockets.isEmpty { await EventLoop.suspend { whenEmpty = $0 } }
    await environment.drain.untilEmpty()
  }

  private var sockets: [any Disconnectable] { Array(sessions.values) + Array(echoes.values) }

  /// Jittered, so that those who leave do not arrive elsewhere all at once.
  private func askAway(_ socket: any Disconnectable) {
    environment.wheel.schedule(after: environment.drain.moment) { [weak socket] in
      socket?.disconnect(.shutdown)
    }
  }

  private func forget(_ socket: any Disconnectable) {
    sessions[ObjectIdentifier(socket)] = nil
    echoes[ObjectIdentifier(socket)] = nil
    guard sessions.isEmpty, echoes.isEmpty else { return }
    whenEmpty?.resume()
    whenEmpty = nil
  }
}

/// A socket that can be ended with a code.
@EventLoop
private protocol Disconnectable: AnyObject {
  func disconnect(_ disconnect: Disconnect)
}

extension Session: Disconnectable {}
extension EchoSession: Disconnectable {}

extension Gateway: TransportDelegate {
  package func judge(_ handshake: Request) -> HandshakeVerdict {
    do throws(Problem) {
      if settings.echoes, handshake.path == "/debug/echo" {
        try door.open(for: handshake)
        let echo = EchoSession(wantsCompression: true) { [weak self] in self?.forget($0) }
        echoes[ObjectIdentifier(echo)] = echo
        if environment.drain.isUnderWay { askAway(echo) }
        return .accept(subprotocol: nil, echo)
      }
      guard handshake.path == "/connection/websocket" else { throw .notFound }
      try door.open(for: handshake)
      let subprotocol = try Subprotocol.choose(for: handshake)
      // A wrong token is refused here; none at all has until the connect deadline.
      let identity = try door.identifyIfTold(handshake)
      if let user = identity?.user { try door.count(connectionOf: user) }
      let pings: Session.Pings =
        handshake.parameter("cf_ws_frame_ping_pong") == "true" ? .frames : .commands
      let session = Session(environment: environment, handshakeIdentity: identity, pings: pings) {
        [weak self] session in self?.forget(session)
      }
      sessions[ObjectIdentifier(session)] = session
      if environment.drain.isUnderWay { askAway(session) }
      return .accept(subprotocol: subprotocol, session)
    } catch {
      return .refuse(error.response)
    }
  }

  package func handle(_ exchange: any Exchange) {
    Task { @EventLoop in
      let response = await router.answer(exchange)
      guard !exchange.isClosed else { return }
      exchange.respond(response)
    }
  }
}

/// Which form of the protocol a socket speaks (spec §1).
enum Subprotocol {
  /// `centrifuge-json` where it is offered, nothing where nothing known is; Protobuf is refused
  /// clearly, because such a client would wait for ever on text frames.
  static func choose(for handshake: Request) throws(Problem) -> String? {
    let offers = (handshake.headers["sec-websocket-protocol"] ?? "").split(separator: ",")
      .map { $0.filter { $0 != " " } }
    if offers.contains("centrifuge-json") { return "centrifuge-json" }
    if offers.contains("centrifuge-protobuf") || handshake.parameter("cf_protocol") == "protobuf" {
      throw Problem(
        .invalidRequest, status: 400, detail: "This gateway speaks the JSON form of the protocol.")
    }
    return nil
  }
}
