import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("Bodies of answers") @EventLoop struct AnswerBodyTests {
  /// A file of `size` bytes, each telling where it is.
  static func withFile(
    _ size: Int, _ body: @EventLoop (String, [UInt8]) async throws -> Void
  ) async throws {
    let block = (0..<9973).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var bytes: [UInt8] = []
    while bytes.count < size { bytes += block.prefix(size - bytes.count) }
    let url = FileManager.default.temporaryDirectory.appending(
      path: "fanfare-transport-\(UUID().uuidString)")
    try Data(bytes).write(to: url)
    defer { _ = unlink(url.path) }
    try await body(url.path, bytes)
  }

  @Test("from files are sent whole and in part, and the connection goes on")
  func files() async throws {
    try await Self.withFile(1_500_000) { path, bytes in
      try await withServer { delegate, _, port in
        delegate.handling = { exchange in
          switch exchange.request.path {
          case "/whole":
            exchange.respond(
              Response(200, body: .file(path: path, offset: 0, length: Int64(bytes.count))))
          case "/part":
            exchange.respond(
              Response(
                206, headers: [("content-range", "bytes 1000-70999/\(bytes.count)")],
                body: .file(path: path, offset: 1000, length: 70_000)))
          case "/empty":
            exchange.respond(Response(200, body: .file(path: path, offset: 0, length: 0)))
          case "/missing":
            exchange.respond(Response(200, body: .file(path: path + "x", offset: 0, length: 1)))
          default:
            exchange.respond(
              Response(200, body: .file(path: path, offset: 0, length: Int64(bytes.count) + 1)))
          }
        }
        let socket = try await RawSocket.connect(to: port)
        #expect(try await socket.exchange(HTTPConnectionTests.get("/whole")).body == bytes)
        let part = try await socket.exchange(HTTPConnectionTests.get("/part"))
        #expect(part.status == 206 && part.body == Array(bytes[1000..<71_000]))
        let head = try await socket.exchange(
          "HEAD /whole HTTP/1.1\r\nHost: a\r\n\r\n", toHead: true)
        #expect(head.headers["content-length"] == "1500000")
        #expect(try await socket.exchange(HTTPConnectionTests.get("/empty")).body.isEmpty)
        #expect(try await socket.exchange(HTTPConnectionTests.get("/missing")).status == 404)
        // More was promised than there is: the connection breaks off rather than lie.
        await #expect(throws: RawSocket.Failure.self) {
          _ = try await socket.exchange(HTTPConnectionTests.get("/short"))
        }
      }
    }
  }

  @Test("from files wait for a slow reader, a piece at a time")
  func slowReader() async throws {
    try await Self.withFile(6 << 20) { path, bytes in
      try await withServer { delegate, server, port in
        delegate.handling = {
          $0.respond(Response(200, body: .file(path: path, offset: 0, length: Int64(bytes.count))))
        }
        let socket = try await RawSocket.connect(to: port, receiveBuffer: 65_536)
        try await socket.send(HTTPConnectionTests.get("/"))
        let connection = try await #require(Self.connection(of: server))
        #expect(await eventually { connection.hasOutput })
        #expect(connection.pendingOutput <= 65_536 + 1024)
        let answer = try await socket.receiveAnswer()
        #expect(answer.body == bytes)
      }
    }
  }

  private static func connection(of server: WebSocketServer) async -> HTTPConnection? {
    _ = await eventually { server.httpConnectionCount == 1 }
    return server.requests.values.first
  }

  @Test("end with the connection when the reader does not read")
  func stalledReader() async throws {
    var limits = Limits.patient
    limits.rateWindow = .milliseconds(400)
    try await Self.withFile(6 << 20) { path, bytes in
      try await withServer(limits: limits) { delegate, server, port in
        let closed = Signal()
        delegate.handling = {
          $0.whenClosed = { closed.fire() }
          $0.respond(Response(200, body: .file(path: path, offset: 0, length: Int64(bytes.count))))
        }
        let socket = try await RawSocket.connect(to: port, receiveBuffer: 65_536)
        try await socket.send(HTTPConnectionTests.get("/"))
        #expect(await closed.happens())
        #expect(await eventually { server.connectionCount == 0 })
        socket.close()
      }
    }
  }

  @Test("from files end when the client vanishes")
  func vanishingMidDownload() async throws {
    try await Self.withFile(6 << 20) { path, bytes in
      try await withServer { delegate, server, port in
        let closed = Signal()
        delegate.handling = {
          $0.whenClosed = { closed.fire() }
          $0.respond(Response(200, body: .file(path: path, offset: 0, length: Int64(bytes.count))))
        }
        let socket = try await RawSocket.connect(to: port, receiveBuffer: 65_536)
        try await socket.send(HTTPConnectionTests.get("/"))
        _ = try await socket.receive(exactly: 1000)
        socket.reset()
        #expect(await closed.happens())
        #expect(await eventually { server.connectionCount == 0 })
      }
    }
  }

  @Test("as streams go out as they are written, and end when told")
  func stream() async throws {
    try await withServer { delegate, _, port in
      var stream: (any ResponseStream)?
      let closed = Signal()
      delegate.handling = { exchange in
        exchange.whenClosed = { closed.fire() }
        exchange.respond(
          Response(
            200, headers: [("content-type", "text/event-stream")],
            body: .stream { opened in
              stream = opened
              opened.write(Array("data: 1\n\n".utf8))
            }))
      }
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(HTTPConnectionTests.get("/"))
      let head = String(
        decoding: try await socket.receive(until: "\r\n\r\n"), as: UTF8.self)
      #expect(head.contains("connection: close") && !head.contains("content-length"))
      #expect(try await socket.receive(until: "\n\n") == Array("data: 1\n\n".utf8))
      stream?.write(Array("data: 2\n\n".utf8))
      #expect(try await socket.receive(until: "\n\n") == Array("data: 2\n\n".utf8))
      stream?.finish()
      stream?.write(Array("late".utf8))
      #expect(try await socket.receiveToEnd().isEmpty)
      #expect(await closed.happens())
    }
  }

  @Test("as streams say when the reader is behind, and when not any more")
  func streamBackPressure() async throws {
    try await withServer { delegate, _, port in
      var stream: (any ResponseStream)?
      let drained = Signal()
      delegate.handling = { exchange in
        exchange.respond(
          Response(
            200,
            body: .stream { opened in
              stream = opened
              opened.whenDrained = { drained.fire() }
            }))
      }
      let socket = try await RawSocket.connect(to: port, receiveBuffer: 65_536)
      try await socket.send(HTTPConnectionTests.get("/"))
      _ = try await socket.receive(until: "\r\n\r\n")
      var written = 0
      let opened = try #require(stream)
      while !opened.isBehind {
        opened.write([UInt8](repeating: 0x61, count: 10_000))
        written += 10_000
      }
      #expect(!drained.hasFired)
      #expect(try await socket.receive(exactly: written).count == written)
      #expect(await drained.happens())
      #expect(!opened.isBehind)
      opened.finish()
      #expect(try await socket.receiveToEnd().isEmpty)
    }
  }

  @Test("as streams end when the client vanishes", arguments: [true, false])
  func vanishingMidStream(byReset: Bool) async throws {
    try await withServer { delegate, server, port in
      let closed = Signal()
      delegate.handling = { exchange in
        exchange.respond(
          Response(
            200,
            body: .stream { opened in
              opened.whenClosed = { closed.fire() }
              opened.write(Array("x".utf8))
            }))
      }
      let socket = try await RawSocket.connect(to: port)
      try await socket.send(HTTPConnectionTests.get("/"))
      _ = try await socket.receive(until: "x")
      if byReset { socket.reset() } else { socket.close() }
      #expect(await closed.happens())
      #expect(await eventually { server.connectionCount == 0 })
    }
  }
}
