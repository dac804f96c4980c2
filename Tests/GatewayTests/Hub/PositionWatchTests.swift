import EventLoop
import Jobs
import Testing

@testable import Gateway

@Suite("The comparison of what was told with the records") struct PositionWatchTests {
  @Test("looks at each channel once a round, in parts, and at new ones in the next")
  func rounds() {
    let channels = (0..<10).map { _ in Channel.job(JobID()) }
    var watch = PositionWatch(parts: 4)
    var seen: [Channel] = []
    var counts: [Int] = []
    for _ in 0..<4 {
      let part = watch.next { Array(channels.prefix(7)) }
      seen += part
      counts.append(part.count)
    }
    #expect(seen == Array(channels.prefix(7)) && counts == [1, 2, 2, 2])
    seen = []
    for _ in 0..<4 { seen += watch.next { channels } }
    #expect(seen == channels)
    for _ in 0..<4 { #expect(watch.next { [] }.isEmpty) }
  }

  @Test("looks again at what did not agree, once")
  func suspects() {
    var watch = PositionWatch(parts: 1)
    let suspect = PositionWatch.Suspect(
      channel: .job(JobID()), record: nil, told: .init(offset: 1, stream: 0))
    watch.suspect(suspect)
    #expect(watch.takeSuspects() == [suspect])
    #expect(watch.takeSuspects().isEmpty)
  }

  @EventLoop private final class Listener: Subscriber {
    func receive(_ batch: PublicationBatch) {}
    func lost(_ subscription: Subscription) {}
  }

  @Test("finds a watcher who lacks something, a record that was set back, another epoch and no record")
  @EventLoop func disagreement() {
    let id = JobID()
    let watched = WatchedChannel(channel: .job(id), opening: Task { nil }, counters: DeliveryCounters())
    let (wheel, listener) = (TimerWheel(), Listener())
    func watcher(at offset: UInt64?) -> Subscription {
      let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel)
      watched.add(subscription)
      if let offset { subscription.goLive(after: StreamPosition(offset: offset, epoch: "e")) }
      return subscription
    }
    func disagrees(_ offset: UInt64?, _ epoch: String = "e") -> Bool {
      let record = offset.map { StreamPosition(offset: $0, epoch: epoch) }
      guard let told = watched.highestPlace else { return false }
      return watched.disagrees(with: .init(channel: .job(id), record: record, told: told))
    }
    _ = watcher(at: nil)
    #expect(!disagrees(nil), "who still reads the record lacks nothing")
    let one = watcher(at: 4)
    #expect(!disagrees(4) && disagrees(5) && disagrees(3) && disagrees(4, "f") && disagrees(nil))
    let two = watcher(at: 6)
    #expect(disagrees(6), "one is behind the other")
    one.deliver(.init(Publication(.example(id, offset: 6, class: .state), on: .job(id))))
    #expect(!disagrees(6), "that was another epoch: who was behind has lost its place, and knows")
    two.wasToldEnd = true
    #expect(!disagrees(nil), "nothing follows the end")
  }

  @Test("knows whether the last that somebody was told is the end")
  @EventLoop func ends() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: TimerWheel())
    func tell(_ offset: UInt64, _ state: JobState) {
      let event = JobEvent(
        class: .state, id: id, user: "u", position: StreamPosition(offset: offset, epoch: "e"),
        at: Timestamp(milliseconds: 1_780_000_000_000), state: state, attempt: 1)
      subscription.deliver(PublicationBatch(Publication(event, on: .job(id))))
    }
    subscription.goLive(after: StreamPosition(offset: 1, epoch: "e"))
    tell(2, .running)
    #expect(!subscription.wasToldEnd)
    tell(3, .completed)
    #expect(subscription.wasToldEnd)
    tell(2, .running)
    #expect(subscription.wasToldEnd, "an old event changes nothing")
    tell(4, .queued)
    #expect(!subscription.wasToldEnd, "it runs again")
  }
}
