import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("A channel that the gateway subscribed") struct ResumptionTests {
  @EventLoop private func connect(
    _ harness: SessionHarness, _ user: String = "alice", subs: String
  ) async throws -> (result: JSONValue?, connection: FakeConnection) {
    let (session, connection) = try harness.open()
    session.tell(
      #"{"id":1,"connect":{"token":"\#(try harness.token(user))","subs":{\#(subs)}}}"#)
    return (try json(await connection.frames(1)[0])["connect"]?["subs"], connection)
  }

  private func position(_ job: Job, offset: UInt64) -> String {
    #""job:\#(job.id)":{"recover":true,"offset":\#(offset),"epoch":"\#(job.position.epoch)"}"#
  }

  @Test("is taken up by the next connection, which is made whole and goes on")
  func takenUp() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let leased = try await harness.lease()
      try await harness.report(30, of: leased)
      let (subs, connection) = try await connect(harness, subs: position(job, offset: 1))
      let result = subs?["job:\(job.id)"]
      #expect(result?["recovered"]?.bool == true)
      #expect(result?["recoverable"]?.bool == true)
      #expect(result?["offset"]?.int == 1)
      let told = result?["publications"]?.array?.first
      #expect(told?["offset"]?.int == 3)
      #expect(told?["data"]?["percent"]?.double == 30)
      try await harness.report(60, of: leased)
      let push = try json(await connection.frames(2)[1])["push"]?["pub"]
      #expect(push?["offset"]?.int == 4)
    }
  }

  @Test("is told nothing that it has")
  func upToDate() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let (subs, _) = try await connect(harness, subs: position(job, offset: 1))
      #expect(subs?["job:\(job.id)"]?["recovered"]?.bool == true)
      #expect(subs?["job:\(job.id)"]?["publications"] == nil)
    }
  }

  @Test("is left out where the job is gone, another's, or no job at all")
  func leftOut() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let names = [
        position(job, offset: 1), #""job:00000000-0000-8000-8000-000000000000":{"recover":true}"#,
        #""user:alice":{"recover":true}"#, #""nonsense":1"#,
      ]
      let (subs, connection) = try await connect(
        harness, "bob", subs: names.joined(separator: ","))
      #expect(subs == nil)
      #expect(connection.closed == nil)
      #expect(harness.gateway.hub.subscriptionCount == 0)
    }
  }
  @Test("is left again when the connection goes before the record was read", .timeLimit(.minutes(1)))
  func goesMeanwhile() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let connect =
        #"{"id":1,"connect":{"token":"\#(try harness.token())","subs":{\#(position(job, offset: 1))}}}"#
      for turns in 0..<20 {
        let (session, _) = try harness.open()
        session.tell(connect)
        try await harness.subscriptions(1)
        for _ in 0..<turns { await Task.yield() }
        session.connectionClosed()
        try await harness.subscriptions(0)
      }
    }
  }
}
