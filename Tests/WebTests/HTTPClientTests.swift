import Foundation
import Support
import Synchronization
import Testing

@testable import Web

@Suite("The HTTP client", .timeLimit(.minutes(1))) struct HTTPClientTests {
  private let client = HTTPClient()

  private func request(
    _ server: SocketServer, _ path: String = "/", host: String = "127.0.0.1",
    _ change: (inout HTTPLimits) -> Void = { _ in }
  ) throws -> HTTPRequest {
    var limits = HTTPLimits(addresses: .any, size: 1 << 20)
    change(&limits)
    return HTTPRequest(.get, try WebAddress("http://\(host):\(server.port)\(path)"), limits: limits)
  }

  /// What a request ends with that ends badly.
  private func fault(_ request: HTTPRequest) async throws -> HTTPError? {
    do throws(HTTPError) { _ = try await client.send(request) } catch { return error }
    return nil
  }

  @Test("gives the head and the body of an answer, and the connection to the next request")
  func answer() async throws {
    let server = SocketServer { socket in
      while case let head = socket.readHead(), !head.isEmpty {
        socket.write("HTTP/1.1 100 Continue\r\n\r\n")
        let method = String(head.prefix { $0 != " " })
        socket.write("HTTP/1.1 201 Created\r\nX-Kind:  a b \r\nContent-Length: \(method.count)\r\n\r\n\(method)")
      }
    }
    defer { server.close() }
    for _ in 1...3 {
      let answer = try await client.send(try request(server))
      #expect(answer.status == 201)
      #expect(answer.head["x-kind"] == "a b")
      #expect(answer.body == Array("GET".utf8))
    }
    #expect(server.connectionCount == 1)
  }

  @Test("sends what it is to send, from memory and from a part of a file", arguments: [HTTPRequest.Method.put, .post])
  func body(_ method: HTTPRequest.Method) async throws {
    let server = SocketServer { socket in
      while case let head = socket.readHead(), !head.isEmpty {
        let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        let body = socket.read(line.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0)
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
        socket.write(body)
      }
    }
    defer { server.close() }
    let folder = TemporaryFolder()
    let file = try #require(ReadableFile(try folder.write("0123456789", to: "file")))
    var request = try request(server)
    request.method = method
    request.headers = [("content-type", "text/plain")]
    request.body = .bytes(Array("hello".utf8))
    #expect(try await client.send(request).body == Array("hello".utf8))
    request.body = .file(file, offset: 2, length: 5)
    #expect(try await client.send(request).body == Array("23456".utf8))
    request.body = .file(file, offset: 8, length: 5)
    #expect(try await fault(request) == .unreadableBody(reason: "the file has become shorter"))
  }

  @Test("follows an answer that leads on, as often as it may and not where it may not")
  func redirections() async throws {
    let server = SocketServer { socket in
      while case let head = socket.readHead(), !head.isEmpty {
        let path = head.split(separator: " ")[1]
        let target =
          switch path {
          case "/once": "found"
          case "/file": "file:///etc/passwd"
          case "/user": "http://a:b@127.0.0.1/"
          case "/private": "http://127.0.0.2:1/"
          case "/name": "http://localhost:1/"
          default: "/round"
          }
        if path == "/found" {
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfound")
        } else if path == "/nowhere" {
          socket.write("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
        } else {
          socket.write("HTTP/1.1 302 Found\r\nLocation: \(target)\r\nContent-Length: 4\r\n\r\ngone")
        }
      }
    }
    defer { server.close() }
    let here = HTTPLimits.Addresses.publicOnly(except: [try #require(NetworkAddress("127.0.0.1"))])
    func at(_ path: String) throws -> HTTPRequest {
      try request(server, path) {
        $0.addresses = here
        $0.redirections = 3
      }
    }
    #expect(try await client.send(try at("/once")).body == Array("found".utf8))
    #expect(try await fault(try at("/round")) == .tooManyRedirections(limit: 3))
    #expect(try await fault(try at("/nowhere")) == .leadsNowhere)
    #expect(try await fault(try at("/file")) == .leadsAstray(.isNotWeb))
    #expect(try await fault(try at("/user")) == .leadsAstray(.holdsCredentials))
    #expect(try await fault(try at("/private")) == .privateAddress)
    #expect(try await fault(try at("/name")) == .privateAddress)
    #expect(try await client.send(try request(server, "/once")).status == 302)
  }

  @Test(
    "connects to nothing private, however it is spelled, not even over a connection that another opened",
    arguments: ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
  func privateAddresses(_ host: String) async throws {
    let server = SocketServer { socket in
      while !socket.readHead().isEmpty { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
    }
    defer { server.close() }
    let strict = try request(server, host: host) { $0.addresses = .publicOnly() }
    #expect(try await fault(strict) == .privateAddress)
    #expect(server.connectionCount == 0)
    #expect(try await client.send(try request(server, host: host)).status == 200)
    #expect(try await fault(strict) == .privateAddress)
    #expect(server.connectionCount == 1)
  }

  @Test("takes no more than it may, whether the answer says its length or not")
  func size() async throws {
    let server = SocketServer { socket in
      let head = socket.readHead()
      if head.contains("/announced") {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
      } else {
        socket.write("HTTP/1.1 200 OK\r\n\r\n")
      }
      while socket.write([UInt8](repeating: 120, count: 4096)) {}
    }
    defer { server.close() }
    for path in ["/announced", "/endless"] {
      #expect(try await fault(try request(server, path) { $0.size = 1000 }) == .tooLarge(limit: 1000))
    }
  }

  @Test("says how a transfer broke off")
  func faults() async throws {
    let server = SocketServer { socket in
      let head = socket.readHead()
      if head.contains("/silent") { return socket.waitForEnd() }
      if head.contains("/noise") {
        socket.write("hello\r\n\r\n")
        return
      }
      if head.contains("/long") {
        socket.write("HTTP/1.1 200 OK\r\n")
        for number in 0..<200 { socket.write("x-\(number): \(String(repeating: "y", count: 1000))\r\n") }
        return socket.waitForEnd()
      }
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhalf")
      if head.contains("/reset") { return socket.reset() }
      if head.contains("/stalled") || head.contains("/slow") { socket.waitForEnd() }
    }
    let port = server.port
    func interrupted(_ path: String) async throws -> Bool {
      if case .interrupted = try await fault(try request(server, path)) { true } else { false }
    }
    #expect(
      try await fault(try request(server, "/silent") { $0.time = .milliseconds(200) })
        == .timedOut(after: .milliseconds(200)))
    #expect(
      try await fault(try request(server, "/slow") { $0.time = .milliseconds(200) })
        == .timedOut(after: .milliseconds(200)))
    #expect(
      try await fault(try request(server, "/stalled") { $0.stallTime = .seconds(1) }) == .stalled(after: .seconds(1)))
    #expect(try await interrupted("/reset"))
    #expect(try await interrupted("/half"))
    #expect(try await interrupted("/noise"))
    #expect(try await interrupted("/long"))
    server.close()
    var gone = try request(server)
    gone.address = try WebAddress("http://127.0.0.1:\(port)/")
    #expect(try await fault(gone) == .cannotConnect)
    gone.address = try WebAddress("http://no-such-host.invalid/")
    #expect(try await fault(gone) == .hostNotFound)
    gone.address = try WebAddress("http://127.0.0.1:\(port)/")
    gone.limits.addresses = .publicOnly()
    #expect(try await fault(gone) == .privateAddress)
  }

  @Test("ends a transfer with its task, before the answer and in the middle of it")
  func cancellation() async throws {
    let (ends, ended) = AsyncStream<Void>.makeStream()
    let (begins, begun) = AsyncStream<Void>.makeStream()
    let server = SocketServer { socket in
      let head = socket.readHead()
      if head.contains("/half") { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhalf") }
      begun.yield()
      socket.waitForEnd()
      ended.yield()
    }
    defer { server.close() }
    var beginnings = begins.makeAsyncIterator()
    var endings = ends.makeAsyncIterator()
    for path in ["/silent", "/half"] {
      let request = try request(server, path)
      let task = Task { try await fault(request) }
      await beginnings.next()
      task.cancel()
      #expect(try await task.value == .cancelled)
      await endings.next()
    }
    do {
      let download = try await client.open(try request(server, "/half"))
      #expect(download.head.status == 200)
    }
    // Nobody has it any more.
    await endings.next()
  }

  @Test("trusts no server whose certificate nobody vouches for")
  func certificates() async throws {
    let server = try await PythonServer.start("tls_server.py", "localhost")
    let port = try #require(server.words.first)
    let limits = HTTPLimits(addresses: .any, size: 1 << 20)
    for host in ["localhost", "127.0.0.1"] {
      let request = HTTPRequest(.get, try WebAddress("https://\(host):\(port)/"), limits: limits)
      guard case .untrusted = try await fault(request) else {
        Issue.record("a stranger's certificate was taken for \(host)")
        return
      }
    }
  }

  @Test("has a gibibyte pass in a few mebibytes")
  func memory() async throws {
    let total = 1 << 30
    let sent = Mutex(0)
    let server = SocketServer { socket in
      _ = socket.readHead()
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
      let piece = [UInt8](repeating: 120, count: 1 << 16)
      var left = total
      while left > 0, socket.write(piece) {
        left -= piece.count
        sent.withLock { $0 += piece.count }
      }
    }
    defer { server.close() }
    let download = try await client.open(try request(server) { $0.size = nil })
    var received = try #require(try await download.next()).count
    #expect(ResidentMemory.forgetPeak())
    let before = ResidentMemory.peak()
    while let piece = try await download.next() { received += piece.count }
    #expect(received == total)
    // Twice what it is, for sanitizers.
    #expect(ResidentMemory.peak() - before < 16 << 20)
    #expect(sent.withLock { $0 } == total)
  }

  @Test("lets the server wait while nobody reads")
  func backPressure() async throws {
    let (blocks, blocked) = AsyncStream<Int>.makeStream()
    let server = SocketServer { socket in
      _ = socket.readHead()
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      let piece = [UInt8](repeating: 120, count: 1 << 16)
      var count = 0
      while count < 64 << 20, socket.write(piece, within: 1) { count += piece.count }
      blocked.yield(count)
      socket.waitForEnd()
    }
    defer { server.close() }
    let download = try await client.open(try request(server) { $0.size = nil })
    var iterator = blocks.makeAsyncIterator()
    let count = try #require(await iterator.next())
    // What the kernel keeps of both ends, and what waits here.
    #expect(count < 32 << 20)
    #expect(download.head.status == 200)
  }
}
