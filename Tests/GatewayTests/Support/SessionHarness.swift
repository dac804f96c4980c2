import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Support
import Testing

/// A gateway over an embedded broker, without sockets: sessions on fake connections.
@EventLoop
final class SessionHarness {
  let broker: EmbeddedBroker
  let gateway: Gateway
  let payloads: PayloadStore
  nonisolated var files: ArtifactStore { payloads.files }
  let issuer: TokenIssuer

  private init(
    broker: EmbeddedBroker, gateway: Gateway, payloads: PayloadStore, issuer: TokenIssuer
  ) {
    self.broker = broker
    self.gateway = gateway
    self.payloads = payloads
    self.issuer = issuer
  }

  /// Runs `body` as ``run(settings:inlineLimit:isCutOff:_:)`` does, where nobody's budget is spent soon.
  static func runUnlimited(
    settings change: @Sendable (inout GatewaySettings) -> Void = { _ in }, over other: (any Broker)? = nil,
    _ body: @EventLoop (SessionHarness) async throws -> Void
  ) async throws {
    try await run(
      settings: {
        $0.requestLimit = 10_000
        change(&$0)
      }, over: other, body)
  }

  /// Runs `body` with a fresh gateway whose settings `change` may alter, and which keeps two backups; one that is cut
  /// off has another broker behind `broker`, which it cannot reach; one that is `over` another broker has nothing to
  /// do with `broker`.
  static func run(
    settings change: @Sendable (inout GatewaySettings) -> Void = { _ in },
    inlineLimit: Int = PayloadStore.standardInlineLimit, isCutOff: Bool = false,
    over other: (any Broker)? = nil,
    _ body: @EventLoop (SessionHarness) async throws -> Void
  ) async throws {
    let temporary = TemporaryFolder()
    let folder = temporary.path
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = try await EmbeddedBroker.open(at: "\(folder)/jobs", logger: logger)
    let key = try SigningKey(secret: Array(repeating: 7, count: 32), algorithm: .hs256)
    var settings = GatewaySettings()
    // No pings and no places unless a test is about them.
    settings.pingInterval = .zero
    settings.placeInterval = .zero
    change(&settings)
    var reached: any Broker = other ?? broker
    if isCutOff {
      reached = try await FallbackBroker.open(
        shared: broker, local: EmbeddedBroker.open(at: "\(folder)/local", logger: logger),
        isReachable: { false }, logger: logger)
    }
    let payloads = PayloadStore(files: ArtifactStore(root: "\(folder)/files"), inlineLimit: inlineLimit)
    let gateway = Gateway(
      settings: settings, broker: reached,
      authenticator: try Authenticator(keys: [key.verificationKey()]),
      payloads: payloads,
      tickets: try ArtifactTicket(key: Array(repeating: 9, count: 32)),
      issuer: TokenIssuer(key: key),
      backups: BackupKeeper(
        of: reached, payloads, in: "\(folder)/backups", every: nil, keeping: 2, logger: logger),
      logger: logger)
    // Whoever comes before the list of revocations was read is refused.
    try await gateway.environment.authenticator.prepare()
    let harness = SessionHarness(
      broker: broker, gateway: gateway, payloads: payloads, issuer: TokenIssuer(key: key))
    try await body(harness)
    await reached.close()
  }

  func token(
    _ user: String = "alice", scopes: Permissions? = nil, maxPriority: Int? = nil, channels: [String] = [],
    lifetime: Duration = .seconds(600), issuedAt: Date = Date()
  ) throws -> String {
    try issuer.connectionToken(
      user: user, permissions: scopes, maxPriority: maxPriority, channels: channels, lifetime: lifetime,
      now: issuedAt)
  }

  /// Opens a socket; the session is connected only after a `connect` command.
  func open(
    headers: [String: String] = [:], query: [(name: String, value: String)] = []
  ) throws -> (session: any ClientConnectionDelegate, connection: FakeConnection) {
    var request = Request(method: .get, path: "/connection/websocket", query: query, headers: headers)
    request.headers["host"] = "localhost"
    guard case .accept(_, let session) = gateway.judge(request) else {
      throw Refused()
    }
    let connection = FakeConnection()
    session.connectionOpened(connection)
    return (session, connection)
  }

  struct Refused: Error {}

  /// Opens a socket and connects; the reply is the connection's first frame.
  func connect(
    _ user: String = "alice", scopes: Permissions? = nil
  ) async throws -> (session: any ClientConnectionDelegate, connection: FakeConnection) {
    let (session, connection) = try open()
    session.tell(#"{"id":1,"connect":{"token":"\#(try token(user, scopes: scopes))"}}"#)
    _ = await connection.frames(1)
    return (session, connection)
  }

  /// Enqueues a job of the user.
  @discardableResult
  func enqueue(_ kind: String = "echo", by user: String = "alice") async throws -> Job {
    try await broker.enqueue(JobRequest(kind: JobKind(kind)!, user: user)).job
  }

  /// Leases the next job, which must be there.
  func lease() async throws -> LeasedJob {
    let leased = try await broker.lease(
      from: [.default], limit: 1, for: .seconds(30), by: WorkerID("worker")!)
    return try #require(leased.first)
  }

  /// Reports how far the leased job has come.
  func report(_ percent: Double, of leased: LeasedJob) async throws {
    _ = try await broker.report(Progress(percent: percent), under: leased.lease)
  }

  /// Returns once the hub counts so many subscriptions.
  func subscriptions(_ count: Int) async throws {
    while gateway.hub.subscriptionCount != count {
      try Task.checkCancellation()
      await Task.yield()
    }
  }
}

extension ClientConnectionDelegate {
  /// The client sends a message.
  func tell(_ text: String) { received(Array(text.utf8)) }
}

/// One frame, read: `frame["id"]`, `frame["push"]?["pub"]`.
func json(_ text: String) throws -> JSONValue { try JSONDocument(bytes: Array(text.utf8)).root }
