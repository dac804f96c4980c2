import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("Channels that the token names") struct TokenChannelTests {
  @EventLoop private func connect(
    _ harness: SessionHarness, channels: [String], subs: String = ""
  ) async throws -> (subs: JSONValue?, session: any ClientConnectionDelegate, connection: FakeConnection) {
    let (session, connection) = try harness.open()
    let token = try harness.token(channels: channels)
    session.tell(#"{"id":1,"connect":{"token":"\#(token)","subs":{\#(subs)}}}"#)
    return (try json(await connection.frames(1)[0])["connect"]?["subs"], session, connection)
  }

  @Test("are subscribed with connect, and go on behind it")
  func subscribed() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let channels = ["job:\(job.id)", "user:alice", "job:\(job.id)"]
      let (subs, session, connection) = try await connect(harness, channels: channels)
      #expect(Set(subs?.object?.map(\.name) ?? []) == ["job:\(job.id)", "user:alice"])
      let result = subs?["job:\(job.id)"]
      #expect(result?["offset"]?.int == 1 && result?["recoverable"]?.bool == true)
      #expect(result?["was_recovering"] == nil && result?["recovered"] == nil)
      #expect(subs?["user:alice"]?["data"]?["jobs"]?.array?.count == 1)
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      #expect(try json(await connection.frames(2)[1])["error"]?["code"]?.int == 105)
      _ = try await harness.lease()
      let pushes = try await connection.frames(4)[2...].map { try json($0)["push"]?["channel"]?.string }
      #expect(Set(pushes) == ["job:\(job.id)", "user:alice"])
    }
  }

  @Test("are recovered from the positions that the client sends")
  func recovered() async throws {
    try await SessionHarness.run { harness in
      let (behind, foreign) = (try await harness.enqueue(), try await harness.enqueue())
      _ = try await harness.lease()
      let (subs, _, _) = try await connect(
        harness, channels: ["job:\(behind.id)", "job:\(foreign.id)"],
        subs: #"""
          "job:\#(behind.id)":{"recover":true,"offset":1,"epoch":"\#(behind.position.epoch)"},
          "job:\#(foreign.id)":{"recover":true,"offset":1,"epoch":"00000000"}
          """#.filter { $0 != "\n" })
      let one = subs?["job:\(behind.id)"]
      #expect(one?["recovered"]?.bool == true && one?["publications"]?.array?.count == 1)
      let other = subs?["job:\(foreign.id)"]
      #expect(other?["was_recovering"]?.bool == true && other?["recovered"] == nil)
      #expect(other?["offset"]?.int == 1 && other?["epoch"]?.string == foreign.position.epoch)
    }
  }

  @Test("are a wish and no permission: what is not the user's, is gone or is none at all is left out")
  func leftOut() async throws {
    try await SessionHarness.run { harness in
      let (mine, foreign) = (try await harness.enqueue(), try await harness.enqueue(by: "bob"))
      let channels = ["job:\(foreign.id)", "job:\(JobID())", "user:bob", "news", "job:\(mine.id)"]
      let (subs, _, connection) = try await connect(harness, channels: channels)
      #expect(subs?.object?.map(\.name) == ["job:\(mine.id)"])
      #expect(connection.closed == nil && harness.gateway.hub.subscriptionCount == 1)
    }
  }

  @Test("count among the channels of the connection")
  func limit() async throws {
    try await SessionHarness.run(settings: { $0.channelsPerConnection = 2 }) { harness in
      var jobs: [Job] = []
      for _ in 0..<3 { jobs.append(try await harness.enqueue()) }
      let (subs, session, connection) = try await connect(harness, channels: jobs.map { "job:\($0.id)" })
      #expect(subs?.object?.count == 2)
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(jobs[2].id)"}}"#)
      #expect(try json(await connection.frames(2)[1])["error"]?["code"]?.int == 106)
    }
  }
}
