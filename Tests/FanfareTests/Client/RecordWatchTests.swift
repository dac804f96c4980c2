import Foundation
import Jobs
import Synchronization
import Testing

@testable import Fanfare

@Suite("Watching at a gateway") struct RecordWatchTests {
  /// Follows the job `j` and gives what was told on the way.
  private func follow(
    _ gateway: ScriptedGateway
  ) throws -> (job: WatchedJob, percents: [Double?], losses: [ClientError]) {
    var percents: [Double?] = []
    var losses: [ClientError] = []
    let watch = RecordWatch<WatchedJob>(
      server: gateway.address, token: "t", patience: .seconds(60),
      changed: { job, _ in percents.append(job.percent) }, idle: { _ in },
      lost: { error, _ in losses.append(error) })
    return (try watch.follow(WatchedJob(id: "j")), percents, losses)
  }

  private static let snapshot =
    #"{"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"e","offset":4,"data":{"id":"j","state":"running","attempt":1,"percent":10,"offset":4,"epoch":"e"}}}"#
  private static func publication(_ offset: Int, _ data: String) -> String {
    #"{"push":{"channel":"job:j","pub":{"offset":\#(offset),"data":\#(data)}}}"#
  }

  @Test("sees the snapshot, each event, and the end; answers pings")
  func toTheEnd() throws {
    let gateway = ScriptedGateway([
      { peer in
        try peer.acceptSocket()
        #expect(try peer.message() == #"{"id":2,"subscribe":{"channel":"job:j"}}"#)
        peer.sendMessage(
          Self.snapshot + "\n" + Self.publication(5, #"{"event":"progress","percent":50}"#))
        peer.sendMessage("{}")
        #expect(try peer.message() == "{}")
        peer.sendMessage(Self.publication(6, #"{"event":"state","state":"completed"}"#))
        _ = try peer.message()
      }
    ])
    let (job, percents, losses) = try follow(gateway)
    #expect(job.state == .completed)
    #expect(percents == [10, 50, 100])
    #expect(losses.isEmpty)
  }

  @Test("comes back after a shutdown and after a broken connection, from where it was")
  func recovery() throws {
    let resume = #"{"id":2,"subscribe":{"channel":"job:j","recover":true,"offset":5,"epoch":"e"}}"#
    let gateway = ScriptedGateway([
      { peer in
        try peer.acceptSocket()
        _ = try peer.message()
        peer.sendMessage(Self.snapshot)
        peer.sendMessage(Self.publication(5, #"{"event":"progress","percent":20}"#))
        peer.sendClose(3001, "shutdown")
      },
      { peer in
        try peer.acceptSocket()
        #expect(try peer.message() == resume)
      },
      { peer in
        try peer.acceptSocket()
        #expect(try peer.message() == resume)
        let missed =
          #"{"offset":6,"data":{"event":"progress","percent":60}},{"offset":7,"data":{"event":"state","state":"failed","error":{"code":"lost","message":"gone"}}}"#
        peer.sendMessage(
          #"{"id":2,"subscribe":{"epoch":"e","offset":5,"recovered":true,"was_recovering":true,"publications":[\#(missed)]}}"#
        )
        _ = try peer.message()
      },
    ])
    let (job, percents, losses) = try follow(gateway)
    #expect(job.state == .failed)
    #expect(job.failure == JobFailure(code: "lost", message: "gone"))
    #expect(percents == [10, 20, 60, 60])
    #expect(losses.first == .closed(code: 3001, reason: "shutdown"))
    #expect(losses.count == 2)
  }

  @Test("comes back after a pause when its subscription is taken back, from where it was")
  func takenBack() throws {
    let moments = Mutex<[ContinuousClock.Instant]>([])
    let takeBack: @Sendable (ScriptedGateway.Peer) throws -> Void = { peer in
      try peer.acceptSocket()
      moments.withLock { $0.append(.now) }
      _ = try peer.message()
      peer.sendMessage(Self.snapshot)
      moments.withLock { $0.append(.now) }
      peer.sendMessage(#"{"push":{"channel":"job:j","unsubscribe":{"code":2500,"reason":"gap"}}}"#)
    }
    let gateway = ScriptedGateway([
      takeBack, takeBack, takeBack,
      { peer in
        try peer.acceptSocket()
        moments.withLock { $0.append(.now) }
        #expect(try peer.message().contains(#""recover":true,"offset":4,"epoch":"e""#))
        peer.sendMessage(Self.snapshot)
        peer.sendMessage(Self.publication(5, #"{"event":"state","state":"completed"}"#))
        _ = try peer.message()
      },
    ])
    #expect(try follow(gateway).job.state == .completed)
    let seen = moments.withLock { $0 }
    try #require(seen.count == 7)
    for taken in stride(from: 1, to: 7, by: 2) {
      // The shortest that the client's back-off ever is.
      #expect(seen[taken].duration(to: seen[taken + 1]) >= .milliseconds(50))
    }
  }

  @Test("gives up at a final close code")
  func final() {
    let gateway = ScriptedGateway([
      { peer in
        try peer.acceptSocket()
        _ = try peer.message()
        peer.sendMessage(Self.snapshot)
        peer.sendClose(3500, "invalid token")
        _ = try peer.message()
      }
    ])
    #expect(throws: ClientError.closed(code: 3500, reason: "invalid token")) { try follow(gateway) }
  }

  @Test("says what the gateway refused: a command, a handshake")
  func refusals() {
    let unknown = ScriptedGateway([
      { peer in
        try peer.acceptSocket()
        _ = try peer.message()
        peer.sendMessage(#"{"id":2,"error":{"code":102,"message":"unknown channel"}}"#)
        _ = try peer.message()
      }
    ])
    #expect(
      throws: ClientError.refused(code: 102, message: "unknown channel", isTemporary: false)
    ) { try follow(unknown) }
    let unauthorized = ScriptedGateway([
      { peer in
        _ = try peer.request()
        peer.write(
          "HTTP/1.1 401 Unauthorized\r\nContent-Length: 34\r\n\r\n{\"detail\":\"The token is not good\"}"
        )
      }
    ])
    #expect(throws: ClientError.problem(status: 401, detail: "The token is not good")) {
      try follow(unauthorized)
    }
  }

  @Test("sends a file and learns its name, also from an answer in chunks")
  func upload() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "clip \(UUID()).mp4").path
    let content = Data((0..<700_000).map { UInt8(truncatingIfNeeded: $0) })
    try content.write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let gateway = ScriptedGateway([
      { peer in
        let (head, body) = try peer.request()
        #expect(head.hasPrefix("POST /v1/uploads?name=clip%20"))
        #expect(head.contains("Authorization: Bearer t\r\n"))
        #expect(head.contains("Content-Type: video/mp4"))
        #expect(body == Array(content))
        peer.write(
          "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"upload\"\r\n9\r\n:\"upl_1\"}\r\n0\r\n\r\n"
        )
      }
    ])
    var sent = 0
    let name = try FileUpload(path: path).send(to: gateway.address, token: "t") { done, _ in
      sent = done
    }
    #expect(name == "upload:upl_1")
    #expect(sent == content.count)
  }

  @Test("submits again over a new connection, with the same idempotency key")
  func submitTwice() throws {
    let gateway = ScriptedGateway([
      { peer in
        try peer.acceptSocket()
        #expect(try peer.message().contains(#""idempotency_key":"k""#))
      },
      { peer in
        try peer.acceptSocket()
        #expect(try peer.message().contains(#""idempotency_key":"k""#))
        peer.sendMessage(
          #"{"id":2,"rpc":{"data":{"job":{"id":"j","state":"queued","offset":1,"epoch":"e"}}}}"#)
        _ = try peer.message()
      },
    ])
    let request = SubmitRequest(kind: "x", payload: .emptyObject, idempotencyKey: "k")
    let (job, _, session) = try request.send(to: gateway.address, token: "t")
    #expect(job.id == "j")
    withExtendedLifetime(session) {}
  }
}
