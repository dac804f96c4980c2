import EventLoop
import Gateway
import Jobs
import Testing

@Suite("Server-sent events") struct EventStreamTests {
  /// Asks for a stream as alice and starts it; nil where the answer is none.
  @EventLoop private func stream(
    _ harness: SessionHarness, _ path: String, lastEventID: String? = nil
  ) async throws -> (status: Int, stream: FakeStream?) {
    var headers = ["host": "localhost", "authorization": "Bearer \(try harness.token())"]
    headers["last-event-id"] = lastEventID
    let exchange = FakeExchange(Request(method: .get, path: path, headers: headers))
    harness.gateway.handle(exchange)
    let response = try await exchange.answer()
    guard case .stream(let start) = response.body else { return (response.status, nil) }
    #expect(response.headers.contains { $0.name == "content-type" && $0.value == "text/event-stream" })
    let stream = FakeStream()
    start(stream)
    return (response.status, stream)
  }

  /// `id` and `event` of each block.
  private func heads(_ blocks: [String]) -> [String] {
    blocks.map { block in
      block.split(separator: "\n").filter { !$0.hasPrefix("data:") }.joined(separator: " ")
    }
  }

  @Test("show a job from its snapshot to its end, and then end")
  func job() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let path = "/v1/jobs/\(job.id)/events"
      let events = try #require(try await stream(harness, path).stream)
      let leased = try await harness.lease()
      try await harness.report(30, of: leased)
      _ = try await events.blocks(atLeast: 4)
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      let blocks = try await events.all()
      #expect(
        heads(blocks) == [
          "retry: 2000", "id: 1 event: snapshot", "id: 2 event: state", "id: 3 event: progress",
          "id: 4 event: state",
        ])
      #expect(try await stream(harness, path, lastEventID: "4").status == 204)
    }
  }

  @Test("show a group up to its end, and begin behind what the client has")
  func group() async throws {
    try await SessionHarness.run { harness in
      let id = try await harness.broker.create(GroupRequest(user: "alice")).id
      _ = try await harness.broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice", group: id))
      let closed = try await harness.broker.close(id)
      let path = "/v1/groups/\(id)/events"
      let known = "\(closed.position.offset)"
      let whole = try #require(try await stream(harness, path).stream)
      let behind = try #require(try await stream(harness, path, lastEventID: known).stream)
      let leased = try await harness.lease()
      try await harness.report(50, of: leased)
      _ = try await behind.blocks(atLeast: 3)
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      let blocks = try await behind.all()
      #expect(heads(blocks).dropFirst().allSatisfy { $0.hasSuffix(" event: group") })
      #expect(blocks.last?.contains(#""state":"finished""#) == true)
      let all = try await whole.all()
      #expect(heads(all)[1] == "id: \(known) event: group")
      #expect(Array(all.dropFirst(2)) == Array(blocks.dropFirst()))
      let end = try #require(try await harness.broker.group(id)).position.offset
      #expect(try await stream(harness, path, lastEventID: "\(end)").status == 204)
    }
  }

  @Test("give a reader that is behind the newest of a group, and its end")
  func conflation() async throws {
    try await SessionHarness.run { harness in
      let id = try await harness.broker.create(GroupRequest(user: "alice")).id
      _ = try await harness.broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice", group: id))
      _ = try await harness.broker.close(id)
      let events = try #require(try await stream(harness, "/v1/groups/\(id)/events").stream)
      _ = try await events.blocks(atLeast: 2)
      events.isBehind = true
      let leased = try await harness.lease()
      for percent in stride(from: 1.0, through: 99, by: 1) { try await harness.report(percent, of: leased) }
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      events.isBehind = false
      events.whenDrained?()
      let blocks = try await events.all()
      #expect(blocks.count < 10)
      #expect(blocks.last?.contains(#""state":"finished""#) == true)
    }
  }
}
