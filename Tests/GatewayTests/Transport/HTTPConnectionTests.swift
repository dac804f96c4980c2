import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("HTTP connections") @EventLoop struct HTTPConnectionTests {
  static func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }
  static func post(_ body: String, length: Int? = nil, _ more: String = "") -> String {
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length ?? body.utf8.count)\r\n\(more)\r\n\(body)"
  }

  @Test("stay open for the next request, with and without a body")
  func keepAlive() async throws {
    try await withServer { _, server, port in
      let socket = try await RawSocket.connect(to: port)
      for index in 0..<5 {
        let get = try await socket.exchange(Self.get("/\(index)"))
        #expect(get.text == "/\(index)" && get.headers["connection"] == nil)
        #expect(try await socket.exchange(Self.post("body \(index)")).text == "body \(index)")
      }
      #expect(server.connectionCount == 1)
      let last = try await socket.exchange(
        "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(last.headers["connection"] == "close")
      #expect(try await socket.receiveToEnd().isEmpty)
    }
  }

  @Test("answer pipelined requests in their order, bodies or not, and go on serving")
  func pipelining() async throws {
    try await withServer { _, _, port in
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(
        Self.post("one") + Self.post("two") + Self.get("/three") + Self.post("four")
          + Self.get("/five"))
      for expected in ["one", "two", "/three", "four", "/five"] {
        #expect(try await socket.receiveAnswer().text == expected)
      }
      let other = try await RawSocket.connect(to: port)
      #expect(try await other.exchange(Self.get("/other")).text == "/other")
      try await socket.send((0..<200).map { Self.get("/\($0)") }.joined())
      for index in 0..<200 { #expect(try await socket.receiveAnswer().text == "/\(index)") }
    }
  }

  @Test("that poll are read together, and stay as good as others", arguments: [2, 150])
  func polling(count: Int) async throws {
    try await withServer { delegate, server, port in
      delegate.handling = { exchange in
        Task {
          let path = exchange.request.path
          guard path.hasPrefix("/poll") else { return await TestDelegate.answer(exchange) }
          var response = Response(200, body: .bytes(Array(path.utf8)))
          response.isAskedAgain = true
          exchange.respond(response)
        }
      }
      var sockets: [RawSocket] = []
      for _ in 0..<count { sockets.append(try await RawSocket.connect(to: port)) }
      for round in 0..<3 {
        for (index, socket) in sockets.enumerated() { try await socket.send(Self.get("/poll/\(index)/\(round)")) }
        for (index, socket) in sockets.enumerated() {
          #expect(try await socket.receiveAnswer().text == "/poll/\(index)/\(round)")
        }
      }
      #expect(server.patient.count == count)
      // A body comes piece by piece, and requests sent ahead wait; then it is a caller like any other.
      try await sockets[0].send(Self.post("one", length: 6))
      try await sockets[0].send("two" + Self.get("/poll/x") + Self.get("/y"))
      for expected in ["onetwo", "/poll/x", "/y"] { #expect(try await sockets[0].receiveAnswer().text == expected) }
      #expect(await eventually { server.patient.count == count - 1 })
      // Who goes is missed.
      sockets[1].close()
      #expect(await eventually { server.connectionCount == count - 1 })
      #expect(server.patient.count == count - 2)
      server.stopAccepting()
      #expect(await eventually { server.connectionCount == 0 })
      #expect(server.patient.count == 0)
    }
  }

  @Test("write answers in a form that clients can rely on")
  func answers() async throws {
    try await withServer { delegate, _, port in
      delegate.handling = { exchange in
        switch exchange.request.path {
        case "/204": exchange.respond(Response(204))
        case "/304": exchange.respond(Response(304, headers: [("etag", "\"a\"")]))
        case "/429": exchange.respond(Response(429, headers: [("retry-after", "41")]))
        case "/bad":
          exchange.respond(
            Response(200, headers: [("x-bad", "a\r\nx-injected: b"), ("x-good", "c")]))
        default: exchange.respond(Response(200, body: .bytes(Array("body".utf8))))
        }
      }
      let socket = try await RawSocket.connect(to: port)
      let plain = try await socket.exchange(Self.get("/"))
      #expect(plain.reason == "OK" && plain.text == "body")
      let date = try #require(plain.headers["date"])
      #expect(date.hasSuffix(" GMT") && date.utf8.count == 29)
      let head = try await socket.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", toHead: true)
      #expect(head.status == 200 && head.headers["content-length"] == "4")
      let none = try await socket.exchange(Self.get("/204"))
      #expect(none.status == 204 && none.headers["content-length"] == nil)
      let same = try await socket.exchange(Self.get("/304"))
      #expect(same.status == 304 && same.headers["content-length"] == nil)
      #expect(same.headers["etag"] == "\"a\"")
      let many = try await socket.exchange(Self.get("/429"))
      #expect(many.reason == "Too Many Requests" && many.headers["retry-after"] == "41")
      let bad = try await socket.exchange(Self.get("/bad"))
      #expect(bad.headers["x-injected"] == nil && bad.headers["x-bad"] == nil)
      #expect(bad.headers["x-good"] == "c")
      #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
  }

  @Test("ask for an awaited body only once somebody wants it")
  func continuing() async throws {
    try await withServer { delegate, _, port in
      let socket = try await RawSocket.connect(to: port)
      let expecting = "Expect: 100-continue\r\n"
      try await socket.send(Self.post("", length: 5, expecting))
      #expect(try await socket.receiveAnswer().status == 100)
      try await socket.send("hello")
      #expect(try await socket.receiveAnswer().text == "hello")
      // A refusal needs no body at all.
      delegate.handling = { $0.respond(Response(401)) }
      try await socket.send(Self.post("", length: 5, expecting))
      let refusal = try await socket.receiveAnswer()
      #expect(refusal.status == 401 && refusal.headers["connection"] == "close")
      #expect(try await socket.receiveToEnd().isEmpty)
    }
  }

  @Test(
    "let a client read a refusal while it is still sending its body", arguments: [401, 413, 429])
  func earlyAnswer(status: Int) async throws {
    var limits = Limits.patient
    limits.drainSize = 8 << 20
    try await withServer(limits: limits) { delegate, server, port in
      delegate.handling = { exchange in
        Task {
          if status == 413 { return await TestDelegate.answer(exchange, limit: 10) }
          exchange.respond(Response(status, body: .bytes(Array("no".utf8))))
        }
      }
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(Self.post("", length: 4 << 20))
      // More than both ends' buffers hold: it goes out only because it is read away.
      try await socket.send([UInt8](repeating: 0x61, count: 4 << 20))
      let answer = try await socket.receiveAnswer()
      #expect(answer.status == status && answer.headers["connection"] == "close")
      #expect(try await socket.receiveToEnd().isEmpty)
      socket.close()
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("read away only so much after an early answer")
  func boundedDrain() async throws {
    var limits = Limits.patient
    limits.drainSize = 100_000
    try await withServer(limits: limits) { delegate, server, port in
      delegate.handling = { $0.respond(Response(401)) }
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(Self.post("", length: 1 << 30))
      await #expect(throws: RawSocket.Failure.reset) {
        try await socket.send([UInt8](repeating: 0x61, count: 1 << 25))
      }
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("hold a body back while it is worked on")
  func bodyBackPressure() async throws {
    try await withServer { delegate, _, port in
      var taken = 0
      let first = Signal()
      let goOn = Signal()
      let done = Signal()
      delegate.handling = { exchange in
        Task {
          try await exchange.readBody(limit: 1 << 30) { piece in
            #expect(piece.count <= 65_536)
            taken += piece.count
            first.fire()
            _ = await goOn.happens()
          }
          exchange.respond(Response(200))
          done.fire()
        }
      }
      let socket = try await RawSocket.connect(to: port)
      let size = 32 << 20
      try await socket.send(Self.post("", length: size))
      let body = [UInt8](repeating: 0x61, count: size)
      var sent = 0
      // Sends until the kernel's buffers are full: the server reads no further.
      #expect(await first.happens(within: .zero) == false)
      while true {
        let count = socket.sendSome(body[sent...])
        if count > 0 { sent += count }
        if count == 0, first.hasFired { break }
        if count == 0 { _ = await first.happens() }
      }
      #expect(taken <= 65_536)
      #expect(sent < size)
      goOn.fire()
      try await socket.send(body[sent...])
      #expect(try await socket.receiveAnswer().status == 200)
      #expect(taken == size)
    }
  }

  @Test("whose client vanishes in the middle of a body tell the reader")
  func vanishingMidBody() async throws {
    try await withServer { delegate, server, port in
      let interrupted = Signal()
      let closed = Signal()
      delegate.handling = { exchange in
        exchange.whenClosed = { closed.fire() }
        Task {
          do {
            _ = try await exchange.body(limit: 100_000)
          } catch RequestBodyError.interrupted { interrupted.fire() }
        }
      }
      for vanishes in [RawSocket.reset, RawSocket.close] {
        let socket = try await RawSocket.connect(to: port)
        try await socket.send(Self.post("part", length: 50_000))
        #expect(await eventually { !delegate.requests.isEmpty })
        vanishes(socket)()
        #expect(await interrupted.happens())
        #expect(await closed.happens())
        #expect(await eventually { server.connectionCount == 0 })
      }
    }
  }

  @Test("are let go whole: a thousand come and go, and nothing of them is left")
  func churn() async throws {
    try await withServer { delegate, server, port in
      weak var lastExchange: HTTPExchange?
      weak var lastConnection: HTTPConnection?
      delegate.handling = { exchange in
        lastExchange = exchange as? HTTPExchange
        lastConnection = server.requests.values.first
        exchange.respond(Response(200))
      }
      for number in 0..<1000 {
        let socket = try await RawSocket.connect(to: port)
        switch number % 4 {
        case 0: socket.reset()
        case 1: try await socket.send("GET / HT")
        case 2: try await socket.send(Self.get("/"))
        default: #expect(try await socket.exchange(Self.get("/")).status == 200)
        }
        socket.close()
      }
      #expect(await eventually { server.connectionCount == 0 })
      #expect(await eventually { lastExchange == nil && lastConnection == nil })
    }
  }

  @Test("still answer a client that has finished sending")
  func halfClosed() async throws {
    try await withServer { _, server, port in
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(Self.post("hello"))
      socket.finishSending()
      #expect(try await socket.receiveAnswer().text == "hello")
      #expect(try await socket.receiveToEnd().isEmpty)
      #expect(await eventually { server.connectionCount == 0 })
    }
  }
}
