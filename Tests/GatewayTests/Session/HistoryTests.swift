import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("The history of a channel") struct HistoryTests {
  /// A connection that asks about a job at offset 3, without watching it.
  @EventLoop private func ask(
    _ harness: SessionHarness, _ members: String, by user: String = "alice"
  ) async throws -> (reply: JSONValue, job: Job) {
    let job = try await harness.enqueue()
    try await harness.report(30, of: try await harness.lease())
    let (session, connection) = try await harness.connect(user)
    let members = members.replacing("\"E\"", with: "\"\(job.position.epoch)\"")
    session.tell(#"{"id":2,"history":{"channel":"job:\#(job.id)"\#(members)}}"#)
    return (try json(await connection.frames(2)[1]), job)
  }

  @Test(
    "is one publication, the record, and the position",
    arguments: [
      ("", 0), (#","limit":0"#, 0), (#","limit":-1"#, 1), (#","limit":1"#, 1), (#","limit":5,"reverse":true"#, 1),
      (#","limit":5,"since":{"offset":2,"epoch":"E"}"#, 1), (#","limit":5,"since":{"offset":3,"epoch":"E"}"#, 0),
      (#","limit":5,"since":{"offset":9,"epoch":"E"}"#, 0), (#","limit":5,"since":{}"#, 1),
      (#","limit":5,"since":{"offset":3,"epoch":"E"},"reverse":true"#, 0),
      (#","limit":5,"since":{"offset":4},"reverse":true"#, 1),
    ])
  func record(members: String, count: Int) async throws {
    try await SessionHarness.run { harness in
      let (reply, job) = try await ask(harness, members)
      let result = try #require(reply["history"])
      #expect(result["offset"]?.int == 3 && result["epoch"]?.string == job.position.epoch)
      let publications = try #require(result["publications"]?.array, "it is written even when empty")
      #expect(publications.map { $0["offset"]?.int } == Array(repeating: 3, count: count))
      #expect(publications.allSatisfy { $0["data"]?["percent"]?.double == 30 })
      #expect(harness.gateway.hub.subscriptionCount == 0, "to look is not to watch")
    }
  }

  @Test(
    "is refused where it cannot be answered",
    arguments: [
      (#","limit":1,"since":{"offset":2,"epoch":"00000000"}"#, 112), (#","since":{"epoch":"00000000"}"#, 112),
      (#","limit":-2"#, 107), (#","limit":"1""#, 107), (#","since":3"#, 107), (#","since":{"offset":-1}"#, 107),
      (#","reverse":1"#, 107),
    ])
  func refused(members: String, code: Int) async throws {
    try await SessionHarness.run { harness in
      let reply = try await ask(harness, members).reply
      #expect(reply["error"]?["code"]?.int == code)
    }
  }

  @Test("of somebody else's job is unknown, but for who watches it by a token")
  func rights() async throws {
    try await SessionHarness.run { harness in
      let (reply, job) = try await ask(harness, #","limit":1"#, by: "bob")
      #expect(reply["error"]?["code"]?.int == 102)
      let pass = try harness.issuer.subscriptionToken(
        user: "bob", channel: "job:\(job.id)", lifetime: .seconds(60), now: .now)
      let (session, connection) = try await harness.connect("bob")
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)","token":"\#(pass)"}}"#)
      session.tell(#"{"id":3,"history":{"channel":"job:\#(job.id)","limit":-1}}"#)
      session.tell(#"{"id":4,"presence_stats":{"channel":"job:\#(job.id)"}}"#)
      session.tell(#"{"id":5,"presence":{"channel":"job:\#(job.id)"}}"#)
      let frames = try await connection.frames(5).map { try json($0) }
      #expect(frames[2]["history"]?["publications"]?.array?.count == 1)
      #expect(frames[3]["presence_stats"]?["num_clients"]?.int == 1)
      #expect(frames[4]["error"]?["code"]?.int == 103, "to see the job is not to see who else looks at it")
    }
  }

  @Test("of a group is the group")
  func group() async throws {
    try await SessionHarness.run { harness in
      let group = try await harness.broker.create(GroupRequest(user: "alice"))
      _ = try await harness.broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice", group: group.id))
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"history":{"channel":"group:\#(group.id)","limit":1}}"#)
      let told = try json(await connection.frames(2)[1])["history"]?["publications"]?.array
      #expect(told?.map { $0["data"]?["event"]?.string } == ["group"])
    }
  }
}

@Suite("Looking at a channel") struct LookingBudgetTests {
  @Test("is a request like a call", arguments: ["history", "presence", "presence_stats"])
  func counted(method: String) async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 1 }) { harness in
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"rpc":{"method":"job.list","data":{}}}"#)
      session.tell(#"{"id":3,"\#(method)":{"channel":"user:alice"}}"#)
      #expect(try json(await connection.frames(3)[2])["error"]?["code"]?.int == 111)
    }
  }
}

@Suite("Presence") struct PresenceTests {
  @Test("counts connections and users, and names them to the owner and to an admin")
  func counts() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let pass = try harness.issuer.subscriptionToken(
        user: "bob", channel: "job:\(job.id)", lifetime: .seconds(60), now: .now)
      let subscribe = #"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#
      let (first, firstConnection) = try await harness.connect()
      let (second, secondConnection) = try await harness.connect()
      let (guest, guestConnection) = try await harness.connect("bob")
      for session in [first, second] { session.tell(subscribe) }
      guest.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)","token":"\#(pass)"}}"#)
      for connection in [firstConnection, secondConnection, guestConnection] { _ = await connection.frames(2) }
      let (admin, adminConnection) = try await harness.connect("root", scopes: [.admin])
      for session in [first, admin] {
        session.tell(#"{"id":3,"presence_stats":{"channel":"job:\#(job.id)"}}"#)
        session.tell(#"{"id":4,"presence":{"channel":"job:\#(job.id)"}}"#)
      }
      for (connection, at) in [(firstConnection, 2), (adminConnection, 1)] {
        let frames = try await connection.frames(at + 2).map { try json($0) }
        #expect(frames[at]["presence_stats"]?["num_clients"]?.int == 3)
        #expect(frames[at]["presence_stats"]?["num_users"]?.int == 2)
        let present = try #require(frames[at + 1]["presence"]?["presence"]?.object)
        #expect(present.map { $0.value["user"]?.string }.sorted { $0! < $1! } == ["alice", "alice", "bob"])
        #expect(present.allSatisfy { $0.value["client"]?.string == $0.name })
      }
      second.connectionClosed()
      first.tell(#"{"id":5,"presence_stats":{"channel":"job:\#(job.id)"}}"#)
      #expect(try json(await firstConnection.frames(5)[4])["presence_stats"]?["num_clients"]?.int == 2)
    }
  }

  @Test("of a channel that nobody watches is none, and of one that may not be seen unknown")
  func nobody() async throws {
    try await SessionHarness.run { harness in
      let (mine, foreign) = (try await harness.enqueue(), try await harness.enqueue(by: "bob"))
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"presence_stats":{"channel":"job:\#(mine.id)"}}"#)
      session.tell(#"{"id":3,"presence":{"channel":"job:\#(mine.id)"}}"#)
      session.tell(#"{"id":4,"presence_stats":{"channel":"job:\#(foreign.id)"}}"#)
      session.tell(#"{"id":5,"presence":{"channel":"job:\#(foreign.id)"}}"#)
      let frames = try await connection.frames(5).map { try json($0) }
      #expect(frames[1]["presence_stats"]?["num_clients"]?.int == 0)
      #expect(frames[1]["presence_stats"]?["num_users"]?.int == 0)
      #expect(frames[2]["presence"]?["presence"]?.object?.isEmpty == true)
      #expect(frames[3...].map { $0["error"]?["code"]?.int } == [102, 102])
    }
  }
}
