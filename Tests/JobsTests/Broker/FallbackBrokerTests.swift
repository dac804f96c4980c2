import EventLoop
import Jobs
import Support
import Testing

@Suite("A broker with another behind it", .timeLimit(.minutes(1)))
struct FallbackBrokerTests {
  private let folder = TemporaryFolder()

  @Test("uses the shared one while it is there")
  @EventLoop func shared() async throws {
    let pair = try await FallbackPair.open(folder)
    let acceptance = try await pair.broker.enqueue(.example())
    #expect(acceptance.durability == .broker)
    #expect(try await pair.shared.job(acceptance.job.id) != nil)
    await pair.broker.close()
  }

  @Test("accepts while the shared one is away, says so, and hands over what it accepted by its id")
  @EventLoop func handover() async throws {
    let pair = try await FallbackPair.open(folder)
    pair.goAway()
    let urgent = JobRequest.example(priority: .high)
    let first = try await pair.broker.enqueue(.example())
    let second = try await pair.broker.enqueue(urgent)
    #expect(first.durability == .local && second.durability == .local)
    #expect(try await pair.shared.job(urgent.id) == nil)
    #expect(try await pair.broker.job(urgent.id)?.state == .queued)
    await pair.comeBack()
    #expect(try await pair.shared.job(first.job.id)?.position.epoch == first.job.position.epoch)
    let taken = try await pair.shared.lease(
      from: [first.job.queue], limit: 5, for: .seconds(30), by: .a)
    #expect(taken.map(\.lease.job) == [urgent.id, first.job.id], "order and priority are kept")
    await pair.broker.close()
  }

  @Test("tells who began to watch while the shared one was away what became there of it, once that is heard")
  @EventLoop func lateWatcher() async throws {
    let pair = try await FallbackPair.open(folder)
    let job = try await pair.shared.accept()
    let group = try await pair.shared.create(GroupRequest(user: "alice"))
    pair.goAway()
    for channel in [Channel.job(job.id), .group(group.id), .user("alice")] {
      let told = Arrivals<Delivery>()
      let subscription = try await pair.broker.subscribe(to: channel) { told.append($0) }
      switch try await told.values(atLeast: 1)[0] {
      case .snapshot(let snapshot): #expect(snapshot.position == job.position)
      case .group(let found): #expect(found == group)
      case .event, .incomplete: Issue.record("\(told.values)")
      }
      subscription.cancel()
    }
    await pair.broker.close()
  }

