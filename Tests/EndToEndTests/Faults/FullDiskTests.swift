import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Redis
import Support
import Testing

/// What happens when a disk is really full (docs/operations.md says it in words).
@Suite(
  "A full disk", .timeLimit(.minutes(2)),
  .enabled("a test must be able to mount a file system: unshare --mount --map-root-user") {
    await SmallDisk.isPossible()
  })
@EventLoop
struct FullDiskTests {
  private let queue = QueueName("faults")!

  private func request(_ bytes: Int = 2000) -> JobRequest {
    let payload = "\"\(String(repeating: "x", count: bytes))\""
    return JobRequest(
      queue: queue, kind: JobKind("fault")!, user: "alice", payload: JSONText(unchecked: Array(payload.utf8)))
  }

  private func next(_ broker: any Broker) async throws -> LeasedJob? {
    try await broker.lease(from: [queue], limit: 1, for: .seconds(600), by: WorkerID("w")!).first
  }

  /// Submits until the broker takes no more; answers with what it took, and with what it refused.
  private func exhaust(_ broker: any Broker) async throws -> (accepted: [JobID], refused: JobRequest) {
    var accepted: [JobID] = []
    while accepted.count < 10_000 {
      let request = request()
      do throws(BrokerError) { accepted.append(try await broker.enqueue(request).job.id) } catch {
        #expect(error == .unavailable)
        return (accepted, request)
      }
    }
    throw BrokerError.corrupt("the disk was not full")
  }

  /// What a client does with a refusal that passes.
  private func insist<Answer>(_ call: () async throws -> Answer) async throws -> Answer {
    while true {
      do { return try await call() } catch BrokerError.unavailable { await pause(.milliseconds(20)) }
      try Task.checkCancellation()
    }
  }

  /// A gateway whose embedded broker has its folder on the disk.
  private struct EmbeddedGateway {
    let disk: SmallDisk
    let folder = TemporaryFolder()
    let issuer: TokenIssuer
    private let configuration: String

    /// With `history`, that alone is on the disk.
    init(_ disk: SmallDisk, history: HistoryFile? = nil) throws {
      self.disk = disk
      let secret = "a secret of thirty-two bytes or more, for tests"
      issuer = TokenIssuer(key: try SigningKey(secret: secret.utf8, algorithm: .hs256, id: "test"))
      configuration = try folder.write(
        """
        [gateway]
        port = 0
        drain = "200ms"
        [broker]
        folder = "\(history == nil ? disk.inside.path : folder.path)/broker"
        [backup]
        folder = "\(folder.path("backups"))"
        [workers]
        embedded = 0
        [admission]
        requests = 1000000
        [[admission.keys]]
        id = "test"
        algorithm = "HS256"
        secret = "\(secret)"
        [health]
        feed = "100ms"
        [history]
        url = "\(history.map { "sqlite://\($0.path)" } ?? "")"
        """, to: "config.toml")
    }

    @EventLoop
    func start() async throws -> (process: FanfareProcess, client: JobClient) {
      let process = try await FanfareProcess.start(
        behind: disk.inside.words, ["serve", "--config", configuration], until: "broker ")
      let page = await process.banner.first { $0.contains("  page") } ?? ""
      let port = page.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) }
      let token = try issuer.connectionToken(
        user: "alice", permissions: [.submit, .read, .admin], lifetime: .seconds(600), now: Date())
      return (process, try await JobClient.connect(to: #require(port, "\(page)"), token: token))
    }
  }

