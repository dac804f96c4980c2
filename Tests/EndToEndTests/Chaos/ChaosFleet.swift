import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Redis
import Support

/// The processes of a chaos run: gateways and workers on one store, replaced when they are killed.
@EventLoop
final class ChaosFleet {
  nonisolated static let queues = ["plain", "narrow", "fair"]

  let folder = TemporaryFolder()
  let redis: RedisServer?
  let executions: ExecutionLog
  /// Nil where nobody follows the jobs.
  let follower: ChaosFollower?
  private let ledger: ChaosLedger
  private let configuration: String
  private let issuer: TokenIssuer
  private(set) var gateways: [ChaosProcess] = []
  private(set) var workers: [ChaosProcess] = []
  /// How many of them there are when nobody kills any.
  private let plan: ChaosPlan

  init(_ plan: ChaosPlan, _ ledger: ChaosLedger) async throws {
    self.plan = plan
    self.ledger = ledger
    executions = try ExecutionLog(in: folder)
    follower = plan.isFollowed ? ChaosFollower(in: folder, ledger) : nil
    var url = "embedded"
    if case .redis(let appendOnly) = plan.store {
      let redis = try await RedisServer.start(appendOnly: appendOnly)
      url = redis.url
      self.redis = redis
    } else {
      redis = nil
    }
    let secret = "a secret of thirty-two bytes or more, for tests"
    issuer = TokenIssuer(key: try SigningKey(secret: secret.utf8, algorithm: .hs256, id: "test"))
    let queues = Self.queues.map { #""\#($0)""# }.joined(separator: ", ")
    configuration = try folder.write(
      """
      [gateway]
      port = 0
      drain = "200ms"
      handshakes_per_second_per_user = 0
      [broker]
      url = "\(url)"
      folder = "\(folder.path("state"))"
      lease = "\(plan.lease)s"
      reap_interval = "500ms"
      amnesty = "\(plan.lease)s"
      max_lost = 10
      [admission]
      requests = 1000000
      [[admission.keys]]
      id = "test"
      algorithm = "HS256"
      secret = "\(secret)"
      [backup]
      interval = "0s"
      [workers]
      embedded = \(plan.workers == 0 ? plan.slots * 2 : 0)
      queues = [\(queues)]
      drain = "5s"
      kill_grace = "1s"
      [workers.ffmpeg]
      enabled = false
      [[workers.commands]]
      name = "chaos"
      program = "/bin/bash"
      arguments = \(executions.arguments)
      progress = "percent"
      queue = "plain"
      \(follower?.configuration ?? "")
      """, to: "config.toml")
  }

  nonisolated func token(user: String, permissions: Permissions = .standard) throws -> String {
    try issuer.connectionToken(
      user: user, permissions: permissions, lifetime: .seconds(86_400), now: Date())
  }

  /// The port of a gateway that lives, any; nil while there is none.
  func port(_ random: inout SeededRandom) -> Int? { gateways.compactMap(\.port).randomElement(using: &random) }

  func start() async throws {
    for _ in 0..<plan.gateways { try await startGateway() }
    for _ in 0..<plan.workers { try await startWorker() }
  }

  func startGateway() async throws {
    let gateway = try await ChaosProcess.start(
      ["serve", "--config", configuration], environment: [:],
      until: plan.workers == 0 ? "  workers " : "  broker ", ledger)
    gateways.append(gateway)
  }

  func startWorker() async throws {
    let worker = try await ChaosProcess.start(
      ["work", "--config", configuration], environment: ["FANFARE_WORKERS_EMBEDDED": "\(plan.slots)"],
      until: "works:", ledger)
    workers.append(worker)
  }

  /// Takes a process out of the fleet: nobody else picks it.
  func takeGateway(_ random: inout SeededRandom) -> ChaosProcess? {
    gateways.isEmpty ? nil : gateways.remove(at: Int.random(in: 0..<gateways.count, using: &random))
  }

  func takeWorker(_ random: inout SeededRandom) -> ChaosProcess? {
    workers.isEmpty ? nil : workers.remove(at: Int.random(in: 0..<workers.count, using: &random))
  }

  func giveBack(worker: ChaosProcess) { workers.append(worker) }

  func giveBack(gateway: ChaosProcess) { gateways.append(gateway) }

  /// Ends every process in order; those that do not end well are violations.
  func drain() async {
    for process in workers + gateways {
      let status = await process.end(SIGTERM)
      if status != 0 { ledger.violate("process \(process.pid) ended with \(status) when it was asked to") }
    }
    workers = []
    gateways = []
  }

  /// Kills what is left.
  func end() async {
    for process in workers + gateways { await process.end() }
    await redis?.kill()
    follower?.close()
  }

  /// The store, as one more client sees it; of an embedded one, once nobody else has it.
  func broker() async throws -> any Broker {
    let logger = Logger(label: "chaos")
    guard let redis else {
      return try await EmbeddedBroker.open(at: folder.path("state/jobs"), logger: logger)
    }
    let broker = RedisBroker(endpoint: redis.endpoint, logger: logger)
    try await broker.start()
    return broker
  }
}