  @Test("hands over a job whose payload lies in the store, which both share")
  @EventLoop func storedPayload() async throws {
    let pair = try await FallbackPair.open(folder)
    let payloads = PayloadStore(files: ArtifactStore(root: folder.path("files")))
    pair.goAway()
    let request = JobRequest.example(payload: .filler(100_000))
    let acceptance = try await payloads.submit(request) { moved async throws(BrokerError) in
      try await pair.broker.enqueue(moved)
    } isKept: {
      $0.job.id == request.id
    }
    #expect(acceptance.durability == .local)
    func swept(after days: Double) async throws -> Int {
      let day = Duration.seconds(24 * 3600)
      return try await payloads.sweep(olderThan: day, now: .now + day * days, knownTo: pair.broker)
    }
    #expect(try await swept(after: 2) == 0, "the local broker knows it")
    await pair.comeBack()
    #expect(try await swept(after: 4) == 0, "the shared one does")
    let leased = try #require(
      try await pair.shared.lease(from: [.mail], limit: 1, for: .seconds(30), by: .a).first)
    guard case .stored = leased.payload else {
      Issue.record("the text itself was handed over")
      return
    }
    #expect(try await payloads.text(of: leased.payload) == .filler(100_000))
    await pair.broker.close()
  }

  @Test("runs a job here, and hands over its end and its result")
  @EventLoop func localRun() async throws {
    let pair = try await FallbackPair.open(folder)
    pair.goAway()
    let request = JobRequest.example()
    _ = try await pair.broker.enqueue(request)
    let leased = try #require(
      try await pair.broker.lease(from: [request.queue], limit: 1, for: .seconds(30), by: .a).first)
    await pair.comeBack()
    #expect(try await pair.shared.job(request.id) == nil, "a running job stays until it ends")
    #expect(try await pair.broker.report(Progress(percent: 10), under: leased.lease).standing == .held)
    let result = JSONText(unchecked: Array(#"{"n":1}"#.utf8))
    #expect(try await pair.broker.settle(leased.lease, .complete(result)) == .settled(.completed))
    await pair.comeBack()
    let job = try #require(try await pair.shared.job(request.id))
    #expect(job.state == .completed && job.result == result)
    #expect(try await pair.broker.job(request.id) == job)
    await pair.broker.close()
  }

  @Test("renews what runs here while what runs for the shared one cannot be renewed")
  @EventLoop func leasesOfBoth() async throws {
    let pair = try await FallbackPair.open(folder)
    try await pair.broker.accept()
    let there = try #require(try await pair.broker.next()).lease
    pair.goAway()
    await pair.shared.close()
    try await pair.broker.accept()
    let here = try #require(try await pair.broker.next()).lease
    #expect(try await pair.broker.extend([there, here], for: .seconds(60)) == [.unavailable, .held])
    let report = WorkerReport(
      id: .a, host: "h", process: 1, version: "v", queues: [.default], kinds: [], slots: 2, memory: 0,
      startedAt: .now, mode: .quiet)
    let answer = try await pair.broker.beat(report, renewing: [here, there, here], for: .seconds(60))
    #expect(answer.standings == [.held, .unavailable, .held])
    #expect(answer.wanted == .quiet, "who was told to be quiet stays so")
    #expect(try await pair.broker.settle(here, .complete(nil)) == .settled(.completed))
    await #expect(throws: BrokerError.unavailable) {
      try await pair.broker.extend([there], for: .seconds(60))
    }
    await pair.broker.close()
  }

  @Test("hands over what waits for a job with it, and keeps what waits for one that runs here")
  @EventLoop func families() async throws {
    let pair = try await FallbackPair.open(folder)
    pair.goAway()
    let running = try await pair.broker.accept(.example(priority: .high))
    let lease = try #require(try await pair.broker.next()).lease
    #expect(lease.job == running.id)
    let waiting = try await pair.broker.accept()
    let child = try await pair.broker.accept(.child(of: [waiting.id], whenOneFails: .fail, queue: .video))
    let both = try await pair.broker.accept(.child(of: [running.id, waiting.id], queue: .video))
    let grandchild = try await pair.broker.accept(.child(of: [both.id], queue: .video))
    await pair.comeBack()
    for id in [waiting, child].map(\.id) { #expect(try await pair.shared.job(id) != nil) }
    for id in [running, both, grandchild].map(\.id) {
      #expect(try await pair.shared.job(id) == nil)
      #expect(try await pair.broker.job(id) != nil)
    }
    #expect(try await pair.shared.find(child.id).state == .blocked)
    #expect(try await pair.broker.find(both.id).pendingParents == 2)
    #expect(try await pair.broker.work(.fail(.example, retry: .never)) == waiting.id)
    #expect(try await pair.broker.find(child.id).failure?.code == "parent_failed")

    try await pair.broker.end(lease, .fail(.example, retry: .never))
    #expect(try await pair.broker.find(both.id).state == .cancelled)
    await pair.comeBack()
    for id in [running, both, grandchild].map(\.id) { #expect(try await pair.shared.find(id).state.isTerminal) }
    #expect(try await pair.shared.find(grandchild.id).state == .cancelled)
    await pair.broker.close()
  }

  @Test("keeps groups and schedules in the shared one alone")
  @EventLoop func groups() async throws {
    let pair = try await FallbackPair.open(folder)
    let group = try await pair.broker.create(GroupRequest(user: "alice")).id
    try await pair.broker.accept(.example { $0.group = group })
    pair.goAway()
    let refused = JobRequest.example { $0.group = group }
    await #expect(throws: BrokerError.unavailable) { try await pair.broker.enqueue(refused) }
    let here = try await pair.broker.accept()
    await pair.comeBack()
    #expect(try await pair.broker.job(refused.id) == nil, "nobody accepted it")
    #expect(try await pair.shared.find(here.id).group == nil)
    #expect(try await pair.broker.accept(refused).group == group)
    #expect(try await pair.broker.find(group).jobs == 2)
    #expect(try await pair.broker.jobs(of: group, limit: 9, cursor: nil).jobs.count == 2)
    #expect(try await pair.broker.close(group) == pair.shared.find(group))

    let schedule = Schedule(
      name: try #require(ScheduleName("nightly")), cron: try CronExpression("@daily"), request: .example())
    try await pair.broker.put(schedule, next: .now)
    #expect(try await pair.shared.schedules() == pair.broker.schedules())
    #expect(try await pair.shared.schedules().count == 1)
    #expect(try await pair.broker.remove(schedule.name))
    await pair.broker.close()
  }

  @Test("lets a watcher of a group go on through an absence")
  @EventLoop func watchedGroup() async throws {
    let pair = try await FallbackPair.open(folder)
    let group = try await pair.broker.create(GroupRequest(user: "alice")).id
    try await pair.broker.accept(.example { $0.group = group })
    pair.goAway()
    let log = DeliveryLog()
    let subscription = try await pair.broker.subscribe(to: .group(group)) { log.record($0) }
    await pair.comeBack()
    try await pair.broker.work()
    let closed = try await pair.broker.close(group)
    // The group as it stood when the other half was joined may come among them.
    var last: UInt64 = 0
    let steps = log.groups.filter { group in
      defer { last = max(last, group.position.offset) }
      return group.position.offset > last
    }
    #expect(steps.map(\.counts).suffix(3) == [[.running: 1], [.completed: 1], [.completed: 1]])
    #expect(log.groups.last == closed)
    subscription.cancel()
    await pair.broker.close()
  }

  @Test("goes on after a restart in the middle of an absence")
  @EventLoop func restart() async throws {
    var pair = try await FallbackPair.open(folder)
    pair.goAway()
    let accepted = try await pair.broker.enqueue(.example())
    await pair.broker.close()
    pair = try await FallbackPair.open(folder)
    await pair.comeBack()
    #expect(try await pair.shared.job(accepted.job.id)?.state == .queued)
    await pair.broker.close()
  }

  @Test("lets a watcher see one end, whichever broker it comes from")
  @EventLoop func watching() async throws {
    let pair = try await FallbackPair.open(folder)
    pair.goAway()
    let request = JobRequest.example()
    let log = DeliveryLog()
    let subscription = try await pair.broker.subscribe(to: .job(request.id)) { log.record($0) }
    _ = try await pair.broker.enqueue(request)
    await pair.comeBack()
    let leased = try #require(
      try await pair.broker.lease(from: [request.queue], limit: 1, for: .seconds(30), by: .a).first)
    _ = try await pair.broker.settle(leased.lease, .complete(nil))
    let events = try await log.eventsUntilEnd()
    #expect(events.count { $0.state.isTerminal } == 1)
    #expect(events.map(\.position.offset) == events.map(\.position.offset).sorted())
    #expect(Set(events.map(\.position.offset)).count == events.count)
    subscription.cancel()
    await pair.broker.close()
  }

  @Test("archives what is kept here while the shared one is away, and both while it is there")
  @EventLoop func archive() async throws {
    let pair = try await FallbackPair.open(folder)
    let there = try await pair.broker.accept().id
    pair.goAway()
    let here = try await pair.broker.accept().id
    let lease = try #require(try await pair.broker.next()).lease
    #expect(!pair.broker.isWhole)
    let part = try await pair.broker.wholeArchive(limit: 1)
    #expect(part.compactMap(\.snapshot?.job.id) == [here])
    await pair.comeBack()
    #expect(pair.broker.isWhole)
    let whole = try await pair.broker.wholeArchive(limit: 1)
    #expect(whole.compactMap(\.snapshot?.job.id) == [here, there], "what runs here has not been handed over")
    try await pair.broker.end(lease)
    await pair.comeBack()
    #expect(try await pair.broker.wholeArchive(limit: 1).compactMap(\.snapshot?.job.id) == [there, here])
    await pair.broker.close()
  }

  @Test("takes a job in as a duplicate whose key the shared one had already")
  @EventLoop func duplicate() async throws {
    let pair = try await FallbackPair.open(folder)
    let first = try await pair.broker.enqueue(.example(key: "k"))
    pair.goAway()
    let second = try await pair.broker.enqueue(.example(key: "k"))
    #expect(second.match == nil, "the key cannot be looked up")
    await pair.comeBack()
    let job = try #require(try await pair.shared.job(second.job.id))
    #expect(job.state == .cancelled)
    #expect(job.failure?.code == "duplicate")
    #expect(job.failure?.message.contains(first.job.id.description) == true)
    await pair.broker.close()
  }
}
