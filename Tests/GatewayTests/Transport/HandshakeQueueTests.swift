import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("The order of handshakes") @EventLoop struct HandshakeQueueTests {
  private static func handshake(_ number: Int) -> [UInt8] {
    Array(
      """
      GET /\(number) HTTP/1.1\r
      Host: a\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Version: 13\r\n\r\n
      """.utf8)
  }

  @Test("a herd is let in in the order of its arrival, at the process's rate, and nobody is refused")
  func herd() async throws {
    var limits = Limits.patient
    limits.handshakesPerSecond = 200
    try await withServer(limits: limits) { delegate, server, port in
      var served: [Int] = []
      delegate.judging = { request in
        served.append(Int(request.path.dropFirst()) ?? -1)
        return .accept(subprotocol: nil, Echo())
      }
      let clock = ContinuousClock()
      let start = clock.now
      var herd: [RawSocket] = []
      for number in 0..<120 {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send(Self.handshake(number))
        // So that the order of arrival is known.
        #expect(await eventually { server.handshakes.count + served.count > number })
        herd.append(socket)
      }
      for socket in herd { #expect(try await socket.receiveAnswer().status == 101) }
      // Twenty at once, the others one in five milliseconds: never faster, however fast the machine.
      #expect(clock.now - start >= .milliseconds(480))
      #expect(served == Array(0..<120))
      #expect(server.handshakes.count == 0)
    }
  }

  @Test("who goes while it waits, or does not wait, is passed over")
  func impatient() async throws {
    var limits = Limits.patient
    limits.handshakesPerSecond = 20
    try await withServer(limits: limits) { delegate, server, port in
      var sockets: [RawSocket] = []
      for number in 0..<6 {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send(Self.handshake(number))
        #expect(await eventually { server.handshakes.count + delegate.requests.count > number })
        sockets.append(socket)
      }
      #expect(server.handshakes.count >= 3)
      sockets[3].reset()
      try await sockets[4].send(WebSocketClient.frame(.text, [0x61]))
      #expect(try await sockets[4].receiveAnswer().status == 400)
      #expect(try await sockets[5].receiveAnswer().status == 101)
      #expect(delegate.requests.map(\.path) == ["/0", "/1", "/2", "/5"])
    }
  }

  @Test("a flood from one address is refused with 429 and a time, and delays nobody else")
  func flood() async throws {
    var limits = Limits.patient
    limits.countsLoopback = true
    limits.connectionsPerAddress = 10_000
    limits.handshakesPerSecond = 20
    limits.handshakesPerAddress = 1
    try await withServer(limits: limits) { delegate, server, port in
      var crowd: [RawSocket] = []
      for number in 0..<300 {
        let socket = try await RawSocket.connect(to: port, from: "127.0.0.2")
        try await socket.send(Self.handshake(number))
        crowd.append(socket)
      }
      // One of another address waits for those that were let in at most, not for the crowd.
      let other = try await WebSocketClient.connect(to: port, path: "/other", from: "127.0.0.3")
      try await other.send("here")
      #expect(try await other.nextText() == "here")
      #expect(delegate.requests.count <= 12)
      var statuses: [Int: Int] = [:]
      for socket in crowd {
        let answer = try await socket.receiveAnswer(toHead: true)
        statuses[answer.status, default: 0] += 1
        guard answer.status == 429 else { continue }
        let seconds = answer.headers["retry-after"].flatMap(Int.init)
        #expect(seconds.map((1...7).contains) == true)
      }
      // Ten at once, and one for each second that the test took.
      #expect(statuses[101, default: 0] >= 10 && statuses[429, default: 0] > 200)
      #expect(statuses.keys.sorted() == [101, 429])
    }
  }

  @Test("slow heads stand in nobody's way")
  func slowHeads() async throws {
    var limits = Limits.patient
    limits.handshakesPerSecond = 10
    try await withServer(limits: limits) { delegate, _, port in
      var slow: [RawSocket] = []
      for number in 0..<100 {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send(Self.handshake(number).dropLast(2))
        slow.append(socket)
      }
      let client = try await WebSocketClient.connect(to: port)
      try await client.send("in")
      #expect(try await client.nextText() == "in")
      #expect(delegate.requests.count == 1)
    }
  }

  @Test("streams of pushes wait among them, and those of one address are bounded with them")
  func streams() async throws {
    var limits = Limits.patient
    limits.countsLoopback = true
    limits.handshakesPerSecond = 20
    limits.handshakesPerAddress = 1
    try await withServer(limits: limits) { delegate, server, port in
      var begun: [String] = []
      delegate.handling = { exchange in
        Task { @EventLoop in
          do throws(Problem) {
            try await exchange.awaitTurn()
            begun.append(exchange.request.path)
            if !exchange.isClosed { exchange.respond(Response(200, body: .bytes(Array("in".utf8)))) }
          } catch { exchange.respond(error.response) }
        }
      }
      var sockets: [RawSocket] = []
      for number in 0..<8 {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await eventually { server.handshakes.count + begun.count > number })
        sockets.append(socket)
      }
      #expect(server.handshakes.count > 0, "two go at once, the others one in 50 ms")
      sockets[6].reset()
      #expect(try await sockets[7].receiveAnswer().status == 200)
      // Who went is let go at once, and waits no more.
      #expect(await eventually { begun.count == 8 && server.handshakes.count == 0 })
      #expect(begun.filter { $0 != "/6" } == (0..<8).filter { $0 != 6 }.map { "/\($0)" })
      var statuses: [Int] = []
      for _ in 0..<5 {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send("GET /more HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses.append(try await socket.receiveAnswer().status)
      }
      #expect(statuses.contains(429))
    }
  }
}
