import EventLoop
import Foundation
import Logging
import Support
import Testing

@testable import Gateway

/// What stands above the transport in its tests: closures, and a record of what was heard.
@EventLoop
final class TestDelegate: TransportDelegate {
  var judging: @EventLoop (Request) -> HandshakeVerdict = { request in
    let offered = request.headers["sec-websocket-protocol"] ?? ""
    return .accept(
      subprotocol: offered.contains("centrifuge-json") ? "centrifuge-json" : nil, Echo())
  }
  var handling: @EventLoop (any Exchange) -> Void = { exchange in
    Task { await TestDelegate.answer(exchange) }
  }
  private(set) var requests: [Request] = []

  func judge(_ handshake: Request) -> HandshakeVerdict {
    requests.append(handshake)
    return judging(handshake)
  }

  func handle(_ exchange: any Exchange) {
    requests.append(exchange.request)
    handling(exchange)
  }

  /// Answers a GET with its path and a POST with its body.
  @EventLoop static func answer(_ exchange: any Exchange, limit: Int = 1 << 20) async {
    do {
      let body = try await exchange.body(limit: limit)
      let text = exchange.request.contentLength == nil ? Array(exchange.request.path.utf8) : body
      exchange.respond(Response(200, headers: [("content-type", "text/plain")], body: .bytes(text)))
    } catch RequestBodyError.tooLarge {
      exchange.respond(Response(413, body: .bytes(Array("too large".utf8))))
    } catch {
      // The client has gone: there is nobody to answer.
      guard !exchange.isClosed else { return }
      exchange.respond(Response(500))
    }
  }
}

/// A session that sends back what it receives and tells what it hears.
@EventLoop
final class Echo: ClientConnectionDelegate {
  weak var connection: (any ClientConnection)?
  var opened: (@EventLoop (any ClientConnection) -> Void)?
  var receiving: (@EventLoop ([UInt8]) -> Void)?
  var drained: (@EventLoop () -> Void)?
  let closed = Signal()
  let wantsCompression: Bool

  init(wantsCompression: Bool = false) { self.wantsCompression = wantsCompression }

  func connectionOpened(_ connection: any ClientConnection) {
    self.connection = connection
    opened?(connection)
  }
  func received(_ message: [UInt8]) {
    if let receiving { return receiving(message) }
    connection?.send([PreparedFrame(text: message)])
  }
  func connectionDrained() { drained?() }
  func connectionClosed() {
    // They hold the connection, which holds this.
    opened = nil
    receiving = nil
    drained = nil
    closed.fire()
  }
}

/// Something that happens once, and can be waited for.
@EventLoop
final class Signal {
  private(set) var hasFired = false
  private var waiters: [CheckedContinuation<Bool, Never>] = []

  func fire() {
    guard !hasFired else { return }
    hasFired = true
    for waiter in waiters { waiter.resume(returning: true) }
    waiters = []
  }

  /// True once it has happened, false where it has not within `patience`.
  func happens(within patience: Duration = .seconds(30)) async -> Bool {
    if hasFired { return true }
    let timer = LoopTimer(after: patience) { [weak self] in
      guard let self else { return }
      for waiter in waiters { waiter.resume(returning: false) }
      waiters = []
    }
    defer { timer.stop() }
    return await withCheckedContinuation { waiters.append($0) }
  }
}

/// Runs `body` against a server on a free loopback port, and shuts it down.
@EventLoop
func withServer(
  limits: Limits = Limits.patient, host: String = "127.0.0.1",
  _ body: @EventLoop (TestDelegate, WebSocketServer, Int) async throws -> Void
) async throws {
  let delegate = TestDelegate()
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let server = WebSocketServer(limits: limits, delegate: delegate, logger: logger)
  do {
    let port = try server.listen(on: host, port: 0)
    try await body(delegate, server, port)
  } catch {
    await server.shutdown()
    throw error
  }
  await server.shutdown()
}

/// Runs `body` with a socket that is connected to such a server.
@EventLoop
func withSocket(
  _ body: @EventLoop (TestDelegate, RawSocket) async throws -> Void
) async throws {
  try await withServer { delegate, _, port in
    try await body(delegate, RawSocket.connect(to: port))
  }
}

/// Waits, turn by turn, until something holds; false where it does not in good time.
@EventLoop
func eventually(_ holds: @EventLoop () -> Bool) async -> Bool {
  let clock = ContinuousClock()
  let end = clock.now + .seconds(20)
  while !holds() {
    guard clock.now < end else { return false }
    await turn()
  }
  return true
}

/// Lets the loop turn, so that the server in the same process gets its share.
@EventLoop
func turn() async {
  var timer: LoopTimer?
  await withCheckedContinuation { continuation in
    timer = LoopTimer(after: .milliseconds(2)) { continuation.resume() }
  }
  timer?.stop()
}

extension RawSocket {
  /// Sends a request and reads its answer.
  func exchange(_ request: String, toHead: Bool = false) async throws -> HTTPAnswer {
    try await send(request)
    return try await receiveAnswer(toHead: toHead)
  }
}

/// Runs `body` with a session of a server, its client, and the server.
@EventLoop
func withClient(
  limits: Limits = Limits.patient, receiveBuffer: Int? = nil,
  _ body: @EventLoop (Echo, WebSocketClient, WebSocketServer) async throws -> Void
) async throws {
  try await withServer(limits: limits) { delegate, server, port in
    let echo = Echo()
    delegate.judging = { _ in .accept(subprotocol: nil, echo) }
    let client = try await WebSocketClient.connect(to: port, receiveBuffer: receiveBuffer)
    #expect(await eventually { echo.connection != nil })
    try await body(echo, client, server)
  }
}

extension Limits {
  /// With room for a loop that all tests share: only what a test sets itself runs out in it.
  static var patient: Limits {
    var limits = Limits()
    limits.headDeadline = .seconds(120)
    limits.idle = .seconds(120)
    limits.closeDeadline = .seconds(60)
    limits.drainDeadline = .seconds(60)
    return limits
  }
}
