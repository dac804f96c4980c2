import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("tells a job's life in the order of offsets, its end once", arguments: Backend.allCases)
  func eventOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let request = JobRequest.example()
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(request.id)) { log.record($0) }
      try await broker.accept(request)
      let first = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 10, stage: "one"), under: first)
      try await broker.end(first, .fail(.example, retry: .after(.zero)))
      let second = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 20), under: second)
      _ = try await broker.report(Progress(percent: 30), under: second)
      let result = JSONText(unchecked: Array("[1]".utf8))
      try await broker.end(second, .complete(result))
      try await log.eventsUntilEnd()

      let events = await log.events
      let states = events.filter { $0.class == .state && $0.reason != "due" }
      #expect(states.map(\.state) == [.queued, .running, .retrying, .running, .completed])
      #expect(states.map(\.attempt) == [0, 1, 1, 2, 2])
      let reports = events.filter { $0.class == .progress }
      #expect(reports.map(\.progress.percent) == [10, 20, 30])
      #expect(reports.map(\.attempt) == [1, 2, 2])
      #expect(reports[0].progress.stage == "one")
      #expect(events.first?.position.offset == 1)
      for (earlier, later) in zip(events, events.dropFirst()) {
        #expect(earlier.position.offset < later.position.offset)
        #expect(earlier.position.epoch == later.position.epoch)
        #expect(earlier.at <= later.at)
      }
      #expect(events.allSatisfy { $0.id == request.id && $0.user == "alice" })
      #expect(states[2].failure == .example)
      let end = try #require(events.last)
      #expect(end.state == .completed)
      #expect(end.result == result)
      #expect(end.progress.percent == 100)
      #expect(try await broker.job(request.id)?.position == end.position)
      await subscription.cancel()
    }
  }

  @Test("a reader of the record is never behind an event it received", arguments: Backend.allCases)
  func recordAtEvent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let request = JobRequest.example()
      let reads = AsyncStream<(event: UInt64, record: UInt64?)>.makeStream()
      let subscription = try await broker.subscribe(to: .job(request.id)) { delivery in
        guard case .event(let event) = delivery else { return }
        Task {
          let job = try await broker.job(request.id)
          reads.continuation.yield((event.position.offset, job?.position.offset))
        }
      }
      try await broker.accept(request)
      let lease = try #require(try await broker.next()).lease
      for percent in 1...5 {
        _ = try await broker.report(Progress(percent: Double(percent)), under: lease)
      }
      try await broker.end(lease)
      var count = 0
      for await read in reads.stream {
        #expect(try #require(read.record) >= read.event)
        count += 1
        if count == 8 { break }
      }
      await subscription.cancel()
    }
  }

  @Test("subscribe, then read: nothing falls between", arguments: Backend.allCases)
  func subscribeThenRead(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<10 {
        let job = try await broker.accept()
        async let work: Void = {
          let lease = try #require(try await broker.next()).lease
          for percent in 1...10 {
            _ = try await broker.report(Progress(percent: Double(percent)), under: lease)
          }
          try await broker.end(lease)
        }()
        let log = await DeliveryLog()
        let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
        let snapshot = try #require(try await broker.job(job.id))
        try await work
        if !snapshot.state.isTerminal {
          try await log.eventsUntilEnd()
          // Offsets may skip, but here nothing makes them: each step after the snapshot was seen.
          let later = await log.events.map(\.position.offset).filter { $0 > snapshot.position.offset }
          let final = try #require(try await broker.job(job.id)?.position.offset)
          #expect(later == Array((snapshot.position.offset + 1)...final))
        }
        await subscription.cancel()
      }
    }
  }

  @Test("tells a user of all its jobs and of no one else's", arguments: Backend.allCases)
  func userChannel(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .user("alice")) { log.record($0) }
      try await broker.accept(.example(user: "bob"))
      let first = try await broker.accept(.example(user: "alice"))
      let second = try await broker.accept(.example(user: "alice"))
      for leased in try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a) {
        _ = try await broker.report(Progress(percent: 1), under: leased.lease)
        try await broker.end(leased.lease)
      }
      let events = try await log.events { $0.count { $0.state.isTerminal } == 2 }
      #expect(events.count == 8)
      #expect(Set(events.map(\.id)) == [first.id, second.id])
      for id in [first.id, second.id] {
        let own = events.filter { $0.id == id }
        #expect(own.map(\.state) == [.queued, .running, .running, .completed])
        #expect(own.map(\.position.offset) == own.map(\.position.offset).sorted())
      }
      await subscription.cancel()
    }
  }

  @Test("delivers to each of several subscriptions, until it is cancelled", arguments: Backend.allCases)
  func severalSubscriptions(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let logs = [await DeliveryLog(), await DeliveryLog()]
      let first = try await broker.subscribe(to: .job(job.id)) { logs[0].record($0) }
      let second = try await broker.subscribe(to: .job(job.id)) { logs[1].record($0) }
      let lease = try #require(try await broker.next()).lease
      for log in logs { try await log.events(atLeast: 1) }

      await first.cancel()
      await first.cancel()
      _ = try await broker.report(Progress(percent: 1), under: lease)
      try await logs[1].events(atLeast: 2)
      #expect(await logs[0].deliveries.count == 1, "nothing is delivered after cancel")

      let third = try await broker.subscribe(to: .job(job.id)) { logs[0].record($0) }
      try await broker.end(lease)
      for log in logs { try await log.eventsUntilEnd() }
      #expect(await logs[0].events.count == 2)
      #expect(await logs[1].events.count == 3)
      await second.cancel()
      await third.cancel()
    }
  }

  @Test("lets a receiver cancel its own subscription", arguments: Backend.allCases)
  func cancelFromReceiver(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let request = JobRequest.example()
      let log = await DeliveryLog()
      let witness = await DeliveryLog()
      let box = SubscriptionBox()
      await box.hold(
        try await broker.subscribe(to: .job(request.id)) { delivery in
          log.record(delivery)
          box.cancel()
        })
      let other = try await broker.subscribe(to: .job(request.id)) { witness.record($0) }
      try await broker.accept(request)
      let lease = try #require(try await broker.next()).lease
      try await broker.end(lease)
      try await witness.eventsUntilEnd()
      #expect(await log.deliveries.count == 1)
      await other.cancel()
    }
  }
}

/// Holds a subscription for the receiver that ends it.
@EventLoop
private final class SubscriptionBox {
  private var subscription: (any EventSubscription)?

  func hold(_ subscription: any EventSubscription) { self.subscription = subscription }

  func cancel() { subscription?.cancel() }
}
