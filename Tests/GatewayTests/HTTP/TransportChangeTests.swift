import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

@Suite("A watcher that changes its transport", .timeLimit(.minutes(1))) struct TransportChangeTests {
  /// What the watcher has been told: offsets, each once and in order.
  @EventLoop private final class Watcher {
    private(set) var offsets: [UInt64] = []
    var epoch = ""
    var cursor: String { StreamPosition(offset: offsets.last ?? 0, epoch: epoch).cursor }

    func take(_ offset: Int?) throws { offsets.append(UInt64(try #require(offset))) }
  }

  @EventLoop private func events(_ harness: SessionHarness, _ job: Job, from cursor: String) async throws -> FakeStream
  {
    let exchange = FakeExchange(
      Request(
        method: .get, path: "/v1/jobs/\(job.id)/events",
        headers: ["authorization": "Bearer \(try harness.token())", "last-event-id": cursor]))
    harness.gateway.handle(exchange)
    guard case .stream(let start) = try await exchange.answer().body else {
      throw SessionHarness.Refused()
    }
    let stream = FakeStream()
    start(stream)
    return stream
  }

  private func offset(of block: String) -> Int? {
    guard let line = block.split(separator: "\n").first(where: { $0.hasPrefix("id: ") }) else { return nil }
    return line.split(separator: "-").last.flatMap { Int($0) }
  }

  @Test("carries one cursor from a socket to events, a long poll and a socket again: no gap, no repeat")
  func wholeTour() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await harness.enqueue()
      let leased = try await harness.lease()
      let watcher = Watcher()

      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      let result = try json(await connection.frames(2)[1])["subscribe"]
      watcher.epoch = try #require(result?["epoch"]?.string)
      try watcher.take(result?["offset"]?.int)
      try await harness.report(10, of: leased)
      try watcher.take(try json(await connection.frames(3)[2])["push"]?["pub"]?["offset"]?.int)
      session.connectionClosed()

      // Nothing happens meanwhile: nothing is told twice. Then live.
      let first = try await events(harness, job, from: watcher.cursor)
      try await harness.report(20, of: leased)
      let blocks = try await first.blocks(atLeast: 2)
      try watcher.take(offset(of: blocks[1]))
      first.whenClosed?()

      // One step is missed: it is made up for by the record.
      try await harness.report(30, of: leased)
      let second = try await events(harness, job, from: watcher.cursor)
      let missed = try await second.blocks(atLeast: 2)[1]
      #expect(missed.contains("event: snapshot") && missed.contains(#""percent":30"#))
      try watcher.take(offset(of: missed))
      second.whenClosed?()

      // The same text is the entity tag.
      let same = try await harness.ask(
        .get, "/v1/jobs/\(job.id)", headers: ["if-none-match": "\"\(watcher.cursor)\""])
      #expect(same.status == 304)
      async let polled = harness.ask(
        .get, "/v1/jobs/\(job.id)?wait=60", headers: ["if-none-match": "W/\"\(watcher.cursor)\""])
      try await harness.subscriptions(1)
      try await harness.report(40, of: leased)
      let answer = try await polled
      #expect(answer.status == 200 && answer["percent"]?.double == 40)
      try watcher.take(answer["offset"]?.int)
      #expect(answer.headers["etag"] == "W/\"\(watcher.cursor)\"")

      // Back on a socket: recovered at the top, then the end.
      let (again, socket) = try await harness.connect()
      again.tell(
        #"{"id":2,"subscribe":{"channel":"job:\#(job.id)","recover":true,"epoch":"\#(watcher.epoch)","offset":\#(watcher.offsets.last!)}}"#
      )
      let back = try json(await socket.frames(2)[1])["subscribe"]
      #expect(back?["recovered"]?.bool == true && back?["publications"] == nil)
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      try watcher.take(try json(await socket.frames(3)[2])["push"]?["pub"]?["offset"]?.int)
      #expect(watcher.offsets == [2, 3, 4, 5, 6, 7])
      #expect(try #require(try await harness.broker.job(job.id)).position.cursor == watcher.cursor)
    }
  }

  @Test(
    "is answered by a poll at once where its cursor is another than the record's, whatever it is",
    arguments: ["\"00000000-1\"", "\"E-9\"", "\"9\"", "E-1", "nonsense", "*", "", "\"E-0\", \"00000000-1\""])
  func foreignTag(tag: String) async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await harness.enqueue()
      let tag = tag.replacing("E", with: job.position.epoch)
      let answer = try await harness.ask(.get, "/v1/jobs/\(job.id)?wait=60", headers: ["if-none-match": tag])
      #expect(answer.status == 200 && answer["epoch"]?.string == job.position.epoch)
      #expect(answer["offset"]?.int == 1)
    }
  }

  @Test("is answered 304 where one of several tags is the record's, or an offset alone")
  func knownTag() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await harness.enqueue()
      for tag in ["\"\(job.position.cursor)\"", "W/\"a-1\" , W/\"\(job.position.cursor)\"", "\"1\""] {
        let answer = try await harness.ask(.get, "/v1/jobs/\(job.id)", headers: ["if-none-match": tag])
        #expect(answer.status == 304)
      }
    }
  }
}
