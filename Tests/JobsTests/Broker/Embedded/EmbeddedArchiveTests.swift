import EventLoop
import Foundation
import GRDB
import Jobs
import Support
import Testing

@Suite("The archive and the audit of an embedded broker", .timeLimit(.minutes(1)))
struct EmbeddedArchiveTests {
  private let place = BrokerFolder()

  private func archive(_ broker: EmbeddedBroker, limit: Int) async throws -> [ArchiveEntry] {
    var entries: [ArchiveEntry] = []
    var cursor: String?
    for _ in 0..<100 {
      let page = try await broker.archive(after: cursor, limit: limit)
      entries += page.entries.filter { $0.ledger == nil }
      guard let next = page.next else { return entries }
      cursor = next
    }
    Issue.record("the archive does not end")
    return entries
  }

  private func audit(_ broker: EmbeddedBroker, repairs: Bool = false) async throws -> [AuditFinding] {
    var findings: [AuditFinding] = []
    var cursor: String?
    for _ in 0..<100 {
      let report = try await broker.audit(repairs: repairs, after: cursor, limit: 3)
      findings += report.findings
      guard let next = report.next else { return findings }
      cursor = next
    }
    Issue.record("the audit does not end")
    return findings
  }

  /// One job in each state, with what belongs to it.
  private func fill(_ broker: EmbeddedBroker) async throws {
    try await broker.change { $0.userWindow = 5 }
    try await broker.change(.video) { $0.concurrency = 1 }
    let settlements: [Settlement?] = [
      .complete(JSONText(unchecked: Array("[1]".utf8))), .fail(.example, retry: .never),
      .cancel(.example), .fail(.example, retry: .after(.seconds(600))), nil,
    ]
    for settlement in settlements {
      try await broker.accept(.example(key: "key \(settlement.debugDescription.count)"))
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.log(["one", "two"], under: lease)
      if let settlement { try await broker.end(lease, settlement) }
    }
    let parent = try await broker.accept(.example { $0.uniqueKey = "u" })
    try await broker.accept(.child(of: [parent.id], whenOneFails: .run))
    try await broker.accept(.example { $0.start = .after(.seconds(600)) })
    for _ in 0..<5 { try await broker.accept() }
    try await fillGroups(broker)
  }

  /// An open group with jobs in several states and a forgotten one, one that is finished, and one that is empty.
  private func fillGroups(_ broker: EmbeddedBroker) async throws {
    let callback = JobRequest.example(queue: .video)
    let open = try await broker.create(GroupRequest(user: "alice", name: "open", callback: callback)).id
    for weight in 1...5 {
      try await broker.accept(
        .example(queue: .default) {
          $0.group = open
          $0.weight = weight
        })
    }
    try await broker.work(in: .default)
    #expect(try await broker.clear(.default, [.completed], limit: 9) == 1)
    try await broker.work(.fail(.example, retry: .never), in: .default)
    let lease = try #require(try await broker.next(from: .default)).lease
    _ = try await broker.report(Progress(percent: 50), under: lease)
    let finished = try await broker.create(GroupRequest(user: "bob")).id
    try await broker.accept(.example(queue: .video, user: "bob") { $0.group = finished })
    try await broker.work(in: .video)
    _ = try await broker.close(finished)
    _ = try await broker.create(GroupRequest(user: "alice"))
  }

