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
      let epoch = job.position.epoch
      let leased = try await harness.lease()
      try await harness.report(30, of: leased)
      _ = try await events.blocks(atLeast: 4)
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      let blocks = try await events.all()
      #expect(
        heads(blocks) == [
          "retry: 2000", "id: \(epoch)-1 event: snapshot", "id: \(epoch)-2 event: state",
          "id: \(epoch)-3 event: progress", "id: \(epoch)-4 event: state",
        ])
      #expect(try await stream(harness, path, lastEventID: "\(epoch)-4").status == 204)
      #expect(try await stream(harness, path, lastEventID: "4").status == 204, "an offset alone is of any epoch")
    }
  }

  @Test("show a group up to its end, and begin behind what the client has")
  func group() async throws {
    try await SessionHarness.run { harness in
      let id = try await harness.broker.create(GroupRequest(user: "alice")).id
      _ = try await harness.broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice", group: id))
      let closed = try await harness.broker.close(id)
      let path = "/v1/groups/\(id)/events"
      let known = closed.position.cursor
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
      let end = try #require(try await harness.broker.group(id)).position.cursor
      #expect(try await stream(harness, path, lastEventID: end).status == 204)
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
      harness.gateway.hub.flush()
      events.isBehind = false
      events.whenDrained?()
      let blocks = try await events.all()
      #expect(blocks.count < 10)
      #expect(blocks.last?.contains(#""state":"finished""#) == true)
    }
  }

  @Test("say so where the client's position is of no stream that is here, and begin anew")
  func unknownPosition() async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 100 }) { harness in
      let job = try await harness.enqueue()
      let path = "/v1/jobs/\(job.id)/events"
      let epoch = job.position.epoch
      for foreign in ["00000000-1", "\(epoch)-9", "9", "-1", "nonsense", "\(epoch)-1-1", "\(epoch)-"] {
        let events = try #require(try await stream(harness, path, lastEventID: foreign).stream)
        let blocks = try await events.blocks(atLeast: 3)
        #expect(
          heads(blocks) == ["retry: 2000", "event: reset", "id: \(epoch)-1 event: snapshot"], "\(foreign)")
        #expect(blocks[1].hasSuffix(#"data: {"event":"reset","id":"\#(job.id)"}"#))
      }
      // Behind: the record, and no word of a loss. At the top: nothing. Neither had anything to forget.
      for (known, count) in [("\(epoch)-0", 2), ("0", 2), ("", 2), ("\(epoch)-1", 1), ("1", 1)] {
        let events = try #require(try await stream(harness, path, lastEventID: known).stream)
        let blocks = try await events.blocks(atLeast: count)
        #expect(heads(blocks) == ["retry: 2000", "id: \(epoch)-1 event: snapshot"].prefix(count).map(\.self))
      }
    }
  }

  @Test("tell an end to who comes with a foreign position, and then end")
  func foreignEnd() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      _ = try await harness.broker.settle(try await harness.lease().lease, .complete(nil))
      let events = try #require(
        try await stream(harness, "/v1/jobs/\(job.id)/events", lastEventID: "00000000-3").stream)
      let blocks = try await events.all()
      #expect(
        heads(blocks) == ["retry: 2000", "event: reset", "id: \(job.position.epoch)-3 event: snapshot"])
      #expect(blocks.last?.contains(#""state":"completed""#) == true)
    }
  }

  @Test("take a floor on the interval of progress, within bounds", arguments: ["0", "60000", "60001", "-1", "x"])
  func interval(text: String) async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let headers = ["host": "localhost", "authorization": "Bearer \(try harness.token())"]
      let exchange = FakeExchange(
        Request(
          method: .get, path: "/v1/jobs/\(job.id)/events", query: [("interval", text)], headers: headers))
      harness.gateway.handle(exchange)
      let isFine = Int(text).map { (0...60_000).contains($0) } ?? false
      #expect(try await exchange.answer().status == (isFine ? 200 : 400))
      let floor = harness.gateway.hub.subscriptions(of: .job(job.id)).map(\.minimumInterval)
      #expect(floor == (isFine ? [.milliseconds(Int(text)!)] : []))
      exchange.leave()
    }
  }

  @Test("end a reader that takes nothing within the deadline")
  func slow() async throws {
    try await SessionHarness.run(settings: { $0.slowConsumerDeadline = .milliseconds(200) }) { harness in
      let job = try await harness.enqueue()
      let events = try #require(try await stream(harness, "/v1/jobs/\(job.id)/events").stream)
      _ = try await events.blocks(atLeast: 2)
      events.isBehind = true
      _ = try await harness.lease()
      _ = try await events.all()
      try await harness.subscriptions(0)
      let counted = harness.gateway.hub.subscriptionCount
      #expect(counted == 0)
    }
  }
}
