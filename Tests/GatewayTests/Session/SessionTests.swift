import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("A session") struct SessionTests {
  @Test("connects with a token in the command")
  func connects() async throws {
    try await SessionHarness.run { harness in
      let (_, connection) = try await harness.connect()
      let reply = try json(connection.sent[0])["connect"]
      #expect(reply?["data"]?["user"]?.string == "alice")
      #expect(reply?["client"]?.string?.isEmpty == false)
      #expect(reply?["expires"]?.bool == true)
      #expect((590...600).contains(reply?["ttl"]?.int ?? 0))
    }
  }

  @Test("connects with a token of the handshake alone")
  func handshake() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try harness.open(
        headers: ["authorization": "Bearer \(try harness.token("bob"))"])
      session.tell(#"{"id":1,"connect":{}}"#)
      let frames = await connection.frames(1)
      #expect(try json(frames[0])["connect"]?["data"]?["user"]?.string == "bob")
    }
  }

  @Test("answers 109 to an expired token and is dead from then on")
  func expired() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try harness.open()
      let old = try harness.token(lifetime: .seconds(1), issuedAt: Date(timeIntervalSinceNow: -60))
      session.tell(#"{"id":1,"connect":{"token":"\#(old)"}}"#)
      let frames = await connection.frames(1)
      #expect(try json(frames[0])["error"]?["code"]?.int == 109)
      session.tell(#"{"id":2,"rpc":{"method":"job.list"}}"#)
      #expect(await connection.close() == 3501)
    }
  }

  @Test(
    "closes for good where connect cannot be right",
    arguments: [
      (#"{"id":1,"connect":{"token":"nonsense"}}"#, 3500),
      (#"{"id":1,"connect":{}}"#, 3501),
      (#"{"id":1,"rpc":{"method":"job.list"}}"#, 3501),
      ("", 3501), ("{}", 3501), ("[]", 3501), ("nonsense", 3501), (#"{"id":1,"ping":{}}"#, 3501),
    ] as [(String, UInt16)])
  func refused(message: String, code: UInt16) async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try harness.open()
      session.tell(message)
      #expect(await connection.close() == code)
    }
  }

  @Test("closes a second connect with 3501 and send with 3508")
  func outOfOrder() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"connect":{}}"#)
      #expect(await connection.close() == 3501)
      let (other, otherConnection) = try await harness.connect()
      other.tell(#"{"send":{"data":1}}"#)
      #expect(await otherConnection.close() == 3508)
    }
  }

  @Test("closes with 3502 where nothing is said, with 3012 where no pong comes")
  func silence() async throws {
    try await SessionHarness.run(settings: { $0.connectTimeout = .milliseconds(100) }) { harness in
      let (_, connection) = try harness.open()
      #expect(await connection.close() == 3502)
    }
    try await SessionHarness.run(settings: {
      $0.pingInterval = .milliseconds(200)
      $0.pongTimeout = .milliseconds(100)
    }) { harness in
      let (_, connection) = try await harness.connect()
      #expect(await connection.close() == 3012)
      #expect(connection.sent.last == "{}")
    }
  }

  @Test("answers the commands of one message in one go")
  func together() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let (session, connection) = try harness.open()
      session.tell(
        #"{"id":1,"connect":{"token":"\#(try harness.token())"}}"# + "\n"
          + #"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"# + "\n" + #"{"id":3,"unsubscribe":{"channel":"x"}}"#)
      let replies = try await connection.frames(3).map { try json($0)["id"]?.int }
      #expect(replies == [1, 2, 3])
      #expect(connection.sendCount == 1)
    }
  }

  @Test("goes on pinging whom answers, and takes an unasked pong for a fault")
  func pongs() async throws {
    try await SessionHarness.run(settings: {
      $0.pingInterval = .seconds(2)
      $0.pongTimeout = .milliseconds(1900)
    }) { harness in
      let (session, connection) = try await harness.connect()
      for count in 2...3 {
        _ = await connection.frames(count)
        #expect(connection.sent.last == "{}")
        session.tell("{}")
      }
      // Two at once: at most one of them can be the answer to a ping.
      session.tell("{}\n{}")
      #expect(await connection.close() == 3501)
    }
  }

  @Test("is refreshed in place, and closes 3005 where it is not")
  func refresh() async throws {
    try await SessionHarness.run(settings: { $0.refreshGrace = .milliseconds(100) }) { harness in
      let (session, connection) = try harness.open()
      session.tell(
        #"{"id":1,"connect":{"token":"\#(try harness.token(lifetime: .seconds(1)))"}}"#)
      _ = await connection.frames(1)
      session.tell(#"{"id":2,"refresh":{"token":"\#(try harness.token(lifetime: .seconds(2)))"}}"#)
      let frames = await connection.frames(2)
      #expect(try json(frames[1])["refresh"]?["expires"]?.bool == true)
      #expect(await connection.close() == 3005)
    }
  }

  @Test("takes no refresh for another user, nor a bad one")
  func foreignRefresh() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"refresh":{"token":"\#(try harness.token("mallory"))"}}"#)
      #expect(await connection.close() == 3500)
    }
  }

  @Test(
    "answers 108 to what it does not offer and 104 to unknown methods",
    arguments: [
      (#"{"id":9,"publish":{"channel":"job:x","data":1}}"#, 108),
      (#"{"id":9,"history":{"channel":"job:x"}}"#, 102),
      (#"{"id":9,"history":{"channel":"user:alice"}}"#, 108),
      (#"{"id":9,"history":{}}"#, 107),
      (#"{"id":9,"presence":{"channel":"job:x"}}"#, 102),
      (#"{"id":9,"presence":{"channel":"user:bob"}}"#, 103),
      (#"{"id":9,"presence_stats":{"channel":"user:bob"}}"#, 103),
      (#"{"id":9,"sub_refresh":{"channel":"user:alice","token":"x"}}"#, 103),
      (#"{"id":9,"sub_refresh":{"token":"x"}}"#, 107),
      (#"{"id":9,"rpc":{"method":"job.fly"}}"#, 104),
      (#"{"id":9,"rpc":{}}"#, 107),
      (#"{"id":9,"subscribe":{"channel":"nonsense"}}"#, 102),
      (#"{"id":9,"subscribe":{}}"#, 107),
      (#"{"id":9,"subscribe":{"channel":"user:alice","type":1}}"#, 108),
      (#"{"id":9,"subscribe":{"channel":"user:bob"}}"#, 103),
      (#"{"id":9,"rpc":{"method":"job.get","data":{"id":"0"}}}"#, 404),
      (#"{"id":9,"rpc":{"method":"job.submit","data":{"kind":""}}}"#, 400),
    ] as [(String, Int)])
  func errors(command: String, code: Int) async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect()
      session.tell(command)
      let frames = await connection.frames(2)
      let reply = try json(frames[1])
      #expect(reply["id"]?.int == 9)
      #expect(reply["error"]?["code"]?.int == code)
      #expect(connection.closed == nil)
    }
  }

  @Test("answers commands of one message in their order")
  func order() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try harness.open()
      let lines =
        [#"{"id":1,"connect":{"token":"\#(try harness.token())"}}"#]
        + (2...6).map { #"{"id":\#($0),"rpc":{"method":"job.list","data":{}}}"# }
      session.tell(lines.joined(separator: "\n"))
      session.tell(#"{"id":7,"unsubscribe":{"channel":"job:x"}}"#)
      let frames = await connection.frames(7)
      #expect(try frames.map { try json($0)["id"]?.int } == [1, 2, 3, 4, 5, 6, 7])
    }
  }

  @Test("refuses the eleventh request with 111 and the wait, and stays open")
  func budget() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect()
      for id in 2...12 { session.tell(#"{"id":\#(id),"rpc":{"method":"job.list"}}"#) }
      let frames = await connection.frames(12)
      let last = try json(frames[11])["error"]
      #expect(last?["code"]?.int == 111)
      #expect(last?["temporary"]?.bool == true)
      #expect(last?["message"]?.string?.contains("retry after") == true)
      #expect(try frames[1..<11].allSatisfy { try json($0)["error"] == nil })
      // Pings, subscriptions and refreshes are free.
      session.tell(#"{"id":20,"subscribe":{"channel":"user:alice"}}"#)
      #expect(try json(await connection.frames(13)[12])["subscribe"] != nil)
    }
  }

  @Test("keeps users apart")
  func foreignJobs() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue(by: "bob")
      let (session, connection) = try await harness.connect("alice")
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      session.tell(#"{"id":3,"rpc":{"method":"job.get","data":{"id":"\#(job.id)"}}}"#)
      session.tell(#"{"id":4,"rpc":{"method":"job.cancel","data":{"id":"\#(job.id)"}}}"#)
      session.tell(#"{"id":5,"rpc":{"method":"job.list"}}"#)
      let frames = await connection.frames(5)
      #expect(try json(frames[1])["error"]?["code"]?.int == 102)
      #expect(try json(frames[2])["error"]?["code"]?.int == 404)
      #expect(try json(frames[3])["error"]?["code"]?.int == 404)
      #expect(try json(frames[4])["rpc"]?["data"]?["jobs"]?.array?.isEmpty == true)
      #expect(try await harness.broker.job(job.id)?.state == .queued)
    }
  }

  @Test("lets a subscription token's holder watch another's job, and an admin all")
  func sharing() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue(by: "bob")
      let pass = try harness.issuer.subscriptionToken(
        user: "alice", channel: "job:\(job.id)", lifetime: .seconds(60), now: Date())
      let (session, connection) = try await harness.connect("alice")
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)","token":"\#(pass)"}}"#)
      #expect(try json(await connection.frames(2)[1])["subscribe"] != nil)
      let (admin, adminConnection) = try await harness.connect("root", scopes: [.admin])
      admin.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      #expect(try json(await adminConnection.frames(2)[1])["subscribe"] != nil)
    }
  }

  @Test("needs the scope for what it does")
  func scopes() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect(scopes: [.read])
      session.tell(#"{"id":2,"rpc":{"method":"job.submit","data":{"kind":"echo"}}}"#)
      #expect(try json(await connection.frames(2)[1])["error"]?["code"]?.int == 403)
    }
  }

  @Test("pauses whom sends faster than it works, and takes it all in order")
  func backPressure() async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 1000 }) { harness in
      let (session, connection) = try await harness.connect()
      for id in 2...201 { session.tell(#"{"id":\#(id),"rpc":{"method":"job.list"}}"#) }
      #expect(connection.isReadingPaused)
      let frames = await connection.frames(201)
      #expect(try frames.map { try json($0)["id"]?.int } == (1...201).map { $0 })
      #expect(!connection.isReadingPaused)
    }
  }
}