  @Test("carries everything into another broker, page by page", arguments: [1, 3, 100])
  func roundTrip(_ limit: Int) async throws {
    let broker = try await place.open()
    try await fill(broker)
    let entries = try await archive(broker, limit: limit)
    let jobs = try await broker.allJobs(matching: JobFilter(limit: 200))
    let other = try await place.open(place.folder.path("other"))
    let report = try await other.restore(entries)
    #expect(report.restored == entries.count && report.known == 0 && report.duplicates.isEmpty)
    let again = try await other.restore(entries)
    #expect(again.known == entries.count && again.restored == 0)

    #expect(try await other.find().settings == broker.find().settings)
    #expect(try await other.find(.video).settings.concurrency == 1)
    for job in jobs {
      let restored = try await other.find(job.id)
      #expect(restored.state == (job.state == .running ? .queued : job.state))
      #expect(restored.attempt == job.attempt - (job.state == .running ? 1 : 0))
      #expect(restored.result == job.result && restored.failure == job.failure)
      #expect(restored.pendingParents == job.pendingParents && restored.dueAt == job.dueAt)
      #expect(restored.createdAt == job.createdAt && restored.payload == .emptyObject)
      #expect(restored.position.epoch == job.position.epoch)
      let isSame = job.state.isTerminal
      #expect(restored.position.offset == job.position.offset + (isSame ? 0 : 1))
      #expect(try await other.logLines(of: job.id) == broker.logLines(of: job.id))
    }
    try await compareGroups(entries, other)
    let running = try #require(jobs.last { $0.state == .running })
    #expect(try await other.next()?.lease.job == running.id, "in its old place")
    #expect(try await audit(other).isEmpty)
    await other.close()
    await broker.close()
  }

  private func compareGroups(_ entries: [ArchiveEntry], _ other: EmbeddedBroker) async throws {
    let groups = entries.compactMap { entry in
      if case .group(let group, callback: let callback) = entry { (group, callback) } else { nil }
    }
    #expect(groups.count == 3)
    for (group, callback) in groups {
      let restored = try await other.find(group.id)
      guard let running = group.counts[.running] else {
        #expect(restored == group, "as it stood")
        continue
      }
      var wanted = group
      wanted.counts[.running] = nil
      wanted.counts[.queued, default: 0] += running
      wanted.weightedPermille = 3000
      wanted.position.offset += 1
      #expect(restored == wanted && group.weightedPermille == 4500)
      #expect(callback != nil)
      #expect(try await other.close(group.id).state == .closed)
      for _ in 0..<3 { try await other.work(in: .default) }
      #expect(try await other.find(group.id).callback == callback?.id)
      #expect(try await other.find(group.id).counts == [.completed: 4, .failed: 1])
    }
  }

  @Test("counts no job of a group twice that ended while the archive was taken")
  func meanwhile() async throws {
    let broker = try await place.open()
    let callback = JobRequest.example(queue: .video)
    let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    for weight in 1...4 {
      try await broker.accept(
        .example {
          $0.group = id
          $0.weight = weight
        })
    }
    for _ in 0..<2 { try await broker.work() }
    #expect(try await broker.clear(.mail, [.completed], limit: 1) == 1)
    _ = try await broker.close(id)
    var entries: [ArchiveEntry] = []
    var cursor: String?
    repeat {
      let page = try await broker.archive(after: cursor, limit: 2)
      entries += page.entries.filter { $0.ledger == nil }
      cursor = page.next
      // From the second page on, of which both had been taken as they waited.
      if entries.count == 2 {
        for _ in 0..<2 { try await broker.work() }
        try await broker.work(in: .video)
      }
    } while cursor != nil
    let finished = try await broker.find(id)
    #expect(finished.state == .finished && finished.counts == [.completed: 4])
    let kinds = entries.map { if case .group = $0 { "group" } else { "job" } }
    #expect(kinds.last == "group" && kinds.count == 5, "its callback's job was archived before it")

    let other = try await place.open(place.folder.path("other"))
    _ = try await other.restore(entries)
    let restored = try await other.find(id)
    #expect(restored.counts == [.completed: 3, .queued: 1] && restored.weight == 10)
    #expect(restored.state == .finished && restored.callback == callback.id)
    #expect(try await audit(other).isEmpty)
    // One that was forgotten here since, and is brought back, was counted all along.
    #expect(try await other.clear(.mail, [.completed], limit: 9) == 2)
    let again = try await other.restore(entries)
    #expect(again.restored == 2 && again.known == 3)
    #expect(try await other.find(id) == restored)
    #expect(try await audit(other).isEmpty)
    await other.close()
    await broker.close()
  }

