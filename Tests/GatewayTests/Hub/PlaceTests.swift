import EventLoop
import Gateway
import Jobs
import Testing

@Suite("Watchers of a waiting job") struct PlaceTests {
  @Test("are told its place when it changes, and nothing of it once it runs")
  func places() async throws {
    try await SessionHarness.run(settings: { $0.placeInterval = .milliseconds(1) }) { harness in
      func submit() async throws -> JobID {
        try await harness.broker.enqueue(JobRequest(kind: JobKind("echo")!, user: "alice")).job.id
      }
      _ = try await submit()
      let job = try await submit()
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job)"}}"#)
      let told = try json(await connection.frames(3)[2])["push"]?["pub"]
      #expect(told?["data"]?.text.description == #"{"event":"position","id":"\#(job)","position":2}"#)
      #expect(told?["offset"] == nil, "it is no event of the job")
      _ = try await harness.lease()
      let next = try json(await connection.frames(4)[3])["push"]?["pub"]
      #expect(next?["data"]?["position"]?.int == 1)
      _ = try await harness.lease()
      let running = try json(await connection.frames(5)[4])["push"]?["pub"]
      #expect(running?["data"]?["state"]?.string == "running")
    }
  }

  @Test("are not told it again because others begin to watch; these are told")
  func newcomers() async throws {
    try await SessionHarness.run(settings: { $0.placeInterval = .milliseconds(1) }) { harness in
      let job = try await harness.enqueue()
      var sockets: [FakeConnection] = []
      for _ in 0..<5 {
        let (session, connection) = try await harness.connect()
        session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
        let told = try json(await connection.frames(3)[2])["push"]?["pub"]?["data"]
        #expect(told?["event"]?.string == "position" && told?["position"]?.int == 1)
        sockets.append(connection)
      }
      #expect(sockets.map(\.sent.count) == [3, 3, 3, 3, 3])
      _ = try await harness.lease()
      for connection in sockets {
        let frames = await connection.frames(4)
        #expect(try json(frames[3])["push"]?["pub"]?["data"]?["state"]?.string == "running")
      }
    }
  }

  @Test("are told how long it may last, where the queue has done enough of late")
  func estimate() async throws {
    try await SessionHarness.run(settings: {
      $0.placeInterval = .milliseconds(1)
      $0.requestLimit = 1000
    }) { harness in
      let request = JobRequest(kind: JobKind("echo")!, user: "alice")
      _ = try await harness.broker.beat(
        WorkerReport(
          id: WorkerID("worker")!, host: "h", process: 1, version: "v", queues: [.default],
          kinds: [JobKind("echo")!], slots: 1, memory: 0, startedAt: .now),
        renewing: [], for: .seconds(30))
      for _ in 0..<WaitEstimate.fewestSamples {
        var request = request
        request.id = JobID()
        _ = try await harness.broker.enqueue(request)
        _ = try await harness.broker.settle(try await harness.lease().lease, .complete(nil))
      }
      var waiting = request
      waiting.id = JobID()
      let job = try await harness.broker.enqueue(waiting).job.id
      let answer = try await harness.ask(.get, "/v1/jobs/\(job)")
      #expect(answer["estimate"]?["least"]?.double == 0)
      #expect(answer["estimate"]?["most"]?.double != nil)
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job)"}}"#)
      let snapshot = try json(await connection.frames(2)[1])["subscribe"]?["data"]
      #expect(snapshot?["position"]?.int == 1)
      #expect(snapshot?["estimate"]?["most"]?.double != nil, "from the first moment on")
      let told = try json(await connection.frames(3)[2])["push"]?["pub"]?["data"]
      #expect(told?["estimate"]?["most"]?.double != nil)
      session.tell(#"{"id":3,"rpc":{"method":"job.submit","data":{"kind":"echo","watch":true}}}"#)
      let pushed = try json(await connection.frames(4)[3])["push"]?["subscribe"]?["data"]
      #expect(pushed?["position"]?.int == 2)
      #expect(pushed?["estimate"]?["most"]?.double != nil)
      let reply = try json(await connection.frames(5)[4])["rpc"]?["data"]?["job"]
      #expect(reply?.text.description == pushed?.text.description, "the reply takes nothing back")

      // What is known is kept for a while: another gateway has not asked yet.
      let other = WaitEstimates(broker: harness.broker)
      let place = QueuePlace(queue: .default, position: 1)
      for (mode, isKnown) in [(QueueMode.paused, false), (.draining, false), (.active, true), (.drainingBacklog, true)]
      {
        // Something runs, so that a drain is not over at once.
        _ = try await harness.broker.setMode(of: .default, to: .active)
        var running = request
        running.id = JobID()
        _ = try await harness.broker.enqueue(running)
        _ = try await harness.lease()
        _ = try await harness.broker.setMode(of: .default, to: mode)
        #expect(await (other.estimate(for: place) != nil) == isKnown, "\(mode)")
      }
    }
  }
}
