import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite("The input fetcher", .timeLimit(.minutes(1))) struct InputFetcherTests {
  /// What a job that fetches an address ends with: the file's text, or a fault's.
  private func fetch(
    _ address: String, _ limits: InputFetcher.Limits
  ) async throws -> String {
    let workshop = await Workshop([
      ClosureWorker("fetch") { job in
        do {
          let path = try await InputFetcher(limits).fetch(
            try InputReference(address, at: "/input"), for: job)
          let text = try String(contentsOfFile: path, encoding: .utf8)
          return .failedForGood(JobFailure(code: "fetched", message: text))
        } catch let fault as PayloadFault {
          return .failedForGood(JobFailure(code: "fault", message: fault.description))
        }
      }
    ])
    let job = await workshop.broker.add("fetch")
    let settlement = await workshop.broker.settlement(of: job)
    await workshop.close()
    guard case .fail(let failure, _) = settlement else { return "\(settlement)" }
    return "\(failure.code): \(failure.message)"
  }

  private let open = InputFetcher.Limits(allowsPrivateAddresses: true, size: 1000)

  private func server() -> TinyServer {
    TinyServer { path in
      switch path {
      case "/file": "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      case "/moved": "HTTP/1.0 302 Found\r\nLocation: /file\r\nContent-Length: 4\r\n\r\ngone"
      case "/round": "HTTP/1.0 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n"
      case "/local":
        "HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
      case "/large":
        "HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000)
      // No length: the end of the connection is the end.
      case "/endless": "HTTP/1.0 200 OK\r\n\r\n" + String(repeating: "x", count: 400_000)
      case "/busy": "HTTP/1.0 503 Busy\r\nContent-Length: 0\r\n\r\n"
      default: "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
      }
    }
  }

  @Test(
    "fetches what may be had, and says why it does not",
    arguments: [
      ("/file", "fetched: hello"), ("/moved", "fetched: hello"),
      ("/round", "fault: /input leads on more than 3 times"),
      ("/local", "fault: /input leads to an address that may not be fetched"),
      ("/large", "fault: /input has more than 1000 bytes"),
      ("/endless", "fault: /input has more than 1000 bytes"),
      ("/missing", "fault: /input was answered with 404"),
      ("/busy", "fetch_failed: The input's server answered 503."),
    ])
  func answers(_ path: String, _ wanted: String) async throws {
    let server = server()
    defer { server.close() }
    #expect(try await fetch("http://127.0.0.1:\(server.port)\(path)", open) == wanted)
  }

  @Test(
    "connects to nothing private",
    arguments: [
      "127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]",
      "169.254.169.254",
    ])
  func privateAddresses(_ host: String) async throws {
    #expect(
      try await fetch("http://\(host)/file", InputFetcher.Limits())
        == "fault: /input leads to a private address")
  }

  @Test("ends a transfer when its job is cancelled")
  func cancellation() async throws {
    let (steps, step) = AsyncStream<String>.makeStream()
    let server = SocketServer { socket in
      _ = socket.readHead()
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")
      step.yield("half")
      socket.waitForEnd()
      step.yield("end")
    }
    defer { server.close() }
    let address = "http://127.0.0.1:\(server.port)/"
    let limits = open
    let workshop = await Workshop([
      ClosureWorker("fetch") { job in
        _ = try await InputFetcher(limits).fetch(try InputReference(address, at: "/input"), for: job)
        return .completed(nil)
      }
    ])
    let job = await workshop.broker.add("fetch")
    var said = steps.makeAsyncIterator()
    #expect(await said.next() == "half")
    await EventLoop.run { workshop.broker.direct(.cancel(job, forced: false)) }
    #expect(await said.next() == "end")
    guard case .cancel = await workshop.broker.settlement(of: job) else {
      Issue.record("the job was not settled as cancelled")
      return
    }
    await workshop.close()
  }

  @Test("reads an upload of the job's user where it lies, and nobody else's")
  func uploads() async throws {
    let workshop = await Workshop([
      ClosureWorker("read") { job in
        guard let text = try JSONDocument(bytes: job.payload.bytes).root.string else {
          return .completed(nil)
        }
        do {
          let path = try await InputFetcher().fetch(
            try InputReference(text, at: "/input"), for: job)
          return .completed(
            JSONText(unchecked: Array(try Data(contentsOf: URL(fileURLWithPath: path)))))
        } catch let fault as PayloadFault {
          return .badInput([fault])
        }
      }
    ])
    let writer = try await workshop.store.beginUpload(
      owner: "alice", name: "n", contentType: nil, limit: 10)
    try await writer.write(Array("[1]".utf8))
    let upload = try await writer.finish()
    let own = await workshop.broker.add("read", "\"upload:\(upload.id)\"", user: "alice")
    #expect(
      await workshop.broker.settlement(of: own) == .complete(JSONText(unchecked: Array("[1]".utf8)))
    )
    let other = await workshop.broker.add("read", "\"upload:\(upload.id)\"", user: "mallory")
    #expect(
      await workshop.broker.settlement(of: other)
        == .fail(
          JobFailure(code: "bad_input", message: "/input names no upload of yours."), retry: .never)
    )
    await workshop.close()
  }
}
