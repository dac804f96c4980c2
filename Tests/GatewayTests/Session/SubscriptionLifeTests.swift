import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("A subscription by token") struct SubscriptionLifeTests {
  @EventLoop private func pass(
    _ harness: SessionHarness, _ channel: String, for user: String = "alice", client: String? = nil,
    lifetime: Duration = .seconds(60), issuedAt: Date = Date()
  ) throws -> String {
    try harness.issuer.subscriptionToken(
      user: user, channel: channel, client: client, lifetime: lifetime, now: issuedAt)
  }

  @Test("tells how long it holds, and holds on when it is refreshed", .timeLimit(.minutes(1)))
  func refreshed() async throws {
    try await SessionHarness.run(settings: { $0.refreshGrace = .milliseconds(100) }) { harness in
      let job = try await harness.enqueue(by: "bob")
      let channel = "job:\(job.id)"
      let (session, connection) = try await harness.connect()
      session.tell(
        #"{"id":2,"subscribe":{"channel":"\#(channel)","token":"\#(try pass(harness, channel, lifetime: .seconds(1)))"}}"#
      )
      let result = try json(await connection.frames(2)[1])["subscribe"]
      #expect(result?["expires"]?.bool == true && result?["ttl"]?.int == 1)
      #expect(result?["data"]?["state"]?.string == "queued")
      session.tell(
        #"{"id":3,"sub_refresh":{"channel":"\#(channel)","token":"\#(try pass(harness, channel, lifetime: .seconds(2)))"}}"#
      )
      let refresh = try json(await connection.frames(3)[2])["sub_refresh"]
      #expect(refresh?["expires"]?.bool == true && (1...2).contains(refresh?["ttl"]?.int ?? 0))
      // Not refreshed again: taken away, in words that have the client ask for a fresh one.
      let push = try json(await connection.frames(4)[3])["push"]
      #expect(push?["channel"]?.string == channel)
      #expect(push?["unsubscribe"]?["code"]?.int == 2501)
      #expect(push?["unsubscribe"]?["reason"]?.string == "subscription expired")
      #expect(harness.gateway.hub.subscriptionCount == 0 && connection.closed == nil)
      session.tell(#"{"id":5,"subscribe":{"channel":"\#(channel)","token":"\#(try pass(harness, channel))"}}"#)
      #expect(try json(await connection.frames(5)[4])["subscribe"] != nil)
    }
  }

  @Test("ends with a revocation of its token, and of no other", .timeLimit(.minutes(1)))
  func revoked() async throws {
    try await SessionHarness.run { harness in
      let authenticator = harness.gateway.environment.authenticator
      @EventLoop func revoke(_ subject: Revocation.Subject, at moment: Timestamp = .now) {
        authenticator.revoke(Revocation(subject, at: moment, until: .now + .seconds(600)))
      }
      let job = try await harness.enqueue(by: "bob")
      let channel = "job:\(job.id)"
      @EventLoop func pass(_ id: String, issuedAt: Date = Date()) throws -> String {
        try harness.issuer.subscriptionToken(
          user: "alice", channel: channel, tokenID: id, lifetime: .seconds(60), now: issuedAt)
      }
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"\#(channel)","token":"\#(try pass("first"))"}}"#)
      session.tell(#"{"id":3,"sub_refresh":{"channel":"\#(channel)","token":"\#(try pass("second"))"}}"#)
      _ = await connection.frames(3)
      let holders = authenticator.holderCount
      revoke(.token("first"))
      #expect(harness.gateway.hub.subscriptionCount == 1, "another has taken its place")
      revoke(.token("second"))
      #expect(harness.gateway.hub.subscriptionCount == 0 && authenticator.holderCount == holders - 1)
      let push = try json(await connection.frames(4)[3])["push"]
      #expect(push?["channel"]?.string == channel && push?["unsubscribe"]?["code"]?.int == 2100)
      #expect(push?["unsubscribe"]?["reason"]?.string == "token revoked")
      session.tell(#"{"id":5,"subscribe":{"channel":"\#(channel)","token":"\#(try pass("second"))"}}"#)
      #expect(try json(await connection.frames(5)[4])["error"]?["code"]?.int == 103)

      // All tokens of the user up to a moment: that of the connection is younger.
      let old = try pass("third", issuedAt: Date(timeIntervalSinceNow: -30))
      session.tell(#"{"id":6,"subscribe":{"channel":"\#(channel)","token":"\#(old)"}}"#)
      _ = await connection.frames(6)
      revoke(.user("alice"), at: .now + .seconds(-10))
      #expect(try json(await connection.frames(7)[6])["push"]?["unsubscribe"]?["code"]?.int == 2100)
      #expect(connection.closed == nil && harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("leaves nothing behind that a revocation would end when the client goes, or leaves the channel")
  func released() async throws {
    try await SessionHarness.run { harness in
      let authenticator = harness.gateway.environment.authenticator
      let job = try await harness.enqueue(by: "bob")
      let channel = "job:\(job.id)"
      let (session, connection) = try await harness.connect()
      let holders = authenticator.holderCount
      for verb in ["unsubscribe", "end"] {
        let sent = connection.sent.count
        session.tell(#"{"id":2,"subscribe":{"channel":"\#(channel)","token":"\#(try pass(harness, channel))"}}"#)
        _ = await connection.frames(sent + 1)
        #expect(authenticator.holderCount == holders + 1)
        if verb == "end" { break }
        session.tell(#"{"id":3,"unsubscribe":{"channel":"\#(channel)"}}"#)
        _ = await connection.frames(sent + 2)
        #expect(authenticator.holderCount == holders)
      }
      session.connectionClosed()
      #expect(authenticator.holderCount == holders - 1)
    }
  }

  @Test("of one's own job is not needed, and nothing expires without it")
  func ownJob() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let result = try json(await connection.frames(2)[1])["subscribe"]
      #expect(result?["expires"] == nil && result?["ttl"] == nil)
    }
  }

  @Test("that has expired is answered 109, so that the SDK fetches another; a bad one 103")
  func refused() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue(by: "bob")
      let channel = "job:\(job.id)"
      let old = try pass(harness, channel, lifetime: .seconds(1), issuedAt: Date(timeIntervalSinceNow: -60))
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"\#(channel)","token":"\#(old)"}}"#)
      session.tell(#"{"id":3,"subscribe":{"channel":"\#(channel)","token":"nonsense"}}"#)
      session.tell(#"{"id":4,"subscribe":{"channel":"\#(channel)","token":"\#(try pass(harness, channel))"}}"#)
      session.tell(#"{"id":5,"sub_refresh":{"channel":"\#(channel)","token":"\#(old)"}}"#)
      session.tell(#"{"id":6,"sub_refresh":{"channel":"\#(channel)","token":"nonsense"}}"#)
      session.tell(#"{"id":7,"sub_refresh":{"channel":"\#(channel)"}}"#)
      session.tell(#"{"id":8,"sub_refresh":{"channel":"job:\#(JobID())","token":"\#(old)"}}"#)
      let frames = try await connection.frames(8).map { try json($0)["error"]?["code"]?.int }
      #expect(frames == [nil, 109, 103, nil, 109, 103, 107, 103])
      #expect(harness.gateway.hub.subscriptionCount == 1, "a failed refresh takes nothing away")
    }
  }

  @Test(
    "for another channel, user or connection closes for good",
    arguments: ["channel", "user", "client"], ["subscribe", "sub_refresh"])
  func foreign(fault: String, command: String) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let channel = "job:\(job.id)"
      let token = try pass(
        harness, fault == "channel" ? "job:\(JobID())" : channel, for: fault == "user" ? "mallory" : "alice",
        client: fault == "client" ? "another" : nil)
      let (session, connection) = try await harness.connect()
      if command == "sub_refresh" {
        session.tell(#"{"id":2,"subscribe":{"channel":"\#(channel)"}}"#)
        _ = await connection.frames(2)
      }
      session.tell(#"{"id":3,"\#(command)":{"channel":"\#(channel)","token":"\#(token)"}}"#)
      #expect(await connection.close() == 3500)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("lets in to a user's channel too")
  func userChannel() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue(by: "bob")
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"user:bob","token":"\#(try pass(harness, "user:bob"))"}}"#)
      let result = try json(await connection.frames(2)[1])["subscribe"]
      #expect(result?["data"]?["jobs"]?.array?.map { $0["id"]?.string } == [job.id.description])
    }
  }
}

@Suite("A floor on the interval") struct IntervalTests {
  @Test(
    "is taken from data.interval of a subscribe",
    arguments: [
      (#"{"interval":0}"#, 0), (#"{"interval":250}"#, 250), (#"{"interval":60000}"#, 60_000), (#"{}"#, 0),
      (#"{"other":1}"#, 0), ("7", 0), (#"{"interval":-1}"#, nil), (#"{"interval":60001}"#, nil),
      (#"{"interval":"5"}"#, nil), (#"{"interval":0.5}"#, nil), (#"{"interval":null}"#, nil),
    ] as [(String, Int?)])
  func subscribe(data: String, expected: Int?) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)","data":\#(data)}}"#)
      let reply = try json(await connection.frames(2)[1])
      #expect(reply["error"]?["code"]?.int == (expected == nil ? 107 : nil))
      let floors = harness.gateway.hub.subscriptions(of: .job(job.id)).map(\.minimumInterval)
      #expect(floors == (expected.map { [.milliseconds($0)] } ?? []))
    }
  }

  @Test("comes with watch of a submission, and not without")
  func submit() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect()
      session.tell(
        #"{"id":2,"rpc":{"method":"job.submit","data":{"kind":"echo","watch":true,"interval":500}}}"#)
      let id = try json(await connection.frames(3)[2])["rpc"]?["data"]?["job"]?["id"]?.string
      let job = try #require(id.flatMap { JobID($0) })
      #expect(harness.gateway.hub.subscriptions(of: .job(job)).map(\.minimumInterval) == [.milliseconds(500)])
      for data in [#"{"kind":"echo","interval":500}"#, #"{"kind":"echo","watch":true,"interval":60001}"#] {
        session.tell(#"{"id":3,"rpc":{"method":"job.submit","data":\#(data)}}"#)
      }
      let refusals = try await connection.frames(5)[3...].map { try json($0)["error"]?["message"]?.string }
      #expect(refusals.allSatisfy { $0?.contains("/interval") == true })
    }
  }
}