  @Test("finishes a closed group all of whose jobs are taken in as ended")
  func endedElsewhere() async throws {
    let broker = try await place.open()
    let callback = JobRequest.example(queue: .video)
    let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    try await broker.accept(.example(key: "k") { $0.group = id })
    _ = try await broker.close(id)
    let other = try await place.open(place.folder.path("other"))
    try await other.accept(.example(key: "k"))
    let log = await DeliveryLog()
    _ = try await other.subscribe(to: .group(id)) { log.record($0) }
    #expect(try await other.restore(try await archive(broker, limit: 10)).duplicates.count == 1)
    let restored = try await other.find(id)
    #expect(restored.state == .finished && restored.counts == [.cancelled: 1])
    #expect(try await other.work(in: .video) == callback.id)
    #expect(await log.groups == [restored])
    await other.close()
    await broker.close()
  }

  @Test("takes in as cancelled what another job has the key of")
  func duplicates() async throws {
    let broker = try await place.open()
    let first = try await broker.accept(.example(key: "k"))
    let second = try await broker.accept(.example { $0.uniqueKey = "u" })
    let other = try await place.open(place.folder.path("other"))
    let holder = try await other.accept(.example(key: "k"))
    try await other.accept(.example { $0.uniqueKey = "u" })
    let report = try await other.restore(try await archive(broker, limit: 10))
    #expect(report.duplicates == [first.id, second.id])
    let duplicate = try await other.find(first.id)
    #expect(duplicate.state == .cancelled && duplicate.failure?.code == "duplicate")
    #expect(duplicate.failure?.message.contains(holder.id.description) == true)
    #expect(try await other.enqueue(.example(key: "k")).job.id == holder.id)
    await other.close()
    await broker.close()
  }

  @Test("discards jobs without a word, and lets nobody go on but who waits for their place")
  func discard() async throws {
    let broker = try await place.open()
    try await broker.change { $0.userWindow = 1 }
    let first = try await broker.accept()
    let group = try await broker.create(GroupRequest(user: "alice")).id
    let parked = try await broker.accept(.example { $0.group = group })
    let last = try await broker.accept()
    let child = try await broker.accept(.child(of: [parked.id], queue: .video))
    let log = await DeliveryLog()
    for id in [first.id, child.id] { _ = try await broker.subscribe(to: .job(id)) { log.record($0) } }
    try await broker.discard([first.id, JobID()])
    #expect(try await broker.job(first.id) == nil)
    let lease = try #require(try await broker.next()).lease
    #expect(lease.job == parked.id)
    try await broker.discard([parked.id])
    #expect(try await broker.job(parked.id)?.state == .running, "a running one is passed over")
    try await broker.end(lease, .release)
    try await broker.discard([parked.id])
    #expect(try await broker.find(last.id).state == .queued)
    #expect(try await broker.find(child.id).state == .blocked, "its parent is on record elsewhere")
    #expect(try await broker.find(group).jobs == 0, "it is counted elsewhere")
    #expect(await log.events.isEmpty)
    #expect(try await audit(broker).isEmpty)
    await broker.close()
  }

  @Test("finds what belongs to no job in the journal, and takes it away")
  func orphans() async throws {
    let broker = try await place.open()
    try await fill(broker)
    #expect(try await audit(broker).isEmpty)
    let file = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try await file.write { database in
      try database.execute(sql: "INSERT INTO log VALUES (77, 1, 'of nobody'), (99, 1, 'nor this')")
    }
    try file.close()
    let findings = try await audit(broker)
    #expect(findings.map(\.kind) == [.orphan, .orphan])
    #expect(findings.allSatisfy { !$0.isRepaired })
    #expect(try await audit(broker, repairs: true).allSatisfy(\.isRepaired))
    #expect(try await audit(broker).isEmpty)
    await broker.close()
  }
}
