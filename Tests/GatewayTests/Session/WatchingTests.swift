import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("Watching a job") struct WatchingTests {
  private let submit =
    #"{"id":2,"rpc":{"method":"job.submit","data":{"kind":"echo","watch":true}}}"#

  /// A session that has submitted a job and watches it: connected, subscribed and answered.
  @EventLoop private func submitted(
    _ harness: SessionHarness
  ) async throws -> (session: any ClientConnectionDelegate, connection: FakeConnection) {
    let (session, connection) = try await harness.connect()
    session.tell(submit)
    _ = await connection.frames(3)
    return (session, connection)
  }

  private func data(_ frame: String) throws -> JSONValue? {
    try json(frame)["push"]?["pub"]?["data"]
  }

  @Test("shows every step from the submission to the end, in order")
  func wholeLife() async throws {
    try await SessionHarness.run { harness in
      let (_, connection) = try await submitted(harness)
      let leased = try await harness.lease()
      for percent in [10.0, 50, 90] {
        try await harness.report(percent, of: leased)
      }
      _ = try await harness.broker.settle(leased.lease, .complete(try JSONText(validating: "[1]")))
      let frames = await connection.frames(8)
      #expect(try json(frames[1])["push"]?["subscribe"]?["data"]?["state"]?.string == "queued")
      #expect(try json(frames[2])["rpc"]?["data"]?["job"]?["id"] != nil)
      let events = try frames[3...].map { try data($0) }
      #expect(events.map { $0?["state"]?.string } == ["running", "running", "running", "running", "completed"])
      #expect(events.map { $0?["percent"]?.double } == [nil, 10, 50, 90, 100])
      #expect(events.map { $0?["offset"]?.int } == [2, 3, 4, 5, 6])
      #expect(events.last??["result"]?.text.description == "[1]")
    }
  }

  @Test("begins with the record and goes on behind it")
  func joinLate() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let leased = try await harness.lease()
      try await harness.report(30, of: leased)
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let result = try json(await connection.frames(2)[1])["subscribe"]
      #expect(result?["data"]?["percent"]?.double == 30)
      #expect(result?["offset"]?.int == 3)
      #expect(result?["publications"] == nil)
      try await harness.report(40, of: leased)
      #expect(try data(await connection.frames(3)[2])?["offset"]?.int == 4)
    }
  }

  @Test("answers with the end where the job has ended")
  func ended() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let leased = try await harness.lease()
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let result = try json(await connection.frames(2)[1])["subscribe"]
      #expect(result?["publications"]?.array?.first?["data"]?["state"]?.string == "completed")
    }
  }

  @Test("never loses a state change to a reader that is behind, and gives it the newest progress")
  func conflation() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await submitted(harness)
      let leased = try await harness.lease()
      _ = await connection.frames(4)
      connection.isStalled = true
      try await harness.report(1, of: leased)
      _ = await connection.frames(5)
      for percent in 2...80 {
        try await harness.report(Double(percent), of: leased)
      }
      _ = try await harness.broker.cancel(leased.lease.job, reason: "enough")
      _ = try await harness.broker.settle(
        leased.lease, .cancel(JobFailure(code: "cancelled", message: "enough")))
      // Publications are handed to the hub before a call of the broker returns, and out at the turn's end.
      harness.gateway.hub.flush()
      #expect(connection.sent.count == 5)
      connection.drain()
      session.connectionDrained()
      let events = try await connection.frames(8)[5...].map { try data($0) }
      #expect(events.map { $0?["percent"]?.double }.first == 80)
      #expect(events.map { $0?["event"]?.string } == ["progress", "state", "state"])
      #expect(events.last??["state"]?.string == "cancelled")
    }
  }

  @Test("is closed with 3008 where must-deliver frames cannot drain")
  func slow() async throws {
    try await SessionHarness.run(settings: { $0.slowConsumerDeadline = .milliseconds(200) }) { harness in
      let (session, connection) = try await harness.connect()
      connection.isStalled = true
      session.tell(submit)
      #expect(await connection.close() == 3008)
    }
  }

  @Test("on a user's channel shows all jobs, new ones with their whole record")
  func userChannel() async throws {
    try await SessionHarness.run { harness in
      let first = try await harness.enqueue()
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"user:alice"}}"#)
      let jobs = try json(await connection.frames(2)[1])["subscribe"]?["data"]?["jobs"]?.array
      #expect(jobs?.map { $0["id"]?.string } == [first.id.description])
      let second = try await harness.enqueue("other")
      try await harness.enqueue(by: "bob")
      let event = try data(await connection.frames(3)[2])
      #expect(event?["id"]?.string == second.id.description)
      #expect(event?["kind"]?.string == "other")
      #expect(event?["event"]?.string == "snapshot")
    }
  }

  @Test("ends with unsubscribe, and the channel is let go")
  func unsubscribe() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await submitted(harness)
      let frames = connection.sent
      let id = try #require(try json(frames[2])["rpc"]?["data"]?["job"]?["id"]?.string)
      session.tell(#"{"id":3,"unsubscribe":{"channel":"job:\#(id)"}}"#)
      _ = await connection.frames(4)
      #expect(harness.gateway.hub.subscriptionCount == 0)
      let leased = try await harness.lease()
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      session.tell(#"{"id":4,"unsubscribe":{"channel":"job:\#(id)"}}"#)
      #expect(try json(await connection.frames(5)[4])["id"]?.int == 4)
    }
  }

  @Test("leaves nothing behind when the connection goes", .timeLimit(.minutes(1)))
  func goes() async throws {
    try await SessionHarness.run { harness in
      let (session, _) = try await submitted(harness)
      session.connectionClosed()
      #expect(harness.gateway.sessionCount == 0)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }

  @Test("leaves nothing behind when the connection goes before the record was read", .timeLimit(.minutes(1)))
  func goesMeanwhile() async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 100 }) { harness in
      // In the first of these turns the channel is being joined, then the record is read.
      for turns in 0..<20 {
        let (session, _) = try await harness.connect()
        session.tell(submit)
        try await harness.subscriptions(1)
        for _ in 0..<turns { await Task.yield() }
        session.connectionClosed()
        try await harness.subscriptions(0)
      }
    }
  }

  @Test("repeats a submission with the same key once")
  func idempotency() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect()
      let call = { (id: Int, n: Int) in
        #"{"id":\#(id),"rpc":{"method":"job.submit","data":{"kind":"echo","payload":{"n":\#(n)},"idempotency_key":"k"}}}"#
      }
      session.tell(call(2, 1))
      session.tell(call(3, 1))
      session.tell(call(4, 2))
      let frames = await connection.frames(4)
      let first = try json(frames[1])["rpc"]?["data"]
      let second = try json(frames[2])["rpc"]?["data"]
      #expect(first?["job"]?["id"]?.string == second?["job"]?["id"]?.string)
      #expect(second?["replayed"]?.bool == true)
      #expect(try json(frames[3])["error"]?["code"]?.int == 422)
    }
  }
}
