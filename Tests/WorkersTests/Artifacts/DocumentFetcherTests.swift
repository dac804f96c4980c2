import Testing

@testable import Workers

@Suite("A document of the web", .timeLimit(.minutes(1))) struct DocumentFetcherTests {
  private func server() -> TinyServer {
    TinyServer { path in
      switch path {
      case "/keys": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkeys"
      case "/long": "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000)
      case "/endless": "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 50_000)
      case "/elsewhere": "HTTP/1.1 302 Found\r\nLocation: /keys\r\nContent-Length: 0\r\n\r\n"
      default: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
      }
    }
  }

  @Test("is fetched where it is answered with 200 and is no larger than may be")
  func fetch() async throws {
    let server = server()
    defer { server.close() }
    let fetcher = DocumentFetcher(size: 1000)
    #expect(try await fetcher.fetch("http://127.0.0.1:\(server.port)/keys") == Array("keys".utf8))
    for path in ["long", "endless", "elsewhere", "missing"] {
      await #expect(throws: DocumentFetcher.Fault.self, "\(path)") {
        try await fetcher.fetch("http://127.0.0.1:\(server.port)/\(path)")
      }
    }
    await #expect(throws: DocumentFetcher.Fault.self) { try await fetcher.fetch("file:///etc/hostname") }
  }
}
