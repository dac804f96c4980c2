import EventLoop
import Jobs
import Testing

@testable import Gateway

@Suite("A channel that is watched") struct WatchedChannelTests {
  @EventLoop private final class Listener: Subscriber {
    func receive(_ batch: PublicationBatch) {}
    func lost(_ subscription: Subscription) {}
  }

  @EventLoop private func channel(of id: JobID) -> WatchedChannel {
    WatchedChannel(channel: .job(id), opening: Task { nil }, counters: DeliveryCounters())
  }

  @EventLoop private func record(of id: JobID, at offset: UInt64, epoch: String = "0a0b0c0d") -> Publication {
    let at = Timestamp(milliseconds: 1_780_000_000_000)
    let job = Job(
      id: id, queue: .default, kind: JobKind("echo")!, user: "alice", state: .running, createdAt: at, updatedAt: at,
      position: StreamPosition(offset: offset, epoch: epoch))
    return Publication(.job(job, estimate: nil))
  }

  @Test("brings no record of what it told in the same turn, but any other")
  @EventLoop func turn() {
    let id = JobID()
    let watched = channel(of: id)
    #expect(!watched.hasBrought(record(of: id, at: 3)))
    watched.turn.append(Publication(.example(id, offset: 3, class: .state), on: .job(id)))
    #expect(watched.hasBrought(record(of: id, at: 3)) && watched.hasBrought(record(of: id, at: 2)))
    #expect(!watched.hasBrought(record(of: id, at: 4)) && !watched.hasBrought(record(of: id, at: 3, epoch: "other")))
    #expect(!watched.hasBrought(Publication(.example(id, offset: 3, class: .state), on: .job(id))))
  }

  @Test("tells an event once where its record is read in the same turn")
  @EventLoop func onceInATurn() async throws {
    try await SessionHarness.run { harness in
      let job = try await harness.enqueue()
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
      _ = await connection.frames(2)
      let hub = harness.gateway.hub
      let watched = try #require(hub.channels[.job(job.id)])
      func event(_ offset: UInt64) -> JobEvent {
        JobEvent(
          class: .state, id: job.id, user: "alice",
          position: StreamPosition(offset: offset, epoch: job.position.epoch), at: job.createdAt, state: .running,
          attempt: 1)
      }
      var record = job
      record.state = .running
      record.position = event(2).position
      hub.take(.event(event(2)), on: watched)
      hub.take(.snapshot(record), on: watched)
      hub.flush()
      hub.take(.event(event(3)), on: watched)
      hub.flush()
      let told = await connection.frames(4).dropFirst(2).flatMap { $0.split(separator: "\n") }
      #expect(try told.map { try json(String($0))["push"]?["pub"]?["offset"]?.int } == [2, 3])
    }
  }

  @Test("knows which of its watchers lacks most")
  @EventLoop func lastPlace() {
    let id = JobID()
    let watched = channel(of: id)
    let position = StreamPosition(offset: 9, epoch: "e")
    #expect(watched.lastPlace(before: position) == nil)
    for offset in [8, 4, 6] as [UInt64] {
      let subscription = Subscription(channel: .job(id), subscriber: Listener(), wheel: TimerWheel())
      watched.add(subscription)
      subscription.goLive(after: StreamPosition(offset: offset, epoch: "e"))
    }
    #expect(watched.lastPlace(before: position)?.offset == 4)
    #expect(watched.lastPlace(before: StreamPosition(offset: 5, epoch: "e")) == nil)
    #expect(watched.lastPlace(before: StreamPosition(offset: 9, epoch: "f")) == nil)
  }
}
