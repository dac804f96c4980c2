import EventLoop
import Foundation
import Gateway
import Redis
import Support

/// Gateways and workers that share a Redis, each a process of its own.
actor Fleet {
  let folder = TemporaryFolder()
  let redis: RedisServer
  let configuration: String
  private let issuer: TokenIssuer
  private var processes: [FanfareProcess] = []
  /// What the keys in Redis begin with.
  static let prefix = "fleet:"

  /// A Redis and a configuration; `extra` stands behind it, and `broker` in its section of that name.
  init(extra: String = "", broker: String = "", embedded: Int = 0) async throws {
    redis = try await RedisServer.start(appendOnly: .everysec)
    let secret = "a secret of thirty-two bytes or more, for tests"
    issuer = TokenIssuer(
      key: try SigningKey(secret: secret.utf8, algorithm: .hs256, id: "test"))
    configuration = try folder.write(
      """
      [gateway]
      port = 0
      drain = "200ms"
      handshakes_per_second_per_user = 0
      [broker]
      url = "\(redis.url)"
      prefix = "\(Self.prefix)"
      folder = "\(folder.path("state"))"
      lease = "6s"
      reap_interval = "1s"
      amnesty = "60s"
      \(broker)
      [[admission.keys]]
      id = "test"
      algorithm = "HS256"
      secret = "\(secret)"
      [workers]
      embedded = \(embedded)
      drain = "5s"
      kill_grace = "1s"
      [[workers.commands]]
      name = "steps"
      program = "/bin/sh"
      arguments = ["-c", 'echo 10%; echo 50%; read _ < "$0"; echo 90%', "{payload.gate}"]
      progress = "percent"
      \(extra)
      """, to: "config.toml")
  }

  /// A new gateway on a port of its own; slots of workers in it, requests a minute for each user, folder and
  /// processes are the configuration's or others.
  func gateway(
    slots: Int? = nil, requests: Int? = nil, folder: String? = nil, processes: Int? = nil
  ) async throws -> (process: FanfareProcess, port: Int) {
    var environment: [String: String] = [:]
    if let slots { environment["FANFARE_WORKERS_EMBEDDED"] = "\(slots)" }
    if let requests { environment["FANFARE_ADMISSION_REQUESTS"] = "\(requests)" }
    if let processes { environment["FANFARE_GATEWAY_PROCESSES"] = "\(processes)" }
    let process = try await FanfareProcess.start(
      ["serve", "--config", configuration] + (folder.map { ["--folder", $0] } ?? []),
      environment: environment, until: slots ?? 0 > 0 ? "  workers " : "broker ")
    self.processes.append(process)
    let page = await process.banner.first { $0.contains("  page") } ?? ""
    let port = page.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) }
    guard let port else { throw FanfareProcess.DidNotStart(output: page) }
    return (process, port)
  }

  /// A new worker process with two slots.
  func worker(environment: [String: String] = [:]) async throws -> FanfareProcess {
    let process = try await FanfareProcess.start(
      ["work", "--config", configuration],
      environment: environment.merging(["FANFARE_WORKERS_EMBEDDED": "2"]) { $1 }, until: "works:")
    processes.append(process)
    return process
  }

  nonisolated func token(
    _ user: String = "alice", _ permissions: Permissions = .standard
  ) throws -> String {
    try issuer.connectionToken(user: user, permissions: permissions, lifetime: .seconds(600), now: Date())
  }

  /// Ends every process and the Redis.
  func end() async {
    for process in processes { await process.end(SIGKILL) }
    await redis.kill()
  }
}
