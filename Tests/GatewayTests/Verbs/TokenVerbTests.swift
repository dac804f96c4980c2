import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Support
import Testing

/// Tokens declared void, and what becomes of who lives by them.
@Suite("Revocation", .timeLimit(.minutes(1))) struct TokenVerbTests {
  @EventLoop
  private func run(_ body: @EventLoop (SessionHarness) async throws -> Void) async throws {
    try await SessionHarness.runUnlimited(body)
  }

  @Test("of a user closes all its sockets with 3500, and nobody else's")
  func closes() async throws {
    try await run { harness in
      let first = try await harness.connect().connection, second = try await harness.connect().connection
      let other = try await harness.connect("bob").connection
      let answer = try await harness.admin(.post, "/v1/revocations", #"{"user":"alice"}"#)
      #expect(answer.status == 201)
      #expect(answer["revocation"]?["user"]?.string == "alice" && answer["durability"] == nil)
      let (at, until) = (answer["revocation"]?["at"]?.int ?? 0, answer["revocation"]?["until"]?.int ?? 0)
      #expect(until - at == 30 * 86_400_000)
      #expect(await first.close() == 3500)
      #expect(await second.close() == 3500)
      #expect(other.closed == nil)
      // Issued in this second or before: void everywhere.
      let (session, connection) = try harness.open()
      let old = try harness.token(issuedAt: Date(timeIntervalSinceNow: -2))
      session.tell(#"{"id":1,"connect":{"token":"\#(old)"}}"#)
      #expect(await connection.close() == 3500)
      #expect(throws: SessionHarness.Refused.self) {
        try harness.open(headers: ["authorization": "Bearer \(old)"])
      }
      let fresh = try harness.token(issuedAt: Date(timeIntervalSinceNow: 2))
      let later = try harness.open()
      later.session.tell(#"{"id":1,"connect":{"token":"\#(fresh)"}}"#)
      #expect(try json(await later.connection.frames(1)[0])["connect"] != nil)
    }
  }

  @Test("of one token closes what lives by it, also where the handshake brought it, and refuses it in a refresh")
  func oneToken() async throws {
    try await run { harness in
      func token(_ id: String) throws -> String {
        try harness.issuer.connectionToken(user: "alice", tokenID: id, lifetime: .seconds(600), now: Date())
      }
      @EventLoop func open(
        _ token: String
      ) async throws -> (session: any ClientConnectionDelegate, connection: FakeConnection) {
        let opened = try harness.open()
        opened.session.tell(#"{"id":1,"connect":{"token":"\#(token)"}}"#)
        _ = await opened.connection.frames(1)
        return opened
      }
      let revoked = try await open(try token("one")), other = try await open(try token("two"))
      let renewed = try await open(try token("one"))
      renewed.session.tell(#"{"id":2,"refresh":{"token":"\#(try token("three"))"}}"#)
      _ = await renewed.connection.frames(2)
      let early = try harness.open(headers: ["authorization": "Bearer \(try token("one"))"])
      let expiry = Int64(Date().timeIntervalSince1970 * 1000) + 600_000
      let answer = try await harness.admin(
        .post, "/v1/revocations", #"{"token":"one","expires_at":\#(expiry)}"#)
      #expect(answer.status == 201)
      #expect(abs((answer["revocation"]?["until"]?.int ?? 0) - Int(expiry) - 60_000) < 5000)
      #expect(await revoked.connection.close() == 3500)
      #expect(other.connection.closed == nil && renewed.connection.closed == nil, "they live by others")
      early.session.tell(#"{"id":1,"connect":{}}"#)
      #expect(await early.connection.close() == 3500)
      other.session.tell(#"{"id":2,"refresh":{"token":"\#(try token("one"))"}}"#)
      #expect(await other.connection.close() == 3500)
      let list = try await harness.admin(.get, "/v1/revocations")
      #expect(list["revocations"]?.array?.map { $0["token"]?.string } == ["one"])
    }
  }

  @Test("ends server-sent events and long polls, and refuses requests with 401")
  func streams() async throws {
    try await run { harness in
      let job = try await harness.enqueue()
      let headers = ["host": "localhost", "authorization": "Bearer \(try harness.token())"]
      let exchange = FakeExchange(Request(method: .get, path: "/v1/jobs/\(job.id)/events", headers: headers))
      harness.gateway.handle(exchange)
      guard case .stream(let start) = try await exchange.answer().body else {
        Issue.record("no stream")
        return
      }
      let stream = FakeStream()
      start(stream)
      let poll = FakeExchange(
        Request(method: .get, path: "/v1/jobs/\(job.id)", query: [("wait", "60")], headers: headers))
      harness.gateway.handle(poll)
      try await harness.subscriptions(2)
      _ = try await harness.broker.revoke(.user("alice"), for: .seconds(600))
      _ = try await stream.all()
      let refusal = try await poll.answer()
      #expect(refusal.status == 401)
      let again = FakeExchange(Request(method: .get, path: "/v1/jobs", headers: headers))
      harness.gateway.handle(again)
      #expect(try await again.answer().status == 401)
      #expect(try await harness.ask(.get, "/v1/jobs", by: "bob").status == 200)
    }
  }

  @Test("is for operators; of oneself for everybody who may manage jobs")
  func permissions() async throws {
    try await run { harness in
      #expect(try await harness.ask(.post, "/v1/revocations", #"{"user":"bob"}"#).status == 403)
      #expect(try await harness.ask(.post, "/v1/revocations", #"{"token":"t"}"#).status == 403)
      #expect(try await harness.ask(.get, "/v1/revocations").status == 403)
      let reader = try await harness.ask(.post, "/v1/revocations", #"{"user":"alice"}"#, scopes: [.read])
      #expect(reader.status == 403)
      #expect(try await harness.ask(.post, "/v1/revocations", #"{"user":"alice"}"#).status == 201)
      for body in ["{}", #"{"user":"a","token":"b"}"#, #"{"user":"a\u0007"}"#, #"{"user":"a","expires_at":1}"#] {
        #expect(try await harness.admin(.post, "/v1/revocations", body).status == 400, "\(body)")
      }
    }
  }

  @Test("survives a restart, since the broker keeps it")
  func restart() async throws {
    let folder = TemporaryFolder()
    let logger = Logger.quiet
    var broker = try await EmbeddedBroker.open(at: folder.path, logger: logger)
    let revocation = try await broker.revoke(.user("alice"), for: .seconds(600)).revocation
    await broker.close()
    broker = try await EmbeddedBroker.open(at: folder.path, logger: logger)
    #expect(try await broker.allRevocations() == [revocation])
    await broker.close()
  }
}
