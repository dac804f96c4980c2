import EventLoop
import Foundation
import Jobs
import Support
import Synchronization
import Testing

@testable import Gateway

@Suite("A drain", .timeLimit(.minutes(1))) @EventLoop struct DrainTests {
  @Test("asks each away once, at a moment within the time, and tells when nobody is left")
  func waves() async {
    let drain = Drain(wheel: TimerWheel(tick: .milliseconds(2)))
    var asked: [Int] = []
    for number in 0..<50 { _ = drain.enter { asked.append(number) } }
    let gone = drain.enter { asked.append(-1) }
    drain.leave(gone)
    drain.begin(over: .milliseconds(300))
    #expect(asked.isEmpty, "nobody at once")
    await drain.untilEmpty()
    #expect(Set(asked) == Set(0..<50) && asked.count == 50)
    #expect(asked != asked.sorted(), "in no order")
    await drain.untilEmpty()
  }

  @Test("asks those away too who come while it is under way, and ends at once when told again")
  func lateAndAgain() async {
    let drain = Drain(wheel: TimerWheel(tick: .milliseconds(2)))
    drain.begin(over: .milliseconds(50))
    var asked = 0
    _ = drain.enter { asked += 1 }
    await drain.untilEmpty()
    #expect(asked == 1)
    let slow = Drain(wheel: TimerWheel(tick: .milliseconds(2)))
    for _ in 0..<5 { _ = slow.enter { asked += 1 } }
    slow.begin(over: .seconds(3600))
    slow.begin(over: .seconds(3600))
    #expect(asked == 6 && slow.count == 0)
  }

  @Test("of a gateway closes sockets with 3001, ends streams with a word on when to come back, and answers long polls")
  func gateway() async throws {
    try await SessionHarness.runUnlimited(settings: { $0.longPollLimit = .seconds(600) }) { harness in
      let job = try await harness.enqueue()
      let (session, connection) = try await harness.connect()
      let headers = ["host": "localhost", "authorization": "Bearer \(try harness.token())"]
      let events = FakeExchange(Request(method: .get, path: "/v1/jobs/\(job.id)/events", headers: headers))
      harness.gateway.handle(events)
      guard case .stream(let start) = try await events.answer().body else {
        Issue.record("no stream")
        return
      }
      let stream = FakeStream()
      start(stream)
      async let poll = harness.ask(
        .get, "/v1/jobs/\(job.id)?wait=600", headers: ["if-none-match": EntityTag.text(of: job.position)])
      async let wait = harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#, headers: ["prefer": "wait=60"])
      try await harness.subscriptions(3)
      while harness.gateway.environment.drain.count < 3 { await Task.yield() }
      harness.gateway.stopAdmitting()
      async let drained: Void = harness.gateway.drain(over: .milliseconds(50))
      #expect(await connection.close() == 3001)
      session.connectionClosed()
      await drained
      let last = try #require(try await stream.all().last)
      let pause = try #require(last.wholeMatch(of: /retry: (\d+)/).flatMap { Int($0.1) })
      #expect((500...3000).contains(pause))
      let polled = try await poll
      #expect(polled.status == 304, "nothing had changed")
      let waited = try await wait
      #expect(waited.status == 202, "accepted, and not ended yet")
      #expect(try await harness.ask(.get, "/readyz").status == 503)
      #expect(throws: SessionHarness.Refused.self) { try harness.open() }
    }
  }

  @Test("lets in who was accepted before another process took over, and asks them away in time")
  func handOver() async throws {
    try await SessionHarness.runUnlimited { harness in
      let (session, connection) = try await harness.connect()
      async let drained: Void = harness.gateway.drain(over: .milliseconds(300))
      while !harness.gateway.environment.drain.isUnderWay { await Task.yield() }
      let (lateSession, late) = try await harness.connect()
      #expect(try await harness.ask(.get, "/readyz").status == 200, "the node goes on")
      #expect(await late.close() == 3001)
      #expect(await connection.close() == 3001)
      session.connectionClosed()
      lateSession.connectionClosed()
      await drained
    }
  }
  @Test("closes sockets that echo as it closes the others, and waits until they have gone")
  func echoes() async throws {
    try await SessionHarness.runServed(settings: { $0.echoes = true }) { harness, port in
      let client = try await WebSocketClient.connect(to: port, path: "/debug/echo")
      try await client.send("before")
      #expect(try await client.nextMessage() == .text("before"))
      harness.gateway.stopAdmitting()
      let isDrained = Mutex(false)
      let drained = Task { @EventLoop in
        await harness.gateway.drain(over: .milliseconds(20))
        isDrained.withLock { $0 = true }
      }
      while !harness.gateway.environment.drain.isUnderWay { await Task.yield() }
      let late = Request(method: .get, path: "/debug/echo", headers: ["host": "localhost"])
      if case .refuse(let response) = harness.gateway.judge(late) {
        #expect(response.status == 503)
      } else {
        Issue.record("let in while the gateway goes")
      }
      guard case .close(let code, let reason) = try await client.receive() else {
        Issue.record("not closed")
        return
      }
      #expect(code == 3001 && reason == "shutdown")
      #expect(!isDrained.withLock { $0 }, "the client has not answered the close yet")
      try await client.sendClose(code: 3001)
      #expect(try await client.socket.receiveToEnd().isEmpty)
      client.socket.close()
      await drained.value
    }
  }
}
