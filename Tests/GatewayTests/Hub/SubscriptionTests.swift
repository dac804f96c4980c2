import EventLoop
import Jobs
import Testing

@testable import Gateway

@Suite("A subscription") struct SubscriptionTests {
  @EventLoop private final class Listener: Subscriber {
    private(set) var received: [UInt64?] = []
    private(set) var losses = 0
    private(set) var batches = 0
    func receive(_ batch: PublicationBatch) {
      batches += 1
      received += batch.publications.map { $0.position?.offset }
    }
    func lost(_ subscription: Subscription) { losses += 1 }
  }

  private let wheel: @EventLoop () -> TimerWheel = { TimerWheel() }

  @EventLoop private func publication(_ offset: UInt64, epoch: String = "e", of id: JobID) -> PublicationBatch {
    PublicationBatch(
      Publication(
        JobEvent(
          class: .state, id: id, user: "u", position: StreamPosition(offset: offset, epoch: epoch),
          at: Timestamp(milliseconds: 1_780_000_000_000), state: .running, attempt: 1), on: .job(id)))
  }

  @Test("delivers what it gathered behind the record, and nothing twice")
  @EventLoop func gathers() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel())
    for offset in [3, 4, 5] as [UInt64] { subscription.deliver(publication(offset, of: id)) }
    #expect(listener.received.isEmpty)
    subscription.goLive(after: StreamPosition(offset: 4, epoch: "e"))
    for offset in [5, 6] as [UInt64] { subscription.deliver(publication(offset, of: id)) }
    #expect(listener.received == [5, 6])
  }

  @Test("is lost where events are missing between the record and what it gathered, but not where a record makes up")
  @EventLoop func gatheredHole() {
    let (id, listener, healed) = (JobID(), Listener(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel())
    for offset in [2, 5, 6] as [UInt64] { subscription.deliver(publication(offset, of: id)) }
    subscription.goLive(after: StreamPosition(offset: 3, epoch: "e"))
    subscription.deliver(publication(7, of: id))
    #expect(listener.losses == 1 && listener.received.isEmpty)

    let other = Subscription(channel: .job(id), subscriber: healed, wheel: wheel())
    let at = Timestamp(milliseconds: 1_780_000_000_000)
    let job = Job(
      id: id, queue: .default, kind: JobKind("echo")!, user: "u", state: .running, createdAt: at, updatedAt: at,
      position: StreamPosition(offset: 5, epoch: "e"))
    other.deliver(PublicationBatch(Publication(.job(job, estimate: nil))))
    other.goLive(after: StreamPosition(offset: 3, epoch: "e"))
    #expect(healed.losses == 0 && healed.received == [5])
  }

  @Test("is lost once when another epoch begins, and hears nothing more")
  @EventLoop func anotherEpoch() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel())
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
      Subscription(channel: .job(id), subscriber: old, wheel: wheel()),
      Subscription(channel: .job(id), subscriber: new, wheel: wheel())
    )
    for subscription in [behind, ahead] { subscription.deliver(publication(2, epoch: "f", of: id)) }
    behind.lose()
    #expect(old.losses == 0, "who gathers reads the record by himself")
    behind.goLive(after: StreamPosition(offset: 9, epoch: "e"))
    ahead.goLive(after: StreamPosition(offset: 1, epoch: "f"))
    #expect(old.losses == 1 && old.received.isEmpty)
    #expect(new.losses == 0 && new.received == [2])
  }

  @Test("hands over a whole turn at once, and of one that reaches back what is new")
  @EventLoop func turns() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel())
    func batch(_ offsets: ClosedRange<UInt64>) -> PublicationBatch {
      PublicationBatch(ContiguousArray(offsets.flatMap { publication($0, of: id).publications }))
    }
    subscription.goLive(after: StreamPosition(offset: 4, epoch: "e"))
    subscription.deliver(batch(3...6))
    subscription.deliver(batch(7...9))
    subscription.deliver(batch(8...9))
    #expect(listener.received == [5, 6, 7, 8, 9])
    #expect(listener.batches == 2)
  }

  @Test("is lost where one turn brings two epochs")
  @EventLoop func twoEpochs() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel())
    subscription.goLive(after: StreamPosition(offset: 4, epoch: "e"))
    let both = publication(5, of: id).publications + publication(1, epoch: "f", of: id).publications
    subscription.deliver(PublicationBatch(both))
    #expect(listener.received.isEmpty && listener.losses == 1)
  }

  @Test("holds progress to its interval, and lets changes of state pass behind what is held")
  @EventLoop func interval() {
    let (id, listener) = (JobID(), Listener())
    let subscription = Subscription(channel: .job(id), subscriber: listener, wheel: wheel())
    subscription.minimumInterval = .seconds(3600)
    subscription.goLive(after: StreamPosition(offset: 0, epoch: "0a0b0c0d"))
    for offset in 1...4 as ClosedRange<UInt64> {
      subscription.deliver(
        PublicationBatch(Publication(.example(id, offset: offset, class: .progress), on: .job(id))))
    }
    #expect(listener.received == [1])
    subscription.deliver(
      PublicationBatch(Publication(.example(id, offset: 5, class: .state), on: .job(id))))
    #expect(listener.received == [1, 4, 5])
  }
}
