import EventLoop
import Jobs
import Support
import Testing

/// What watchers of a group receive.
extension BrokerContract {
  private func member(_ group: GroupID, weight: Int = 1, key: String? = nil) -> JobRequest {
    .example(key: key) {
      $0.group = group
      $0.weight = weight
    }
  }

  /// The groups that are delivered on a channel from now on.
  private func watch(
    _ group: GroupID, on broker: any Broker
  ) async throws -> (arrivals: Arrivals<JobGroup>, subscription: any EventSubscription) {
    let arrivals = await Arrivals<JobGroup>()
    let subscription = try await broker.subscribe(to: .group(group)) { delivery in
      if case .group(let group) = delivery { arrivals.append(group) }
    }
    return (arrivals, subscription)
  }

  @Test("publishes the whole group with every change that can be seen", arguments: Backend.allCases)
  func groupPublications(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let made = try await broker.create(GroupRequest(user: "alice", name: "n", callback: callback))
      let (arrivals, subscription) = try await watch(made.id, on: broker)
      try await broker.accept(member(made.id))
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 50), under: lease)
      try await broker.end(lease, .fail(.example, retry: .after(.seconds(3600))))
      _ = try await broker.promote(lease.job)
      #expect(try await broker.close(made.id).state == .closed)
      try await broker.work()
      let seen = try await arrivals.values { $0.contains { $0.state == .finished } }
      #expect(
        seen.map(\.counts) == [
          [.queued: 1], [.running: 1], [.running: 1], [.retrying: 1], [.queued: 1], [.queued: 1],
          [.running: 1], [.completed: 1],
        ])
      #expect(seen.map(\.percent) == [0, 0, 50, 0, 0, 0, 0, 100])
      #expect(seen.map(\.state) == Array(repeating: .open, count: 5) + [.closed, .closed, .finished])
      let first = made.position.offset + 1
      #expect(seen.map(\.position.offset) == Array(first..<(first + 8)), "each raises the number by one")
      #expect(seen.allSatisfy { $0.position.epoch == made.position.epoch && $0.name == "n" })
      #expect(seen.last?.callback == callback.id, "the end and the callback are one change")
      #expect(try await broker.group(made.id) == seen.last)
      await subscription.cancel()
    }
  }

  @Test("publishes nothing where the whole permille did not change", arguments: Backend.allCases)
  func groupPermille(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await broker.create(GroupRequest(user: "alice")).id
      let small = try await broker.accept(member(id)).id
      try await broker.accept(member(id, weight: 10_000))
      let leases = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).map(\.lease)
      let before = try #require(try await broker.group(id))
      let (arrivals, subscription) = try await watch(id, on: broker)
      // One in ten thousand: it is counted, and is no permille.
      _ = try await broker.report(Progress(percent: 50), under: leases[0])
      _ = try await broker.report(Progress(percent: 50, stage: "later"), under: leases[0])
      _ = try await broker.report(Progress(percent: 20), under: leases[0])
      // What a group does not count changes nothing of it.
      _ = try await broker.log(["line"], under: leases[1])
      _ = try await broker.report(Progress(stage: "begins"), under: leases[1])
      _ = try await broker.reprioritise(small, to: .high)
      _ = try await broker.cancel(small, reason: nil)
      let counted = try #require(try await broker.group(id))
      #expect(counted.weightedPermille == 500 && counted.percent == 0)
      #expect(counted.position == before.position)
      for percent in [1, 1.04, 1.1] {
        _ = try await broker.report(Progress(percent: percent), under: leases[1])
      }
      let seen = try await arrivals.values(atLeast: 2)
      #expect(seen.map(\.percent) == [1, 1.1])
      #expect(seen.map(\.weightedPermille) == [100_500, 110_500])
      #expect(seen.map(\.position.offset) == [1, 2].map { before.position.offset + $0 })
      #expect(try await broker.group(id) == seen.last)
      await subscription.cancel()
    }
  }

  @Test("publishes no repeat, no refusal and no second close", arguments: Backend.allCases)
  func groupSilence(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await broker.create(GroupRequest(user: "alice")).id
      let first = member(id, key: "k")
      try await broker.accept(first)
      let standing = try #require(try await broker.group(id))
      let (arrivals, subscription) = try await watch(id, on: broker)
      #expect(try await broker.enqueue(first).isReplay)
      #expect(try await broker.enqueue(member(id, key: "k")).isReplay)
      _ = try await broker.create(GroupRequest(id: id, user: "alice", name: "other"))
      #expect(try await broker.group(id) == standing)
      _ = try await broker.close(id)
      _ = try await broker.close(id)
      await #expect(throws: BrokerError.groupClosed) { try await broker.enqueue(member(id)) }
      try await broker.work()
      let seen = try await arrivals.values { $0.contains { $0.state == .finished } }
      #expect(seen.map(\.state) == [.closed, .closed, .finished])
      #expect(seen.map(\.counts) == [[.queued: 1], [.running: 1], [.completed: 1]])
      await subscription.cancel()
    }
  }

  @Test("a reader of a group is never behind what it received", arguments: Backend.allCases)
  func groupAtPublication(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      let reads = AsyncStream<(seen: JobGroup, read: JobGroup?, callback: Job?)>.makeStream()
      let subscription = try await broker.subscribe(to: .group(id)) { delivery in
        guard case .group(let seen) = delivery else { return }
        Task {
          let read = try await broker.group(id)
          let job = try await broker.job(callback.id)
          reads.continuation.yield((seen, read, job))
        }
      }
      try await broker.accept(member(id))
      let lease = try #require(try await broker.next()).lease
      for percent in 1...5 { _ = try await broker.report(Progress(percent: Double(percent)), under: lease) }
      try await broker.end(lease)
      _ = try await broker.close(id)
      var count = 0
      for await (seen, read, callback) in reads.stream {
        #expect(try #require(read).position.offset >= seen.position.offset)
        if seen.state == .finished { #expect(callback != nil) }
        count += 1
        if count == 9 { break }
      }
      await subscription.cancel()
    }
  }

  @Test("tells of a group on its own channel alone", arguments: Backend.allCases)
  func groupChannels(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.create(GroupRequest(user: "alice")).id
      let second = try await broker.create(GroupRequest(user: "alice")).id
      let request = member(first)
      let log = await DeliveryLog()
      let subscriptions = [
        try await broker.subscribe(to: .job(request.id)) { log.record($0) },
        try await broker.subscribe(to: .user("alice")) { log.record($0) },
      ]
      let (arrivals, subscription) = try await watch(second, on: broker)
      try await broker.accept(request)
      _ = try await broker.close(first)
      try await broker.work()
      try await broker.accept(member(second))
      let seen = try await arrivals.values(atLeast: 1)
      #expect(seen.map(\.id) == [second])
      // Of the first job on both channels, of the second on the user's.
      try await log.events(atLeast: 7)
      #expect(await log.deliveries.count == 7)
      for subscription in subscriptions + [subscription] { await subscription.cancel() }
    }
  }
}
