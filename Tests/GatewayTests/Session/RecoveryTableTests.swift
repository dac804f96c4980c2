import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

/// The table of docs/protocol.md §Subscribe and recover, line by line, on a job that stands at offset 3.
@Suite("A client that comes back to a job") struct RecoveryTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    /// `E` stands for the job's epoch.
    var members: String
    /// Nil: not recovered.
    var told: Int?
    var echoed: Int?
    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "at the top", members: #""offset":3,"epoch":"E""#, told: 0, echoed: 3),
    Case(name: "behind", members: #""offset":1,"epoch":"E""#, told: 1, echoed: 1),
    Case(name: "with no position", members: #""flag":1"#, told: 1),
    Case(name: "with an empty epoch", members: #""offset":0,"epoch":"""#, told: 1),
    Case(name: "with an offset alone, at the top", members: #""offset":3"#, told: 0, echoed: 3),
    Case(name: "with an offset alone, behind", members: #""offset":2"#, told: 1, echoed: 2),
    Case(name: "with an epoch alone", members: #""epoch":"E""#, told: 1),
    Case(name: "ahead", members: #""offset":4,"epoch":"E""#),
    Case(name: "ahead, with an offset alone", members: #""offset":4"#),
    Case(name: "in another epoch", members: #""offset":3,"epoch":"00000000""#),
    Case(name: "in another epoch, without an offset", members: #""epoch":"00000000""#),
  ]

  @EventLoop private func ask(
    _ harness: SessionHarness, _ channel: String, _ members: String, by user: String = "alice"
  ) async throws -> JSONValue {
    let (session, connection) = try await harness.connect(user)
    session.tell(#"{"id":2,"subscribe":{"channel":"\#(channel)"\#(members)}}"#)
    let reply = try json(await connection.frames(2)[1])
    session.connectionClosed()
    return reply
  }

  @Test("is answered by what it knows", arguments: cases)
  func table(known: Case) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      try await harness.report(30, of: try await harness.lease())
      let epoch = job.position.epoch
      let members = #","recover":true,"# + known.members.replacingOccurrences(of: "\"E\"", with: "\"\(epoch)\"")
      let result = try #require(try await ask(harness, "job:\(job.id)", members)["subscribe"])
      #expect(result["was_recovering"]?.bool == true && result["recoverable"]?.bool == true)
      #expect(result["epoch"]?.string == epoch)
      #expect(result["data"]?["percent"]?.double == 30, "whatever it knows, it is given the whole")
      let told = result["publications"]?.array ?? []
      if let count = known.told {
        #expect(result["recovered"]?.bool == true)
        #expect(result["offset"]?.int == known.echoed, "its own, never the top")
        #expect(told.map { $0["offset"]?.int } == Array(repeating: 3, count: count))
        #expect(told.allSatisfy { $0["data"]?["event"]?.string == "snapshot" })
      } else {
        #expect(result["recovered"] == nil && told.isEmpty)
        #expect(result["offset"]?.int == 3)
      }
      let strict = try await ask(harness, "job:\(job.id)", members + #","flag":2"#)
      #expect(strict["error"]?["code"]?.int == (known.told == nil ? 112 : nil))
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test(
    "is told that its position is none",
    arguments: [
      #""offset":-1"#, #""offset":"3""#, #""offset":1.5"#, #""offset":18446744073709551615"#, #""epoch":7"#,
      #""epoch":null"#,
    ])
  func malformed(members: String) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let reply = try await ask(harness, "job:\(job.id)", #","recover":true,"# + members)
      #expect(reply["error"]?["code"]?.int == 107)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("finds an unknown job, somebody else's and one that is gone all the same: unknown")
  func unknown() async throws {
    try await SessionHarness.runUnlimited { harness in
      let foreign = try await harness.enqueue(by: "bob")
      let gone = try await harness.enqueue()
      _ = try await harness.broker.cancel(gone.id, reason: nil)
      #expect(try await harness.broker.remove(gone.id))
      let never = "00000000-0000-8000-8000-000000000000"
      for id in [never, foreign.id.description, gone.id.description] {
        for members in ["", #","recover":true,"offset":1"#, #","recover":true,"offset":1,"flag":2"#] {
          let reply = try await ask(harness, "job:\(id)", members)
          #expect(reply["error"]?["code"]?.int == 102)
          #expect(reply["error"]?["temporary"] == nil, "it is not to be asked for again and again")
        }
      }
    }
  }

  @Test("to one that ended long ago is told the end, once")
  func ended() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      _ = try await harness.broker.settle(try await harness.lease().lease, .complete(nil))
      let position = #","recover":true,"epoch":"\#(job.position.epoch)","offset":"#
      let behind = try await ask(harness, "job:\(job.id)", position + "1")["subscribe"]
      #expect(behind?["recovered"]?.bool == true)
      #expect(behind?["publications"]?.array?.map { $0["data"]?["state"]?.string } == ["completed"])
      let whole = try await ask(harness, "job:\(job.id)", position + "3")["subscribe"]
      #expect(whole?["recovered"]?.bool == true && whole?["publications"] == nil)
    }
  }

  @Test("to one that runs again goes on in the same epoch, behind the end that it knows", arguments: [false, true])
  func again(isRedriven: Bool) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      _ = try await harness.broker.settle(
        try await harness.lease().lease, .fail(JobFailure(code: "broken", message: ""), retry: .never))
      let end = try #require(try await harness.broker.job(job.id)).position
      if isRedriven {
        _ = try await harness.broker.redrive(job.id, to: QueueName("other")!)
      } else {
        _ = try await harness.broker.retry(job.id)
      }
      let position = #","recover":true,"epoch":"\#(end.epoch)","offset":\#(end.offset)"#
      let result = try await ask(harness, "job:\(job.id)", position)["subscribe"]
      #expect(result?["epoch"]?.string == job.position.epoch && result?["recovered"]?.bool == true)
      let told = result?["publications"]?.array?.first
      #expect(told?["data"]?["state"]?.string == "queued")
      #expect(told?["offset"]?.int == Int(end.offset) + 1)
    }
  }

  @Test("on a user's channel is told that nothing of it is recovered")
  func userChannel() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let result = try await ask(harness, "user:alice", #","recover":true,"offset":7,"epoch":"x""#)["subscribe"]
      #expect(result?["was_recovering"]?.bool == true && result?["recovered"] == nil)
      #expect(result?["recoverable"] == nil && result?["positioned"] == nil)
      #expect(result?["data"]?["jobs"]?.array?.map { $0["id"]?.string } == [job.id.description])
      let strict = try await ask(harness, "user:alice", #","recover":true,"flag":2"#)
      #expect(strict["error"]?["code"]?.int == 112)
    }
  }

  @Test("twice on one connection is subscribed already; too many channels are too many")
  func limits() async throws {
    try await SessionHarness.run(settings: { $0.channelsPerConnection = 2 }) { harness in
      let jobs = [try await harness.enqueue(), try await harness.enqueue(), try await harness.enqueue()]
      let (session, connection) = try await harness.connect()
      // Two subscribes for one job in one message: the second sees what the first did.
      session.tell(
        [0, 0, 1, 2].enumerated().map {
          #"{"id":\#($0 + 2),"subscribe":{"channel":"job:\#(jobs[$1].id)"}}"#
        }.joined(separator: "\n"))
      let frames = try await connection.frames(5)[1...].map { try json($0) }
      #expect(frames.map { $0["id"]?.int } == [2, 3, 4, 5])
      #expect(frames.map { $0["error"]?["code"]?.int } == [nil, 105, nil, 106])
      #expect(harness.gateway.hub.subscriptionCount == 2)
    }
  }
}
