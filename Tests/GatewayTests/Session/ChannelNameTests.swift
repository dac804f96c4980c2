import EventLoop
import Gateway
import Jobs
import Testing

@Suite("The name of a channel") struct ChannelNameTests {
  /// The code of the answer to one command of `user`; 0 where it is no error.
  @EventLoop private func code(
    of command: String, naming name: String, by user: String = "alice"
  ) async throws -> Int? {
    var code: Int?
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect(user)
      session.tell(#"{"id":2,"\#(command)":{"channel":"\#(name)","token":"x"}}"#)
      let reply = try json(await connection.frames(2)[1])
      #expect(reply["id"]?.int == 2 && connection.closed == nil)
      code = reply[command] == nil ? reply["error"]?["code"]?.int : 0
    }
    return code
  }

  private static let long = String(repeating: "n", count: 256)

  @Test(
    "that can be none is a bad request wherever it stands",
    arguments: ["subscribe", "history", "presence", "presence_stats", "sub_refresh"],
    ["jöb:1", "job:é", "\u{1F3AC}", "chann\u{0435}l", "group:\u{0661}", "", long])
  func bad(command: String, name: String) async throws {
    #expect(try await code(of: command, naming: name) == 107)
  }

  @Test(
    "that is one and of no channel is unknown",
    arguments: ["subscribe", "history", "presence", "presence_stats"], ["nonsense", "job:x", "user:", "news:a b~"])
  func unknown(command: String, name: String) async throws {
    #expect(try await code(of: command, naming: name) == 102)
  }

  @Test(
    "of no channel is not subscribed, and so cannot be refreshed",
    arguments: ["nonsense", "job:x", "user:", "user:alice", "job:00000000-0000-8000-8000-000000000000"])
  func refreshed(name: String) async throws {
    #expect(try await code(of: "sub_refresh", naming: name) == 103)
  }

  @Test("does not matter to who leaves", arguments: ["jöb:1", "nonsense", "user:bob", "", long])
  func left(name: String) async throws {
    #expect(try await code(of: "unsubscribe", naming: name) == 0)
  }

  @Test("is any text where it is a user's")
  @EventLoop func user() async throws {
    try await SessionHarness.run { harness in
      let (session, connection) = try await harness.connect("zoë")
      session.tell(#"{"id":2,"subscribe":{"channel":"user:zoë"}}"#)
      session.tell(#"{"id":3,"subscribe":{"channel":"user:chloë"}}"#)
      let frames = try await connection.frames(3).map { try json($0) }
      #expect(frames[1]["subscribe"] != nil)
      #expect(frames[2]["error"]?["code"]?.int == 103)
    }
  }

  @Test("that can be none keeps nobody from connecting")
  @EventLoop func connect() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let (session, connection) = try harness.open()
      session.tell(
        #"{"id":1,"connect":{"token":"\#(try harness.token())","subs":{"jöb:1":{},"job:\#(job.id)":{},"":{}}}}"#)
      let result = try json(await connection.frames(1)[0])["connect"]
      #expect(result?["subs"]?.object?.map(\.name) == ["job:\(job.id)"])
    }
  }
}
