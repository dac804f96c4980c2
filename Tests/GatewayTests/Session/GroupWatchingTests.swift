import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("Watching a group") struct GroupWatchingTests {
  @EventLoop
  private func run(_ body: @EventLoop (SessionHarness) async throws -> Void) async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 10_000 }, body)
  }

  /// A group of alice's with so many queued jobs, closed or not.
  @EventLoop private func group(
    of jobs: Int, in harness: SessionHarness, isClosed: Bool = true
  ) async throws -> GroupID {
    let group = try await harness.broker.create(GroupRequest(user: "alice")).id
    for _ in 0..<jobs {
      _ = try await harness.broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice", group: group))
    }
    if isClosed { _ = try await harness.broker.close(group) }
    return group
  }

  @EventLoop private func subscribed(
    to group: GroupID, in harness: SessionHarness, with rest: String = ""
  ) async throws -> (result: JSONValue, session: any ClientConnectionDelegate, connection: FakeConnection) {
    let (session, connection) = try await harness.connect()
    session.tell(#"{"id":2,"subscribe":{"channel":"group:\#(group)"\#(rest)}}"#)
    return (try json(await connection.frames(2)[1]), session, connection)
  }

  @Test("begins with the group as it stands, and shows each change up to its end")
  func life() async throws {
    try await run { harness in
      let id = try await group(of: 2, in: harness)
      let (reply, session, connection) = try await subscribed(to: id, in: harness)
      let result = try #require(reply["subscribe"])
      #expect(result["recoverable"]?.bool == true && result["positioned"]?.bool == true)
      #expect(result["data"]?["state"]?.string == "closed" && result["data"]?["jobs"]?.int == 2)
      let start = try #require(result["offset"]?.int)
      #expect(result["data"]?["offset"]?.int == start)
      for _ in 0..<2 {
        _ = try await harness.broker.settle(try await harness.lease().lease, .complete(nil))
      }
      // Publications are handed over before a call of the broker returns; the frames go out behind this turn.
      session.tell(#"{"id":9,"unsubscribe":{"channel":"group:x"}}"#)
      var count = 3
      var frames = await connection.frames(count)
      while try json(frames[frames.count - 1])["id"]?.int != 9 {
        count += 1
        frames = await connection.frames(count)
      }
      let pushes = try frames.dropFirst(2).dropLast().map { try json($0)["push"] }
      #expect(pushes.allSatisfy { $0?["channel"]?.string == "group:\(id)" })
      let events = pushes.map { $0?["pub"]?["data"] }
      #expect(events.allSatisfy { $0?["event"]?.string == "group" && $0?["jobs"]?.int == 2 })
      let offsets = pushes.compactMap { $0?["pub"]?["offset"]?.int }
      #expect(offsets.count == pushes.count && offsets.first.map { $0 > start } == true)
      #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 })
      #expect(events.map { $0?["offset"]?.int } == offsets)
      let percents: [Double] = events.compactMap { $0?["percent"]?.double }
      #expect(percents.contains(50))
      #expect(events.last??["state"]?.string == "finished")
      #expect(events.filter { $0?["state"]?.string == "finished" }.count == 1)
    }
  }

  @Test("gives a reader that is behind the newest alone, and never loses the end")
  func conflation() async throws {
    try await run { harness in
      let id = try await group(of: 2, in: harness)
      let (_, session, connection) = try await subscribed(to: id, in: harness)
      let first = try await harness.lease()
      let second = try await harness.lease()
      try await harness.subscriptions(1)
      connection.isStalled = true
      for percent in stride(from: 2.0, through: 98, by: 2) {
        try await harness.report(percent, of: first)
        try await harness.report(percent, of: second)
      }
      _ = try await harness.broker.settle(first.lease, .complete(nil))
      _ = try await harness.broker.settle(second.lease, .complete(nil))
      harness.gateway.hub.flush()
      connection.drain()
      session.connectionDrained()
      session.tell(#"{"id":9,"unsubscribe":{"channel":"group:x"}}"#)
      var frames = await connection.frames(3)
      while try json(frames[frames.count - 1])["id"]?.int != 9 {
        frames = await connection.frames(frames.count + 1)
      }
      let events = try frames.dropFirst(2).dropLast().map { try json($0)["push"]?["pub"]?["data"] }
      #expect(events.count < 20, "a hundred changes were not sent one by one")
      #expect(events.last??["state"]?.string == "finished")
      let percents: [Double] = events.compactMap { $0?["percent"]?.double }
      #expect(percents == percents.sorted())
      #expect(percents.last == 100)
    }
  }

  @Test("is made whole from any offset, by the newest that there is")
  func recovery() async throws {
    try await run { harness in
      let id = try await group(of: 1, in: harness)
      let top = try #require(try await harness.broker.group(id)).position
      let behind = try await subscribed(
        to: id, in: harness, with: #","recover":true,"offset":1,"epoch":"\#(top.epoch)""#)
      let caught = try #require(behind.result["subscribe"])
      #expect(caught["recovered"]?.bool == true && caught["offset"]?.int == 1)
      let told = caught["publications"]?.array ?? []
      #expect(told.count == 1)
      #expect(told.first?["offset"]?.int == Int(top.offset))
      #expect(told.first?["data"]?["state"]?.string == "closed")
      let level = try await subscribed(
        to: id, in: harness, with: #","recover":true,"offset":\#(top.offset),"epoch":"\#(top.epoch)""#)
      #expect(level.result["subscribe"]?["recovered"]?.bool == true)
      #expect(level.result["subscribe"]?["publications"] == nil)
      let other = try await subscribed(
        to: id, in: harness, with: #","recover":true,"offset":1,"epoch":"00000000","flag":2"#)
      #expect(other.result["error"]?["code"]?.int == 112)
    }
  }

  @Test("answers with the end where the group is finished")
  func finished() async throws {
    try await run { harness in
      let id = try await group(of: 0, in: harness)
      let (reply, _, _) = try await subscribed(to: id, in: harness)
      #expect(reply["subscribe"]?["publications"]?.array?.first?["data"]?["state"]?.string == "finished")
    }
  }

  @Test("is for its user, an admin, or whoever has a subscription token")
  func permission() async throws {
    try await run { harness in
      let id = try await group(of: 1, in: harness)
      @EventLoop func subscribe(_ user: String, scopes: Permissions? = nil, token: String? = nil) async throws
        -> JSONValue
      {
        let (session, connection) = try await harness.connect(user, scopes: scopes)
        let rest = token.map { #","token":"\#($0)""# } ?? ""
        session.tell(#"{"id":2,"subscribe":{"channel":"group:\#(id)"\#(rest)}}"#)
        return try json(await connection.frames(2)[1])
      }
      #expect(try await subscribe("bob")["error"]?["code"]?.int == 102)
      #expect(try await subscribe("alice", scopes: [.submit])["error"]?["code"]?.int == 103)
      #expect(try await subscribe("root", scopes: [.admin])["subscribe"] != nil)
      let token = try harness.issuer.subscriptionToken(
        user: "bob", channel: "group:\(id)", lifetime: .seconds(60), now: Date())
      #expect(try await subscribe("bob", token: token)["subscribe"]?["data"]?["user"]?.string == "alice")
    }
  }

  @Test("is taken up by the next connection, where the client names it in connect")
  func resumption() async throws {
    try await run { harness in
      let id = try await group(of: 1, in: harness)
      let top = try #require(try await harness.broker.group(id)).position
      let (session, connection) = try harness.open()
      session.tell(
        #"{"id":1,"connect":{"token":"\#(try harness.token())","subs":{"group:\#(id)":{"recover":true,"offset":1,"epoch":"\#(top.epoch)"}}}}"#
      )
      let subs = try json(await connection.frames(1)[0])["connect"]?["subs"]
      #expect(subs?["group:\(id)"]?["recovered"]?.bool == true)
      _ = try await harness.lease()
      let push = try json(await connection.frames(2)[1])["push"]
      #expect(push?["channel"]?.string == "group:\(id)")
      #expect(push?["pub"]?["data"]?["counts"]?["running"]?.int == 1)
    }
  }
}
