import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Redis
import Support
import Workers

/// Two gateways on a Redis, a bad network before each and behind each, and workers that see the Redis as it is.
@EventLoop
final class WatchFleet {
  /// A gateway, which may be replaced, at an address that stays.
  final class Seat {
    /// Between browsers and the gateway.
    let front: FaultyProxy
    /// Between the gateway and Redis.
    let back: FaultyProxy
    fileprivate(set) var process: ChaosProcess?

    init(front: FaultyProxy, back: FaultyProxy) {
      self.front = front
      self.back = back
    }
  }

  let redis: RedisServer
  private(set) var seats: [Seat] = []
  private let folder = TemporaryFolder()
  private let ledger: ChaosLedger
  private let plan: WatchPlan
  private let configuration: String
  private let issuer: TokenIssuer
  private var random: SeededRandom
  private let workers: WorkerPool
  private let broker: RedisBroker

  init(_ plan: WatchPlan, _ ledger: ChaosLedger) async throws {
    self.plan = plan
    self.ledger = ledger
    random = SeededRandom(seed: plan.seed &+ 17)
    let redis = try await RedisServer.start()
    self.redis = redis
    let secret = "a secret of thirty-two bytes or more, for tests"
    issuer = TokenIssuer(key: try SigningKey(secret: secret.utf8, algorithm: .hs256, id: "test"))
    configuration = try folder.write(
      """
      [gateway]
      port = 0
      drain = "200ms"
      handshakes_per_second_per_user = 0
      max_connections_per_address = 0
      ping_interval = "2s"
      pong_timeout = "1500ms"
      refresh_grace = "1s"
      compare_interval = "4s"
      [broker]
      folder = "\(folder.path("state"))"
      lease = "4s"
      reap_interval = "500ms"
      amnesty = "4s"
      max_lost = 100
      [admission]
      requests = 1000000
      leeway = "1s"
      [[admission.keys]]
      id = "test"
      algorithm = "HS256"
      secret = "\(secret)"
      [backup]
      interval = "0s"
      [workers]
      embedded = 0
      """, to: "config.toml")
    var logger = Logger(label: "chaos")
    logger.logLevel = .critical
    broker = RedisBroker(endpoint: redis.endpoint, logger: logger)
    try await broker.start()
    workers = WorkerPool(
      broker: broker,
      registry: WorkerRegistry([EchoWorker(kind: EchoWorker.still), EchoWorker(kind: EchoWorker.echo)]),
      store: ArtifactStore(root: folder.path("store")),
      configuration: WorkerPool.Configuration(
        slots: 8, timing: LeaseTiming(lease: .seconds(4)), pollInterval: .milliseconds(500), reportInterval: .zero),
      logger: logger)
  }

  func start() async throws {
    guard case .tcp(_, let port) = redis.portEndpoint.address else { return }
    for _ in 0..<plan.gateways {
      let seat = Seat(
        front: try FaultyProxy(before: nil) { [unowned self] in drawFront() },
        back: try FaultyProxy(before: port) { [unowned self] in drawBack() })
      seats.append(seat)
      try await startGateway(in: seat)
    }
    workers.start()
  }

  func startGateway(in seat: Seat) async throws {
    let process = try await ChaosProcess.start(
      ["serve", "--config", configuration],
      environment: ["FANFARE_BROKER_URL": "redis://127.0.0.1:\(seat.back.port)"], until: "  broker ", ledger)
    seat.process = process
    seat.front.target = process.port
  }

  func killGateway(in seat: Seat) async {
    seat.front.target = nil
    await seat.process?.end()
  }

  nonisolated func token(lifetime: Duration) throws -> String {
    try issuer.connectionToken(user: "watcher", lifetime: lifetime, now: Date())
  }

  /// Lets in to one channel.
  nonisolated func token(for channel: String, lifetime: Duration) throws -> String {
    try issuer.subscriptionToken(user: "watcher", channel: channel, lifetime: lifetime, now: Date())
  }

  /// Whether the network is good.
  private var isCalm = false

  /// From now on it is.
  func calm() {
    isCalm = true
    for seat in seats {
      seat.front.heal()
      seat.back.heal()
    }
  }

  private func drawFront() -> ProxyFault {
    guard !isCalm else { return .none }
    switch Int.random(in: 0..<100, using: &random) {
    case ..<45: return .none
    case ..<60: return .delay(upTo: .milliseconds(Int.random(in: 1...50, using: &random)))
    case ..<75: return .halves
    case ..<90: return .reset(after: Int.random(in: 0...8000, using: &random))
    default: return halfOpen()
    }
  }

  private func drawBack() -> ProxyFault {
    guard !isCalm else { return .none }
    switch Int.random(in: 0..<100, using: &random) {
    case ..<30: return .none
    case ..<45: return .delay(upTo: .milliseconds(10))
    case ..<60: return .halves
    default: return .loss(oneIn: 100)
    }
  }

  /// One way goes deaf soon.
  func halfOpen() -> ProxyFault {
    .halfOpen(
      Bool.random(using: &random) ? .toClient : .toServer, after: Int.random(in: 0...4000, using: &random),
      lasting: .milliseconds(Int.random(in: plan.deafness, using: &random)))
  }

  /// The connections that stand, before and behind each gateway.
  var traffic: String {
    "connections " + seats.map { "\($0.front.count)/\($0.back.count)" }.joined(separator: " ")
  }

  /// Messages that Redis published and no gateway got, though its connection stood.
  var lost: Int { seats.reduce(0) { $0 + $1.back.lost } }

  /// Ends every process in order; those that do not end well are violations.
  func drain() async {
    for process in seats.compactMap(\.process) {
      let status = await process.end(SIGTERM)
      if status != 0 { ledger.violate("process \(process.pid) ended with \(status) when it was asked to") }
    }
    await workers.drain(grace: .seconds(1))
    await broker.close()
  }

  /// Kills what is left.
  func end() async {
    for seat in seats {
      await seat.process?.end()
      seat.front.close()
      seat.back.close()
    }
    await redis.kill()
  }
}