  @Test("keeps the embedded broker from taking what it cannot keep; with room it goes on, and has all")
  func embedded() async throws {
    let disk = try await SmallDisk(bytes: 4 << 20)
    let gateway = try EmbeddedGateway(disk)
    var (process, client) = try await gateway.start()
    let payload = String(repeating: "x", count: 2000)
    func submit() async throws -> JSONValue {
      try await client.rpc("job.submit", #"{"kind":"fault","payload":"\#(payload)"}"#)
    }
    func id(_ reply: JSONValue) -> String? { reply["rpc"]?["data"]?["job"]?["id"]?.string }
    var accepted = [try #require(id(try await submit()))]
    try disk.fill()
    var refusal = try await submit()
    while let id = id(refusal), accepted.count < 10_000 {
      accepted.append(id)
      refusal = try await submit()
    }
    #expect(refusal["error"]?["code"]?.int == 503, "\(refusal.text)")
    // What was taken can be read, and stands where it did.
    let last = try await client.rpc("job.get", #"{"id":"\#(accepted[accepted.count - 1])"}"#)
    #expect(last["rpc"]?["data"]?["job"]?["position"]?.int == accepted.count)

    try disk.makeRoom()
    accepted.append(try #require(id(try await submit())))
    client.drop()
    await process.end(SIGKILL)
    (process, client) = try await gateway.start()
    for (index, id) in accepted.enumerated() {
      let job = try await client.rpc("job.get", #"{"id":"\#(id)"}"#)
      #expect(job["rpc"]?["data"]?["job"]?["position"]?.int == index + 1, "\(job.text)")
    }
    await process.end()
  }

  @Test("keeps a history from being written, which an alert says; with room it has all, whoever was killed meanwhile")
  func history() async throws {
    let disk = try await SmallDisk(bytes: 1 << 20)
    let history = HistoryFile(path: disk.inside.path + "/history.sqlite", behind: disk.inside.words)
    let gateway = try EmbeddedGateway(disk, history: history)
    try disk.fill()
    var (process, client) = try await gateway.start()
    func submit() async throws { _ = try await client.rpc("job.submit", #"{"kind":"fault"}"#) }
    func feed() async throws -> JSONValue? {
      try await client.rpc("stats", "{}")["rpc"]?["data"]?["feed"]?.array?.first
    }
    func alerts() async throws -> [String] {
      let alerts = try await client.rpc("health", "{}")["rpc"]?["data"]?["alerts"]?.array
      return alerts?.compactMap { $0["condition"]?.string } ?? []
    }
    for _ in 0..<3 { try await submit() }
    while try await !alerts().contains("feed") { await pause(.milliseconds(50)) }
    #expect(try await feed()?["behind"]?.int == 3)
    client.drop()
    await process.end(SIGKILL)
    (process, client) = try await gateway.start()
    try await submit()
    #expect(try await feed()?["behind"]?.int == 4)
    #expect(try await history.ask("SELECT * FROM job").isEmpty)

    try disk.makeRoom()
    while try await feed()?["behind"]?.int != 0 { await pause(.milliseconds(50)) }
    #expect(try await feed()?["lost"]?.int == 0)
    #expect(try await !alerts().contains("feed"))
    #expect(try await history.ask("SELECT count(*), min(state), max(state) FROM job") == ["4 queued queued"])
    #expect(try await history.ask("SELECT count(*) FROM job_change") == ["4"])
    await process.end()
  }

  @Test("keeps a gateway from starting that has no room for its journal, and it starts when there is")
  func noRoomAtStart() async throws {
    let disk = try await SmallDisk(bytes: 1 << 20)
    let gateway = try EmbeddedGateway(disk)
    try disk.fill()
    await #expect(throws: FanfareProcess.DidNotStart.self) { _ = try await gateway.start() }
    try disk.makeRoom()
    let (process, client) = try await gateway.start()
    let reply = try await client.rpc("job.submit", #"{"kind":"fault"}"#)
    #expect(reply["error"] == nil, "\(reply.text)")
    await process.end()
  }

  @Test("keeps Redis from taking what it cannot write; with room it goes on, and a crash loses nothing")
  func redis() async throws {
    let disk = try await SmallDisk(bytes: 4 << 20)
    let server = try await RedisServer.start(appendOnly: .everysec, in: disk.path)
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    let running = try await broker.enqueue(request()).job
    let lease = try #require(try await next(broker)).lease
    try disk.fill()
    let (accepted, refused) = try await exhaust(broker)
    #expect(await !broker.isAvailable())
    // It is away for workers as well: a run that cannot renew is killed before its lease ends.
    await #expect(throws: BrokerError.unavailable) {
      _ = try await broker.extend([lease], for: .seconds(600))
    }
    await #expect(throws: BrokerError.unavailable) { _ = try await broker.settle(lease, .complete(nil)) }

    try disk.makeRoom()
    #expect(try await insist { try await broker.enqueue(refused).isReplay } == false)
    #expect(try await insist { try await broker.settle(lease, .complete(nil)) } == .settled(.completed))
    await server.kill()
    try await server.restart()
    for id in accepted + [refused.id] {
      #expect(try await insist { try await broker.job(id)?.state } == .queued)
    }
    #expect(try await broker.job(running.id)?.state == .completed)
    #expect(try await broker.queue(queue)?.counts[.queued] == accepted.count + 1)
    await broker.close()
  }

  @Test("ends a Redis that syncs always; restarted with room it has all that was acknowledged")
  func redisThatSyncsAlways() async throws {
    let disk = try await SmallDisk(bytes: 4 << 20)
    let server = try await RedisServer.start(appendOnly: .always, in: disk.path)
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    let first = try await broker.enqueue(request()).job.id
    try disk.fill()
    let (accepted, refused) = try await exhaust(broker)
    try disk.makeRoom()
    try await server.restart()
    #expect(try await insist { try await broker.enqueue(refused).job.id } == refused.id)
    for id in [first] + accepted { #expect(try await broker.job(id)?.state == .queued) }
    #expect(try await broker.queue(queue)?.counts[.queued] == accepted.count + 2)
    await broker.close()
  }
}
