import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("Limits: connections") @EventLoop struct LimitsTests {
  @Test("end when a head is too slow, but tell the client")
  func slowHead() async throws {
    var limits = Limits.patient
    limits.headDeadline = .seconds(3)
    try await withServer(limits: limits) { _, server, port in
      let silent = try await RawSocket.connect(to: port)
      let slow = try await RawSocket.connect(to: port)
      try await slow.send("GET / HTTP/1.1\r\nHost:")
      #expect(try await slow.receiveAnswer().status == 408)
      #expect(try await silent.receiveToEnd().isEmpty)
      silent.close()
      slow.close()
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("end when a body comes too slowly")
  func slowBody() async throws {
    var limits = Limits.patient
    limits.rateWindow = .milliseconds(500)
    limits.bodyRate = 1000
    try await withServer(limits: limits) { delegate, _, port in
      let interrupted = Signal()
      delegate.handling = { exchange in
        Task {
          do {
            _ = try await exchange.body(limit: 100_000)
          } catch RequestBodyError.interrupted {
            #expect(exchange.isClosed)
            interrupted.fire()
          }
        }
      }
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(HTTPConnectionTests.post("0123456789", length: 50_000))
      // Something comes all the time, but never enough.
      let drip = LoopTimer(every: .milliseconds(100)) { _ = socket.sendSome([0x61]) }
      #expect(try await socket.receiveAnswer().status == 408)
      drip.stop()
      #expect(await interrupted.happens())
    }
  }

  @Test("end when a whole body takes too long, at whatever rate")
  func bodyDeadline() async throws {
    var limits = Limits.patient
    limits.bodyDeadline = .milliseconds(400)
    limits.bodyRate = 1
    try await withServer(limits: limits) { _, _, port in
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(HTTPConnectionTests.post("", length: 50_000))
      let drip = LoopTimer(every: .milliseconds(50)) { _ = socket.sendSome([0x61, 0x61]) }
      #expect(try await socket.receiveAnswer().status == 408)
      drip.stop()
    }
  }

  @Test("end with 503 when nobody answers")
  func noAnswer() async throws {
    var limits = Limits.patient
    limits.answerDeadline = .milliseconds(300)
    try await withServer(limits: limits) { delegate, _, port in
      let closed = Signal()
      var kept: (any Exchange)?
      delegate.handling = { exchange in
        exchange.whenClosed = { closed.fire() }
        kept = exchange
      }
      let socket = try await RawSocket.connect(to: port)
      #expect(try await socket.exchange(HTTPConnectionTests.get("/")).status == 503)
      #expect(await closed.happens())
      // An answer that comes later reaches nobody, and hurts nobody.
      kept?.respond(Response(200))
      #expect(try await socket.receiveToEnd().isEmpty)
    }
  }

  @Test("are let go after a while without a request")
  func idle() async throws {
    var limits = Limits.patient
    limits.idle = .milliseconds(300)
    try await withServer(limits: limits) { _, _, port in
      let socket = try await RawSocket.connect(to: port)
      #expect(try await socket.exchange(HTTPConnectionTests.get("/")).status == 200)
      #expect(try await socket.receiveToEnd().isEmpty)
    }
  }

  @Test("that half-finish requests by the hundred keep nobody else waiting")
  func halfSentRequests() async throws {
    try await withServer { _, server, port in
      var crowd: [RawSocket] = []
      for _ in 0..<600 {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send("GET / HTTP/1.1\r\nHost: a\r\nX-Half: ")
        crowd.append(socket)
      }
      #expect(await eventually { server.httpConnectionCount == 600 })
      let client = try await WebSocketClient.connect(to: port)
      try await client.send("hello")
      #expect(try await client.nextText() == "hello")
      let socket = try await RawSocket.connect(to: port)
      #expect(try await socket.exchange(HTTPConnectionTests.get("/")).status == 200)
      for socket in crowd { socket.reset() }
      #expect(await eventually { server.httpConnectionCount == 1 })
    }
  }

  @Test("are limited in number, together and for each address")
  func connectionLimits() async throws {
    var limits = Limits.patient
    limits.connections = 4
    try await withServer(limits: limits) { _, server, port in
      var sockets: [RawSocket] = []
      for _ in 0..<4 { sockets.append(try await RawSocket.connect(to: port)) }
      #expect(await eventually { server.connectionCount == 4 })
      let fifth = try await RawSocket.connect(to: port)
      #expect(try await fifth.receiveAnswer().status == 503)
      sockets[0].close()
      #expect(await eventually { server.connectionCount == 3 })
      let sixth = try await RawSocket.connect(to: port)
      #expect(try await sixth.exchange(HTTPConnectionTests.get("/")).status == 200)
    }
    limits.connections = 100
    limits.connectionsPerAddress = 3
    limits.countsLoopback = true
    try await withServer(limits: limits) { _, server, port in
      var sockets: [RawSocket] = []
      for _ in 0..<2 { sockets.append(try await RawSocket.connect(to: port)) }
      let client = try await WebSocketClient.connect(to: port)
      #expect(await eventually { server.connectionCount == 3 })
      let fourth = try await RawSocket.connect(to: port)
      #expect(try await fourth.receiveAnswer().status == 429)
      try await client.close()
      #expect(await eventually { server.connectionCount == 2 })
      let fifth = try await RawSocket.connect(to: port)
      #expect(try await fifth.exchange(HTTPConnectionTests.get("/")).status == 200)
    }
  }
}
