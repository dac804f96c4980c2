import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

/// What an independent server must do for the official SDKs, item by item, over a real socket.
@Suite("Conformance", .timeLimit(.minutes(2))) struct ConformanceTests {
  // MARK: The subset that the official SDKs need, 1 to 9

  @Test("1: connect answers client, ping, pong, expires and ttl; 109, 3500 and 3501 where it cannot")
  func connect() async throws {
    try await SessionHarness.runServed(settings: { $0.pingInterval = .seconds(25) }) { harness, port in
      let client = try await SocketClient(to: port)
      let result = try await client.connect(try harness.token())["connect"]
      #expect(result?["client"]?.string.flatMap { UUID(uuidString: $0) } != nil)
      #expect(result?["ping"]?.int == 25 && result?["pong"]?.bool == true)
      #expect(result?["expires"]?.bool == true && (590...600).contains(result?["ttl"]?.int ?? 0))
      let late = try await SocketClient(to: port)
      let old = try harness.token(lifetime: .seconds(1), issuedAt: Date(timeIntervalSinceNow: -60))
      #expect(try await late.connect(old)["error"]?["code"]?.int == 109)
      for (connect, code) in [(#"{"id":1,"connect":{"token":"nonsense"}}"#, 3500), (#"{"id":1,"connect":{}}"#, 3501)] {
        let other = try await SocketClient(to: port)
        try await other.say(connect)
        #expect(try await other.closing().code == UInt16(code))
      }
    }
  }

  @Test("2: an empty object on schedule, an empty object back, else 3012")
  func ping() async throws {
    try await SessionHarness.runServed(settings: {
      $0.pingInterval = .milliseconds(600)
      $0.pongTimeout = .milliseconds(300)
    }) { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      for _ in 0..<2 {
        #expect(try await client.next().object?.isEmpty == true)
        try await client.say("{}")
      }
      let (code, reason) = try await client.closing()
      #expect(code == 3012 && reason == "no pong")
    }
  }

  @Test("3: refresh in place; within the grace after expiry; 3005 behind it")
  func refresh() async throws {
    try await SessionHarness.runServed(settings: { $0.refreshGrace = .seconds(1) }) { harness, port in
      let client = try await SocketClient(to: port)
      #expect(try await client.connect(try harness.token(lifetime: .seconds(1)))["connect"]?["ttl"]?.int == 1)
      try await client.say(#"{"id":2,"refresh":{"token":"\#(try harness.token(lifetime: .seconds(2)))"}}"#)
      #expect(try await client.next()["refresh"]?["expires"]?.bool == true)
      #expect(try await client.closing().code == 3005)
    }
  }

  @Test("4: subscribe recovers by recover, epoch, offset and flag; 102, 103, 105, 112 where it cannot")
  func subscribe() async throws {
    try await SessionHarness.runServed { harness, port in
      let job = try await harness.enqueue()
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      let epoch = job.position.epoch
      try await client.say(
        #"{"id":2,"subscribe":{"channel":"job:\#(job.id)","recover":true,"epoch":"\#(epoch)","offset":1}}"#,
        #"{"id":3,"subscribe":{"channel":"job:\#(job.id)"}}"#,
        #"{"id":4,"unsubscribe":{"channel":"job:\#(job.id)"}}"#,
        #"{"id":5,"subscribe":{"channel":"job:\#(job.id)","recover":true,"epoch":"0","offset":1,"flag":2}}"#,
        #"{"id":6,"subscribe":{"channel":"job:\#(JobID())"}}"#,
        #"{"id":7,"subscribe":{"channel":"user:bob"}}"#)
      let recovered = try await client.next()["subscribe"]
      #expect(recovered?["recovered"]?.bool == true && recovered?["epoch"]?.string == epoch)
      #expect(try await client.next()["error"]?["code"]?.int == 105)
      #expect(try await client.next()["unsubscribe"] != nil)
      for code in [112, 102, 103] { #expect(try await client.next()["error"]?["code"]?.int == code) }
    }
  }

  @Test("5: unsubscribe succeeds, also where there is no subscription")
  func unsubscribe() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      for (id, channel) in [(2, "job:\(JobID())"), (3, "nonsense")] {
        try await client.say(#"{"id":\#(id),"unsubscribe":{"channel":"\#(channel)"}}"#)
        let reply = try await client.next()
        #expect(reply["id"]?.int == id && reply["unsubscribe"]?.object?.isEmpty == true)
      }
    }
  }

  @Test("6: rpc; 104 for an unknown method; application codes reach the caller")
  func rpc() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(
        #"{"id":2,"rpc":{"method":"job.list","data":{}}}"#, #"{"id":3,"rpc":{"method":"job.fly"}}"#,
        #"{"id":4,"rpc":{"method":"job.get","data":{"id":"0"}}}"#)
      #expect(try await client.next()["rpc"]?["data"]?["jobs"] != nil)
      for code in [104, 404] { #expect(try await client.next()["error"]?["code"]?.int == code) }
    }
  }

  @Test("7: publications come as pushes with data and offset, in order")
  func publications() async throws {
    try await SessionHarness.runServed { harness, port in
      let job = try await harness.enqueue()
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      _ = try await client.next()
      let leased = try await harness.lease()
      try await harness.report(50, of: leased)
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      for offset in 2...4 {
        let push = try await client.next()
        #expect(push["id"] == nil && push["push"]?["channel"]?.string == "job:\(job.id)")
        #expect(push["push"]?["pub"]?["offset"]?.int == offset)
        #expect(push["push"]?["pub"]?["data"]?["id"]?.string == job.id.description)
      }
    }
  }

  @Test("8: 3001 on shutdown, 3008 for slow readers, 3502 for silent ones")
  func closes() async throws {
    try await SessionHarness.runServed(settings: {
      $0.connectTimeout = .milliseconds(100)
      $0.slowConsumerDeadline = .milliseconds(200)
    }) { harness, port in
      let silent = try await SocketClient(to: port)
      #expect(try await silent.closing().code == 3502)
      let (slow, connection) = try await harness.connect()
      connection.isStalled = true
      slow.tell(#"{"id":2,"rpc":{"method":"job.submit","data":{"kind":"echo","watch":true}}}"#)
      #expect(await connection.close() == 3008)
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      async let drained: Void = harness.gateway.drain(over: .zero)
      let (code, reason) = try await client.closing()
      #expect(code == 3001 && reason == "shutdown")
      connection.close(code: 3008, reason: "")
      slow.connectionClosed()
      await drained
    }
  }

  @Test("9: what is not offered is 108")
  func notOffered() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(
        #"{"id":2,"publish":{"channel":"user:alice","data":1}}"#,
        #"{"id":3,"subscribe":{"channel":"user:alice","type":1}}"#, #"{"id":4,"history":{"channel":"user:alice"}}"#)
      for _ in 0..<3 { #expect(try await client.next()["error"]?["code"]?.int == 108) }
    }
  }

  // MARK: Checks worth automating

  @Test("connect and subscribe in one message are answered in order")
  func pipelined() async throws {
    try await SessionHarness.runServed { harness, port in
      let job = try await harness.enqueue()
      let client = try await SocketClient(to: port)
      try await client.say(
        #"{"id":1,"connect":{"token":"\#(try harness.token())"}}"#,
        #"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#, #"{"id":3,"subscribe":{"channel":"user:alice"}}"#)
      #expect(try await client.next()["connect"] != nil)
      for id in 2...3 {
        let reply = try await client.next()
        #expect(reply["id"]?.int == id && reply["subscribe"] != nil)
      }
    }
  }

  @Test("behind a connect that failed the rest of the message is not answered")
  func droppedRest() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      let old = try harness.token(lifetime: .seconds(1), issuedAt: Date(timeIntervalSinceNow: -60))
      try await client.say(
        #"{"id":1,"connect":{"token":"\#(old)"}}"#, #"{"id":2,"subscribe":{"channel":"user:alice"}}"#)
      #expect(try await client.next()["error"]?["code"]?.int == 109)
      #expect(try await client.closing().code == 3501)
    }
  }

  @Test(
    "a blank line, an empty message and what is no command close with 3501",
    arguments: [
      "", "\n", "{}\n\n{}", "[]", "nonsense", #"{"id":2}"#, #"{"rpc":{"method":"job.list"}}"#, #"{"id":2,"ping":{}}"#,
      #"{"id":2,"connect":{}}"#,
    ])
  func malformed(message: String) async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say(message)
      let (code, reason) = try await client.closing()
      #expect(code == 3501 && reason == "bad request")
    }
  }

  @Test("an unasked pong closes with 3501")
  func unaskedPong() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.connect(try harness.token())
      try await client.say("{}")
      #expect(try await client.closing().code == 3501)
    }
  }

  @Test("a message may be binary, and end with a line feed; unknown members are passed over")
  func leniency() async throws {
    try await SessionHarness.runServed { harness, port in
      let client = try await SocketClient(to: port)
      try await client.socket.send(
        .binary, Array(#"{"id":1,"connect":{"token":"\#(try harness.token())","flag":1,"dict":{}}}"#.utf8) + [0x0A])
      #expect(try await client.next()["connect"] != nil)
    }
  }
}
