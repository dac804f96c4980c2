import EventLoop
import Jobs
import Support
import Testing

/// What an archive carries from one broker into another, whichever wrote it.
extension BrokerContract {
  /// One job in each state, a schedule, a queue that somebody set.
  private func fill(_ broker: any Broker) async throws {
    try await broker.change { $0.userWindow = 5 }
    let settlements: [Settlement?] = [
      .complete(JSONText(unchecked: Array("[1]".utf8))), .fail(.example, retry: .never),
      .cancel(.example), .fail(.example, retry: .after(.seconds(600))), nil,
    ]
    for (number, settlement) in settlements.enumerated() {
      try await broker.accept(.example(key: "key \(number)"))
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 12, stage: "s"), under: lease)
      _ = try await broker.log(["one", "two"], under: lease)
      if let settlement { try await broker.end(lease, settlement) }
    }
    let parent = try await broker.accept(.example { $0.uniqueKey = "u" })
    try await broker.accept(.child(of: [parent.id], whenOneFails: .run))
    try await broker.accept(.example { $0.start = .after(.seconds(600)) })
    let long = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 600))\"".utf8))
    for number in 0..<5 {
      try await broker.accept(.example(priority: number == 3 ? .high : .low, payload: long))
    }
    try await broker.put(try schedule(), next: Timestamp(milliseconds: 1_900_000_000_000))
  }

  private func schedule() throws -> Schedule {
    Schedule(
      name: ScheduleName("nightly")!, cron: try CronExpression("0 3 * * *"), timeZone: "Europe/Berlin",
      request: .example(priority: .high, key: "nightly"))
  }

  @Test(
    "carries everything into another broker, and again without a change", arguments: Backend.allCases,
    Backend.allCases)
  func archived(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      try await fill(broker)
      let entries = try await broker.everything(limit: 3)
      let jobs = try await broker.allJobs(matching: JobFilter(limit: 200))
      let archived = entries.compactMap(\.snapshot)
      #expect(archived.map(\.job.id) == jobs.map(\.id).reversed(), "each once, in the order of acceptance")
      try await target.withUncheckedBroker { other, _ in
        let report = try await other.restore(entries)
        #expect(report.restored == entries.count && report.known == 0 && report.duplicates.isEmpty)
        let again = try await other.restore(entries)
        #expect(again.known == entries.count && again.restored == 0)
        #expect(try await other.find().settings == broker.find().settings)
        #expect(try await other.schedules() == broker.schedules())
        for job in jobs {
          let restored = try await other.find(job.id)
          #expect(restored.state == (job.state == .running ? .queued : job.state))
          #expect(restored.attempt == job.attempt - (job.state == .running ? 1 : 0))
          #expect(restored.result == job.result && restored.failure == job.failure)
          #expect(restored.pendingParents == job.pendingParents && restored.dueAt == job.dueAt)
          #expect(restored.priority == job.priority && restored.createdAt == job.createdAt)
          #expect(try await restored.payload == broker.find(job.id).payload)
          #expect(restored.position.offset == job.position.offset + (job.state.isTerminal ? 0 : 1))
          #expect(try await other.logLines(of: job.id) == broker.logLines(of: job.id))
        }
        try await consistent(other, try await other.allJobs(matching: JobFilter(limit: 200)))
      }
    }
  }

  @Test("gives jobs out in the order that they had", arguments: Backend.allCases, Backend.allCases)
  func archivedOrder(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      for level in [5, 1, 9, 5, 9] { try await broker.accept(.example(priority: Priority(level)!)) }
      let entries = try await broker.everything(limit: 2)
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries.reversed())
        #expect(try await other.takeAll() == broker.takeAll())
      }
    }
  }

  @Test(
    "keeps the order of jobs from before a queue's ageing was changed", arguments: Backend.allCases, Backend.allCases)
  func archivedAgeing(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      for ageing in [Duration.seconds(60), .milliseconds(1), nil] {
        try await broker.change { $0.ageing = ageing }
        for level in [2, 9, 5] { try await broker.accept(.example(priority: Priority(level)!)) }
      }
      let ended = try await broker.accept(.example(queue: .video)).id
      try await broker.change(.video) { $0.ageing = .seconds(60) }
      _ = try await broker.cancel(ended, reason: nil)
      let entries = try await broker.wholeArchive(limit: 4)
      let ageings = entries.compactMap(\.snapshot?.ageing)
      #expect(ageings == [.seconds(60), .milliseconds(1), .zero].flatMap { [$0, $0, $0] } + [.zero])
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        #expect(try await other.wholeArchive(limit: 10).compactMap(\.snapshot?.ageing) == ageings)
        // Its place is its own when it runs again, too.
        for broker in [broker, other] {
          _ = try await broker.retry(ended)
          try await broker.accept(.example(queue: .video, priority: .high))
        }
        #expect(try await other.find(ended).queuePosition == broker.find(ended).queuePosition)
        let order = try await broker.takeAll()
        #expect(order.count == 9)
        #expect(try await other.takeAll() == order)
      }
    }
  }

  @Test("ranks a job whose archive does not say its ageing as its queue now does", arguments: Backend.allCases)
  func archivedWithoutAgeing(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for level in [4, 5] { try await broker.accept(.example(priority: Priority(level)!)) }
      let snapshots = try await broker.everything(limit: 10).compactMap(\.snapshot)
      try await backend.withUncheckedBroker { other, _ in
        try await other.change { $0.ageing = .milliseconds(1) }
        let older = snapshots.map { snapshot in
          var snapshot = snapshot
          snapshot.ageing = nil
          return ArchiveEntry.job(snapshot)
        }
        _ = try await other.restore(older)
        let ageings = try await other.wholeArchive(limit: 10).compactMap(\.snapshot?.ageing)
        #expect(ageings == [.milliseconds(1), .milliseconds(1)])
      }
    }
  }

  @Test("goes on with a drain of a backlog, once its jobs are in", arguments: Backend.allCases, Backend.allCases)
  func archivedDrain(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      try await broker.work()
      let waiting = [try await broker.accept().id, try await broker.accept().id]
      _ = try await broker.setMode(of: .mail, to: .drainingBacklog)
      let entries = try await broker.wholeArchive(limit: 1)
      try await target.withUncheckedBroker { other, _ in
        var report = RestoreReport()
        for entry in entries {
          // Nobody takes a job while there may be others.
          if entry.ledger == nil { #expect(try await other.next() == nil) }
          report.add(try await other.restore([entry]))
        }
        #expect(report.restored == entries.count && report.known == 0)
        #expect(try await other.find().mode == .drainingBacklog)
        await #expect(throws: BrokerError.queueDraining) { try await other.accept() }
        #expect(try await other.takeAll() == waiting)
        _ = try await other.setMode(of: .mail, to: .paused)
        #expect(try await other.restore(entries).known == entries.count)
        #expect(try await other.find().mode == .paused, "whoever set it since decides")
      }
    }
  }

  @Test("counts nothing as known where it knew nothing", arguments: Backend.allCases)
  func archivedLedgers(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for queue in [QueueName.mail, .video] { try await broker.accept(.example(queue: queue)) }
      let entries = try await broker.wholeArchive(limit: 10)
      #expect(entries.compactMap(\.ledger).count == 2)
      try await backend.withUncheckedBroker { other, _ in
        let first = try await other.restore(entries)
        #expect(first.known == 0 && first.restored == entries.count)
        let second = try await other.restore(entries)
        #expect(second.known == entries.count)
      }
    }
  }

  @Test("carries a running job with a token that its worker does not have", arguments: Backend.allCases)
  func archivedLease(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let entries = try await broker.everything(limit: 10)
      try await backend.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        #expect(try await other.settle(lease, .complete(nil)) == .leaseLost)
        let again = try #require(try await other.next()).lease
        #expect(again.job == lease.job && again.token > lease.token)
        #expect(try await other.extend([lease], for: .seconds(1)) == [.lost])
      }
    }
  }

  @Test(
    "takes in as cancelled what another job has the key of", arguments: Backend.allCases, Backend.allCases)
  func archivedDuplicates(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(.example(key: "k"))
      let second = try await broker.accept(.example { $0.uniqueKey = "u" })
      let entries = try await broker.everything(limit: 10)
      try await target.withUncheckedBroker { other, _ in
        let holder = try await other.accept(.example(key: "k"))
        try await other.accept(.example { $0.uniqueKey = "u" })
        let report = try await other.restore(entries)
        #expect(report.duplicates == [first.id, second.id] && report.restored == 2)
        let duplicate = try await other.find(first.id)
        #expect(duplicate.state == .cancelled && duplicate.failure?.code == "duplicate")
        #expect(duplicate.failure?.message.contains(holder.id.description) == true)
        #expect(try await other.enqueue(.example(key: "k")).job.id == holder.id)
      }
    }
  }

  @Test("carries the keys of jobs, of those that ended too", arguments: Backend.allCases)
  func archivedKeys(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let done = try await broker.accept(.example(key: "done") { $0.contentKey = "c" })
      try await broker.work()
      let waiting = try await broker.accept(.example(key: "waiting") { $0.uniqueKey = "u" })
      try await broker.accept(.example(key: "gone"))
      let keyed = try await broker.everything(limit: 10).compactMap(\.snapshot)
      #expect(keyed.map(\.idempotencyKey) == ["done", "waiting", "gone"])
      #expect(Set(keyed.map { $0.fingerprint?.utf8.count }) == [16])
      try await backend.withUncheckedBroker { other, _ in
        _ = try await other.restore(keyed.map { .job($0) })
        let again = try await other.enqueue(.example(key: "done") { $0.contentKey = "c" })
        #expect(again.job.id == done.id && again.match == .idempotencyKey)
        #expect(try await other.enqueue(.example { $0.contentKey = "c" }).match == .contentKey)
        await #expect(throws: BrokerError.idempotencyKeyReused) {
          try await other.enqueue(.example(key: "done"))
        }
        let request = JobRequest.example(key: "waiting") { $0.uniqueKey = "u" }
        #expect(try await other.enqueue(request).job.id == waiting.id)
        #expect(try await other.enqueue(.example { $0.uniqueKey = "u" }).match == .uniqueKey)
        #expect(try await other.enqueue(.example(user: "bob", key: "gone")).match == nil)
        // It goes on: what was taken in is archived with its key again.
        let next = try await other.everything(limit: 10).compactMap(\.snapshot)
        #expect(next.prefix(3).map(\.idempotencyKey) == ["done", "waiting", "gone"])
      }
    }
  }

  @Test("keeps the schedule that it has", arguments: Backend.allCases)
  func archivedSchedule(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let due = Timestamp(milliseconds: 1_900_000_000_000)
      var own = try schedule()
      try await broker.put(own, next: due)
      let fired = try await broker.fire(own.name, due: due, request: own.request, next: nil)
      let entries = try await broker.everything(limit: 10)
      let status = try #require(try await broker.schedules().first)
      #expect(status.lastJob == fired && status.next == nil && status.lastFiredAt != nil)
      try await backend.withUncheckedBroker { other, _ in
        #expect(try await other.restore(entries).restored == 2)
        #expect(try await other.schedules() == [status])
        own.timeZone = "UTC"
        try await other.put(own, next: due)
        #expect(try await other.restore(entries).known == 2)
        #expect(try await other.schedules().map(\.schedule) == [own])
        #expect(try await other.schedules().first?.lastJob == fired)
      }
    }
  }
}

extension BrokerArchive {
  /// Every page of an archive, one after the other, without what queues remember.
  func everything(limit: Int) async throws -> [ArchiveEntry] {
    try await wholeArchive(limit: limit).filter { $0.ledger == nil }
  }

  /// Every page of an archive, one after the other.
  func wholeArchive(limit: Int) async throws -> [ArchiveEntry] {
    var entries: [ArchiveEntry] = []
    var cursor: String?
    for _ in 0..<200 {
      let page = try await archive(after: cursor, limit: limit)
      entries += page.entries
      guard let next = page.next else { return entries }
      cursor = next
    }
    Issue.record("the archive does not end")
    return entries
  }
}

extension ArchiveEntry {
  var snapshot: JobSnapshot? {
    guard case .job(let snapshot) = self else { return nil }
    return snapshot
  }

  var ledger: QueueLedger? {
    guard case .ledger(let ledger) = self else { return nil }
    return ledger
  }

  var group: JobGroup? {
    guard case .group(let group, _) = self else { return nil }
    return group
  }
}
