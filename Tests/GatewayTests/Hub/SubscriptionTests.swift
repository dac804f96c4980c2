import EventLoop
import Jobs
import Testing

@testable import Gateway

@Suite("A subscription") struct SubscriptionTests {
  @EventLoop private final class Listener: Subscriber {
    private(set) var received: [UInt64?] = []
    private(set) var losses = 0
    func receive(_ publication: Publication) { received.append(publication.position?.offset) }
    func lost(_ subscription: Subscription) { losses += 1 }
  }

  @EventLoop private func publication(_ offset: UInt64, epoch: String = "e", of id: JobID) -> Publication {
    Publication(
      JobEvent(
        class: .state, id: id, user: "u", position: StreamPosition(offset: offset, epoch: epoch),
        at: Timestamp(milliseconds: 1_780_000_000_000), state: .running, attempt: 1), on: .job(id))
  }

  @Test("delivers what it gathered behind the record, and nothing twice")
  @EventLoop func gathers() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener)
    for offset in [3, 4, 5] as [UInt64] { subscription.deliver(publication(offset, of: id)) }
    #expect(listener.received.isEmpty)
    subscription.goLive(after: StreamPosition(offset: 4, epoch: "e"))
    for offset in [5, 6] as [UInt64] { subscription.deliver(publication(offset, of: id)) }
    #expect(listener.received == [5, 6])
  }

  @Test("is lost once when another epoch begins, and hears nothing more")
  @EventLoop func anotherEpoch() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener)
    subscription.goLive(after: StreamPosition(offset: 4, epoch: "e"))
    subscription.deliver(publication(5, of: id))
    for offset in [1, 9] as [UInt64] { subscription.deliver(publication(offset, epoch: "f", of: id)) }
    subscription.deliver(publication(6, of: id))
    #expect(listener.received == [5] && listener.losses == 1)
  }

  @Test("finds the other epoch also among what it gathered, and follows that of the record it read")
  @EventLoop func gatheredEpoch() {
    let (id, old, new) = (JobID(), Listener(), Listener())
    let (behind, ahead) = (
      Subscription(channel: .job(id), subscriber: old), Subscription(channel: .job(id), subscriber: new)
    )
    for subscription in [behind, ahead] { subscription.deliver(publication(2, epoch: "f", of: id)) }
    behind.lose()
    #expect(old.losses == 0, "who gathers reads the record by himself")
    behind.goLive(after: StreamPosition(offset: 9, epoch: "e"))
    ahead.goLive(after: StreamPosition(offset: 1, epoch: "f"))
    #expect(old.losses == 1 && old.received.isEmpty)
    #expect(new.losses == 0 && new.received == [2])
  }
}
