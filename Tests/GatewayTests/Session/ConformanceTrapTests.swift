import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

/// The traps that an independent server falls into, one test each.
@Suite("Conformance traps", .timeLimit(.minutes(2))) struct ConformanceTrapTests {
  @Test("1: an empty success has its method's key")
  func methodKey() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(
        #"{"id":2,"unsubscribe":{"channel":"x"}}"#, #"{"id":3,"refresh":{"token":"\#(try harness.token())"}}"#,
        #"{"id":4,"presence":{"channel":"user:alice"}}"#, #"{"id":5,"rpc":{"method":"job.list","data":{}}}"#)
      for key in ["unsubscribe", "refresh", "presence", "rpc"] {
        #expect(try await client.next()[key]?.object != nil)
      }
    }
  }

  @Test("2: a token may be refreshed at its ttl and a little later")
  func refreshAtTTL() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      let token = try harness.token(lifetime: .seconds(1))
      let ttl = try #require(try await client.connect(token)["connect"]?["ttl"]?.int)
      let end = ContinuousClock.now + .seconds(ttl)
      // By then the first token is over: the connection must still take another.
      await withCheckedContinuation { continuation in
        harness.gateway.environment.wheel.schedule(after: .seconds(ttl)) { continuation.resume() }
      }
      #expect(ContinuousClock.now >= end)
      #expect(try await client.next()["push"]?["refresh"]?["expires"]?.bool == true, "the warning before")
      try await client.say(#"{"id":2,"refresh":{"token":"\#(try harness.token())"}}"#)
      #expect(try await client.next()["refresh"]?["ttl"]?.int ?? 0 > 500)
    }
  }

  @Test("3: pings come on schedule, however much else is sent")
  func pingsUnderTraffic() async throws {
    try await SessionHarness.runServed(settings: {
      $0.pingInterval = .milliseconds(600)
      $0.pongTimeout = .milliseconds(300)
      $0.requestLimit = 1_000_000
    }) { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      var pings = 0
      var id = 1
      while pings < 2 {
        id += 1
        try await client.say(#"{"id":\#(id),"rpc":{"method":"job.list","data":{}}}"#)
        while true {
          let object = try await client.next()
          if object["id"]?.int == id { break }
          #expect(object.object?.isEmpty == true)
          pings += 1
          try await client.say("{}")
        }
      }
    }
  }

  @Test("4: a recovery echoes the client's own offset, not the top")
  func echoedOffset() async throws {
    try await SessionHarness.runServed { harness, port in
      let job = try await harness.enqueue()
      try await harness.report(30, of: try await harness.lease())
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(
        #"{"id":2,"subscribe":{"channel":"job:\#(job.id)","recover":true,"epoch":"\#(job.position.epoch)","offset":1}}"#
      )
      let result = try await client.next()["subscribe"]
      #expect(result?["recovered"]?.bool == true && result?["offset"]?.int == 1)
      #expect(result?["publications"]?.array?.first?["offset"]?.int == 3)
    }
  }

  @Test("5: line feeds in a payload do not end a line of the protocol")
  func rawLineFeeds() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      // Over HTTP a payload may be written over several lines.
      let body = "{\n\"kind\":\"echo\",\n\"payload\":{\n  \"text\":\"a\\nb\",\r\n  \"n\":[1,\n2]\n}\n}"
      let id = try await harness.ask(.post, "/v1/jobs", body)["job"]?["id"]?.string
      try await client.say(#"{"id":2,"rpc":{"method":"job.get","data":{"id":"\#(try #require(id))"}}}"#)
      let payload = try await client.next()["rpc"]?["data"]?["job"]?["payload"]
      #expect(payload?["text"]?.string == "a\nb" && payload?["n"]?.array?.count == 2)
    }
  }

  @Test("6: no offset is one that JavaScript cannot hold, and none of that size is taken for known")
  func largeOffsets() async throws {
    try await SessionHarness.runServed { harness, port in
      let job = try await harness.enqueue()
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(
        #"{"id":2,"subscribe":{"channel":"job:\#(job.id)","recover":true,"offset":9007199254740993,"flag":2}}"#)
      #expect(try await client.next()["error"]?["code"]?.int == 112)
      try await client.say(#"{"id":3,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let offset = try #require(try await client.next()["subscribe"]?["offset"]?.int)
      #expect(offset < 1 << 53)
    }
  }

  @Test(
    "7: no reason is longer than a close frame can hold, looks like JSON or is a number", arguments: Disconnect.allCases
  )
  func reasons(disconnect: Disconnect) {
    #expect((1...123).contains(disconnect.reason.utf8.count))
    #expect(disconnect.reason.allSatisfy { $0.isLetter || $0 == " " })
  }

  @Test("8: an expired token is an error reply of connect, and the socket stays open")
  func expiredToken() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      let old = try harness.token(lifetime: .seconds(1), issuedAt: Date(timeIntervalSinceNow: -60))
      let reply = try await client.connect(old)
      #expect(reply["id"]?.int == 1 && reply["error"]?["code"]?.int == 109)
      // Still open: a ping frame is answered.
      try await client.socket.ping([7])
      #expect(try await client.socket.receive() == .pong([7]))
    }
  }

  @Test("9: the same offset of another incarnation is not taken for known")
  func anotherIncarnation() async throws {
    try await SessionHarness.runServed { harness, port in
      let (old, new) = (try await harness.enqueue(), try await harness.enqueue())
      #expect(old.position.offset == new.position.offset && old.position.epoch != new.position.epoch)
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(
        #"{"id":2,"subscribe":{"channel":"job:\#(new.id)","recover":true,"offset":1,"epoch":"\#(old.position.epoch)"}}"#
      )
      let result = try await client.next()["subscribe"]
      #expect(result?["was_recovering"]?.bool == true && result?["recovered"] == nil)
      #expect(result?["epoch"]?.string == new.position.epoch && result?["data"] != nil)
    }
  }

  @Test("10: delta is not granted, and data stays what it is, whatever characters it has")
  func delta() async throws {
    try await SessionHarness.runServed { harness, port in
      let job = try await harness.enqueue()
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)","delta":"fossil"}}"#)
      #expect(try await client.next()["subscribe"]?["delta"] == nil)
      let leased = try await harness.lease()
      _ = try await harness.broker.report(
        Progress(percent: 1, message: "Träumerei 夢 🎺"), under: leased.lease)
      _ = try await client.next()
      let push = try await client.next()["push"]?["pub"]
      #expect(push?["delta"] == nil && push?["data"]?["message"]?.string == "Träumerei 夢 🎺")
    }
  }
}
