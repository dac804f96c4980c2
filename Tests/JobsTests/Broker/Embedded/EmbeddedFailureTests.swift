import EventLoop
import Jobs
import Support
import Testing

@Suite("An embedded broker whose journal cannot be written", .timeLimit(.minutes(1)))
struct EmbeddedFailureTests {
  private let place = BrokerFolder()

  /// A bound on the file, and so many small changes that it is reached.
  private func fill(_ broker: EmbeddedBroker) async throws {
    try await broker.journal.limitSize(toBytes: 1)
    for size in [200_000, 2000, 2000, 100, 100, 100] {
      let payload = JSONText(unchecked: Array("\"\(String(repeating: "x", count: size))\"".utf8))
      var isFull = false
      for _ in 0..<200 where !isFull {
        do throws(BrokerError) {
          try await broker.accept(.example(queue: .default, user: "filler", payload: payload))
        } catch {
          #expect(error == .unavailable)
          isFull = true
        }
      }
      try #require(isFull, "the bound was not reached")
    }
  }

  /// Everything that can be read of a broker.
  private struct Sight: Equatable {
    var jobs: [Job]
    var queues: [QueueStatus]
    var statistics: QueueStatistics
    var groups: [JobGroup]
  }

  private func look(_ broker: EmbeddedBroker) async throws -> Sight {
    var groups: [JobGroup] = []
    var cursor: String?
    repeat {
      let page = try await broker.archive(after: cursor, limit: 1000)
      for case .group(let group, callback: _) in page.entries { groups.append(group) }
      cursor = page.next
    } while cursor != nil
    return Sight(
      jobs: try await broker.allJobs(matching: JobFilter(limit: 200)),
      queues: try await broker.queues(),
      statistics: try await broker.statistics(of: nil, minutes: 10), groups: groups)
  }

