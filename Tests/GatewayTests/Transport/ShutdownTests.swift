import EventLoop
import Foundation
import Logging
import Support
import Testing

@testable import Gateway

@Suite("Listening and ending") @EventLoop struct ShutdownTests {
  private func makeServer(_ delegate: TestDelegate) -> WebSocketServer {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return WebSocketServer(limits: .patient, delegate: delegate, logger: logger)
  }

  @Test("a server listens on exactly the address that was asked for")
  func boundAddress() async throws {
    try await withServer { _, _, port in
      _ = try await RawSocket.connect(to: port)
      // Another address of the same loopback, and IPv6: nobody is there.
      for host in ["127.0.0.2", "::1"] {
        await #expect(throws: RawSocket.Failure.cannotConnect(errno: ECONNREFUSED)) {
          _ = try await RawSocket.connect(to: port, host: host)
        }
      }
    }
    try await withServer(host: "[::1]") { delegate, _, port in
      let client = try await WebSocketClient.connect(to: port, host: "::1")
      try await client.send("six")
      #expect(try await client.nextText() == "six")
      #expect(delegate.requests.map(\.peer) == ["::1"])
      await #expect(throws: RawSocket.Failure.cannotConnect(errno: ECONNREFUSED)) {
        _ = try await RawSocket.connect(to: port)
      }
    }
  }

  @Test("two servers share a port")
  func sharedPort() async throws {
    try await withServer { _, _, port in
      let second = makeServer(TestDelegate())
      let secondPort = try second.listen(on: "127.0.0.1", port: port)
      #expect(secondPort == port)
      await second.shutdown()
    }
  }

  @Test("a place that cannot be listened on is named")
  func badAddress() async throws {
    let server = makeServer(TestDelegate())
    for host in ["example.org", "300.0.0.1", "", "192.0.2.1", "unix:/nowhere/at/all"] {
      do {
        try server.listen(on: host, port: 0)
        Issue.record("listens on \(host)")
      } catch {
        #expect(error.description.hasPrefix("cannot "))
      }
    }
    await server.shutdown()
  }

  @Test("a Unix socket is listened on, and its path is free again afterwards")
  func unixSocket() async throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "fanfare-\(UUID().uuidString).sock"
    ).path
    let delegate = TestDelegate()
    let server = makeServer(delegate)
    _ = try server.listen(on: "unix:\(path)", port: 0)
    let socket = try await RawSocket.connect(toUnix: path)
    #expect(try await socket.exchange(HTTPConnectionTests.get("/unix")).text == "/unix")
    #expect(delegate.requests.map(\.peer) == ["unix"])
    await server.shutdown()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("a server that accepts no more still answers what it has in hand")
  func stopAccepting() async throws {
    try await withServer { delegate, server, port in
      var exchange: (any Exchange)?
      delegate.handling = { exchange = $0 }
      let busy = try await RawSocket.connect(to: port)
      try await busy.send(HTTPConnectionTests.get("/"))
      let idle = try await RawSocket.connect(to: port)
      let client = try await WebSocketClient.connect(to: port)
      #expect(await eventually { exchange != nil && server.connectionCount == 3 })
      server.stopAccepting()
      #expect(try await idle.receiveToEnd().isEmpty)
      await #expect(throws: RawSocket.Failure.cannotConnect(errno: ECONNREFUSED)) {
        _ = try await RawSocket.connect(to: port)
      }
      exchange?.respond(Response(200))
      #expect(try await busy.receiveAnswer().headers["connection"] == "close")
      try await client.send("still here")
      #expect(try await client.nextText() == "still here")
    }
  }

  @Test("a server whose socket another process takes over serves whom it has accepted, a handshake too")
  func stopListening() async throws {
    try await withServer { delegate, server, port in
      let asking = try await RawSocket.connect(to: port)
      let upgrading = try await RawSocket.connect(to: port)
      let idle = try await RawSocket.connect(to: port)
      #expect(try await idle.exchange(HTTPConnectionTests.get("/")).status == 200)
      #expect(await eventually { server.connectionCount == 3 })
      server.stopListening()
      #expect(try await idle.receiveToEnd().isEmpty, "it had its answer")
      let answer = try await asking.exchange(HTTPConnectionTests.get("/late"))
      #expect(answer.status == 200 && answer.headers["connection"] == "close")
      try await upgrading.send(
        "GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
      #expect(try await upgrading.receiveAnswer(toHead: true).status == 101)
      asking.close()
      await server.untilAnswered(within: .seconds(30))
      #expect(server.httpConnectionCount == 0 && server.webSocketCount == 1)
      #expect(delegate.requests.map(\.path).contains("/late"))
    }
  }

  @Test("servers accept one after the other from a socket that was opened elsewhere, and nobody is refused between")
  func inheritedSocket() async throws {
    let socket = try ListeningSocket(on: "127.0.0.1", port: 0, backlog: 16)
    for _ in 0..<2 {
      let waiting = try await RawSocket.connect(to: socket.port)
      try await waiting.send(HTTPConnectionTests.get("/"))
      let server = makeServer(TestDelegate())
      // As a child has it: a number of its own for the same socket.
      #expect(try server.listen(inherited: dup(socket.descriptor)) == socket.port)
      #expect(try await waiting.receiveAnswer().status == 200)
      await server.shutdown()
    }
    let wrong = makeServer(TestDelegate())
    let file = open("/dev/null", O_RDONLY)
    for descriptor in [file, -1] {
      #expect(throws: WebSocketServer.Failure.self) { try wrong.listen(inherited: descriptor) }
    }
    close(file)
    await wrong.shutdown()
    socket.close()
    await #expect(throws: RawSocket.Failure.cannotConnect(errno: ECONNREFUSED)) {
      _ = try await RawSocket.connect(to: socket.port)
    }
  }

  @Test("a shutdown ends everything that is open and tells everybody")
  func shutdownWithOpenConnections() async throws {
    let delegate = TestDelegate()
    let server = makeServer(delegate)
    let port = try server.listen(on: "127.0.0.1", port: 0)
    var sessions: [Echo] = []
    delegate.judging = { _ in
      let echo = Echo()
      sessions.append(echo)
      return .accept(subprotocol: nil, echo)
    }
    let exchangeClosed = Signal()
    let streamClosed = Signal()
    let bodyInterrupted = Signal()
    delegate.handling = { exchange in
      switch exchange.request.path {
      case "/wait": exchange.whenClosed = { exchangeClosed.fire() }
      case "/stream":
        exchange.respond(
          Response(
            200, body: .stream { stream in stream.whenClosed = { streamClosed.fire() } }))
      default:
        Task {
          do {
            _ = try await exchange.body(limit: 1000)
          } catch RequestBodyError.interrupted { bodyInterrupted.fire() }
        }
      }
    }
    var clients: [WebSocketClient] = []
    for _ in 0..<20 {
      clients.append(try await WebSocketClient.connect(to: port, receiveBuffer: 65_536))
    }
    // Some of them in the middle of things.
    try await clients[0].socket.send(WebSocketClient.frame(.text, [0x61], final: false))
    let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
    #expect(
      await eventually { sessions.count == 20 && sessions.allSatisfy { $0.connection != nil } })
    while sessions[1].connection?.isBehind == false { sessions[1].connection?.send([frame]) }
    sessions[2].connection?.pauseReading()
    sessions[3].connection?.close(code: 3001, reason: "shutdown")
    var sockets: [RawSocket] = []
    for request in [
      HTTPConnectionTests.get("/wait"), HTTPConnectionTests.get("/stream"),
      HTTPConnectionTests.post("half", length: 10), "GET /half",
    ] {
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(request)
      sockets.append(socket)
    }
    #expect(await eventually { server.connectionCount == 24 && delegate.requests.count == 23 })
    await server.shutdown()
    #expect(server.connectionCount == 0)
    #expect(sessions.allSatisfy { $0.closed.hasFired })
    #expect(exchangeClosed.hasFired && streamClosed.hasFired)
    #expect(await bodyInterrupted.happens())
    // Calls that come late are heard by nobody.
    sessions[0].connection?.send([frame])
    sessions[0].connection?.close(code: 3000, reason: "late")
    await server.shutdown()
    for client in clients { client.socket.close() }
    for socket in sockets { socket.close() }
  }

  @Test("a server lets go of everything when it ends")
  func nothingIsLeft() async throws {
    weak var server: WebSocketServer?
    weak var delegate: TestDelegate?
    do {
      let strongDelegate = TestDelegate()
      let strong = makeServer(strongDelegate)
      (server, delegate) = (strong, strongDelegate)
      let port = try strong.listen(on: "127.0.0.1", port: 0)
      let visit = Task { @EventLoop in
        let client = try await WebSocketClient.connect(to: port)
        let socket = try await RawSocket.connect(to: port)
        #expect(try await socket.exchange(HTTPConnectionTests.get("/")).status == 200)
        return client
      }
      let client = await visit.result
      // Whatever came of the visit: a server is not let go without this.
      await strong.shutdown()
      try client.get().socket.close()
    }
    #expect(await eventually { server == nil && delegate == nil })
  }
}