  @Test("refuses every verb that would change something, changes nothing, and goes on when it can")
  func fullDisk() async throws {
    let broker = try await place.open()
    try await broker.change { $0.isFair = true }
    let ended = try await broker.accept(.example(priority: .high))
    try await broker.work()
    let running = try await broker.accept(.example(priority: .high))
    let lease = try #require(try await broker.next()).lease
    #expect(lease.job == running.id)
    let queued = try await broker.accept()
    let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(600)) })
    try await fill(broker)
    let log = await DeliveryLog()
    _ = try await broker.subscribe(to: .user("alice")) { log.record($0) }
    let before = try await look(broker)

    // Needs pages that are not there.
    var settings = QueueSettings()
    settings.description = String(repeating: "d", count: 20_000)
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.set(.mail, to: QueueSettings(), ifVersion: nil)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.setMode(of: .mail, to: .paused)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.enqueue(.child(of: [queued.id]))
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.enqueue(.example(queue: .video, user: "bob"))
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.cancel(queued.id, reason: nil)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.promote(scheduled.id)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.redrive(queued.id, to: .video)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.reprioritise(queued.id, to: .low)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.remove(queued.id)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.clear(.mail, [.queued, .scheduled, .completed], limit: 10)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.exchange(
        [LeaseSettlement(lease, .complete(nil))],
        for: LeaseRequest(queues: [.mail], limit: 2, duration: .seconds(30), worker: .a))
    }
    #expect(try await look(broker) == before)
    #expect(await log.events.isEmpty, "nobody heard of what was not kept")

    try await broker.journal.limitSize(toBytes: nil)
    #expect(await broker.isAvailable())
    #expect(try await broker.set(.mail, to: settings, ifVersion: 1).version == 2)
    #expect(try await broker.promote(scheduled.id).state == .queued)
    #expect(try await broker.retry(ended.id).state == .queued)
    #expect(try await broker.end(lease) == .completed)
    #expect(try await broker.takeAll() == [ended.id, queued.id, scheduled.id])
    await broker.close()
  }

  @Test("takes back what it counted in groups, what they became and what they submitted")
  func fullDiskOfGroups() async throws {
    let broker = try await place.open()
    func member(_ group: GroupID) -> JobRequest { .example { $0.group = group } }
    func make(_ queue: QueueName) async throws -> GroupID {
      try await broker.create(GroupRequest(user: "alice", callback: .example(queue: queue))).id
    }
    let last = try await make(.video)
    let open = try await make(.video)
    let ended = try await broker.accept(member(open))
    try await broker.work()
    let running = try await broker.accept(member(last))
    let lease = try #require(try await broker.next()).lease
    #expect(lease.job == running.id)
    _ = try await broker.report(Progress(percent: 5), under: lease)
    #expect(try await broker.close(last).state == .closed)
    let queued = try await broker.accept(member(open))
    try await fill(broker)
    let log = await DeliveryLog()
    for id in [last, open] { _ = try await broker.subscribe(to: .group(id)) { log.record($0) } }
    let before = try await look(broker)
    #expect(before.groups.count == 2)

    var settings = QueueSettings()
    settings.description = String(repeating: "d", count: 20_000)
    let request = GroupRequest(user: "alice", callback: .example())
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.create(request)
    }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.enqueue(.example(queue: .default) { $0.group = open })
    }
    await together(broker, settings) { broker throws(BrokerError) in _ = try await broker.close(open) }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.cancel(queued.id, reason: nil)
    }
    await together(broker, settings) { broker throws(BrokerError) in _ = try await broker.remove(ended.id) }
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.clear(.mail, [.completed, .queued], limit: 9)
    }
    await together(broker, settings) { broker throws(BrokerError) in _ = try await broker.end(lease) }
    #expect(try await look(broker) == before)
    #expect(await log.deliveries.isEmpty, "nobody heard of what was not kept")

    // A release that is taken back leaves what was told before it.
    let other = try #require(try await broker.group(open))
    await together(broker, settings) { broker throws(BrokerError) in
      _ = try await broker.report(Progress(percent: 10), under: lease)
      _ = try await broker.end(lease, .release)
    }
    #expect(try await broker.find(last).percent == 10)
    #expect(try await broker.find(open) == other)

    try await broker.journal.limitSize(toBytes: nil)
    #expect(await broker.isAvailable())
    #expect(try await broker.create(request).state == .open)
    #expect(try await broker.end(lease) == .completed)
    let finished = try await broker.find(last)
    #expect(finished.state == .finished && finished.counts == [.completed: 1])
    #expect(try await broker.work(in: .video) == finished.callback)
    #expect(try await broker.remove(ended.id))
    #expect(try await broker.work() == queued.id)
    #expect(try await broker.close(open).counts == [.completed: 2])
    let groups = await log.groups
    #expect(groups.map(\.state) == [.closed, .finished, .open, .open, .finished])
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: false, after: cursor, limit: 100)
      #expect(report.findings.isEmpty)
      cursor = report.next
    } while cursor != nil
    await broker.close()
  }

  private func refuse(_ broker: EmbeddedBroker, _ settings: QueueSettings) async {
    do throws(BrokerError) {
      _ = try await broker.set(QueueName("large")!, to: settings, ifVersion: nil)
      Issue.record("there was room")
    } catch {
      #expect(error == .unavailable)
    }
  }

  /// Does something in the same batch as what cannot be kept, and expects it undone.
  @EventLoop
  private func together(
    _ broker: EmbeddedBroker, _ settings: QueueSettings,
    _ verb: @escaping @EventLoop @Sendable (EmbeddedBroker) async throws(BrokerError) -> Void
  ) async {
    let large = Task { @EventLoop in await refuse(broker, settings) }
    let other = Task { @EventLoop in
      do throws(BrokerError) {
        try await verb(broker)
        return false
      } catch {
        return error == .unavailable
      }
    }
    #expect(await other.value, "it was built on a change that was not kept")
    await large.value
  }
}
