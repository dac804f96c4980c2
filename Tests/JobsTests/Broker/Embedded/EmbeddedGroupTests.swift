import EventLoop
import Foundation
import GRDB
import Jobs
import Support
import Testing

@Suite("Groups of an embedded broker", .timeLimit(.minutes(1)))
struct EmbeddedGroupTests {
  private let place = BrokerFolder()

  private func member(_ group: GroupID, weight: Int = 1) -> JobRequest {
    .example {
      $0.group = group
      $0.weight = weight
    }
  }

  private func audit(_ broker: EmbeddedBroker, repairs: Bool = false) async throws -> [AuditFinding] {
    var findings: [AuditFinding] = []
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: repairs, after: cursor, limit: 2)
      findings += report.findings
      cursor = report.next
    } while cursor != nil
    return findings
  }

  @Test("survive a crash as they stand, and count what runs as lost")
  func restart() async throws {
    let broker = try await place.open()
    let open = try await broker.create(GroupRequest(user: "alice", name: "«all», é"))
    for weight in 1...4 { try await broker.accept(member(open.id, weight: weight)) }
    try await broker.work()
    #expect(try await broker.clear(.mail, [.completed], limit: 9) == 1)
    try await broker.work(.fail(.example, retry: .never))
    let lease = try #require(try await broker.next()).lease
    _ = try await broker.report(Progress(percent: 50), under: lease)
    let empty = try await broker.create(GroupRequest(user: "bob"))
    let before = try await broker.find(open.id)
    #expect(before.counts == [.completed: 1, .failed: 1, .running: 1, .queued: 1])
    #expect(before.weightedPermille == 4500)

    let copy = try await place.openCrashCopy()
    var wanted = before
    wanted.counts = [.completed: 1, .failed: 1, .queued: 2]
    wanted.weightedPermille = 3000
    let after = try await copy.find(open.id)
    #expect(after.position.offset > before.position.offset && after.position.epoch == before.position.epoch)
    wanted.position = after.position
    #expect(after == wanted)
    #expect(try await copy.find(empty.id) == empty)
    #expect(try await audit(copy).isEmpty)
    #expect(try await copy.jobs(of: open.id, limit: 9, cursor: nil).jobs.count == 3)
    let again = try await place.openCrashCopy()
    #expect(try await again.find(open.id).counts == wanted.counts)
    await again.close()
    await copy.close()
    await broker.close()
  }

  @Test("submit after a crash what they were made with, and nothing twice")
  func callbacks() async throws {
    let broker = try await place.open()
    var callback = JobRequest.example(queue: .video, priority: .low, maxAttempts: 9, key: "k")
    callback.payload = .inline(
      JSONText(unchecked: Array(#"{"n": 12345678901234567890,"é":"\u0041"}"#.utf8)))
    callback.retry = RetryPolicy(growth: .fixed, base: .seconds(5), cap: .seconds(9), jitter: 0.25)
    callback.totalTimeout = .seconds(500)
    callback.start = .after(.seconds(3))
    let closed = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    let job = try await broker.accept(member(closed))
    #expect(try await broker.close(closed).state == .closed)
    let finished = try await broker.create(GroupRequest(user: "alice", callback: .example(queue: .default))).id
    let end = try await broker.close(finished)

    let copy = try await place.openCrashCopy()
    #expect(try await copy.find(finished) == end)
    #expect(try await copy.close(finished) == end)
    #expect(try await copy.find(.default).totals.accepted == 1)
    #expect(try await copy.find(closed).state == .closed)
    #expect(try await copy.work() == job.id)
    #expect(try await copy.find(closed).callback == callback.id)
    let submitted = try await copy.find(callback.id)
    #expect(submitted.payload == callback.payload && submitted.priority == .low && submitted.maxAttempts == 9)
    #expect(submitted.dueAt == place.clock.now + .seconds(3))
    #expect(submitted.endBy == place.clock.now + .seconds(503))
    #expect(try await audit(copy).isEmpty)
    await copy.close()
    await broker.close()
  }

  @Test("use no number again after a crash, though progress is not kept")
  func numbers() async throws {
    let broker = try await place.open()
    let id = try await broker.create(GroupRequest(user: "alice")).id
    let log = await DeliveryLog()
    _ = try await broker.subscribe(to: .group(id)) { log.record($0) }
    try await broker.accept(member(id))
    var told: UInt64 = 0
    for _ in 0..<3 {
      let lease = try #require(try await broker.next()).lease
      for permille in 1...900 {
        _ = try await broker.report(Progress(percent: Double(permille) / 10 + 0.01), under: lease)
      }
      let copy = try await place.openCrashCopy()
      let after = try await copy.find(id)
      told = try #require(await log.groups.last).position.offset
      #expect(after.position.offset > told)
      await copy.close()
      try await broker.end(lease, .release)
    }
    let groups = await log.groups
    #expect(groups.count == 2707, "joined; then three times taken, 900 times further, and given back")
    for (earlier, later) in zip(groups, groups.dropFirst()) {
      #expect(later.position.offset == earlier.position.offset + 1)
    }
    #expect(try await broker.find(id) == groups.last)
    await broker.close()
  }

  @Test("are forgotten with all that was kept of them")
  func forgotten() async throws {
    let broker = try await place.open()
    let id = try await broker.create(GroupRequest(user: "alice", callback: .example())).id
    let other = try await broker.create(GroupRequest(user: "alice", callback: .example(queue: .video))).id
    _ = try await broker.close(other)
    place.clock.advance(by: JobGroup.retention)
    try await broker.maintain()
    let copy = try await place.openCrashCopy()
    #expect(try await copy.group(id) == nil)
    #expect(try await copy.group(other) == nil)
    #expect(try await audit(copy).isEmpty)
    await copy.close()
    await broker.close()
    let file = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    let rows = try await file.read { database in
      try Int.fetchOne(
        database, sql: "SELECT (SELECT count(*) FROM job_group) + (SELECT count(*) FROM group_callback)")
    }
    #expect(rows == 0)
    try file.close()
  }

  @Test("are audited against their jobs and the journal")
  func audited() async throws {
    let broker = try await place.open()
    var ids: [GroupID] = []
    for _ in 0..<5 {
      ids.append(try await broker.create(GroupRequest(user: "alice")).id)
      for _ in 0..<3 { try await broker.accept(member(ids[ids.count - 1])) }
      try await broker.work()
    }
    #expect(try await broker.clear(.mail, [.completed], limit: 2) == 2)
    #expect(try await audit(broker).isEmpty)
    let (lost, orphan) = (ids[1], GroupID())
    let file = try DatabaseQueue(path: "\(place.path)/journal.sqlite")
    try await file.write { database in
      try database.execute(sql: "DELETE FROM job_group WHERE id = ?", arguments: [lost.description])
      try database.execute(
        sql: """
          INSERT INTO job_group SELECT ?, user, name, state, since, created_at, changed_at, finished_at, callback,
            offset, epoch, completed, failed, cancelled, weight FROM job_group LIMIT 1
          """, arguments: [orphan.description])
    }
    try file.close()
    let findings = try await audit(broker, repairs: true)
    #expect(
      findings == [
        AuditFinding(
          kind: .missingRecord, subject: "group \(lost)", detail: "not in the journal", isRepaired: false),
        AuditFinding(
          kind: .orphan, subject: "journal row \(orphan)", detail: "belongs to no group", isRepaired: true),
      ])
    // What the group is said with next brings it back.
    _ = try await broker.close(lost)
    #expect(try await audit(broker).isEmpty)
    await broker.close()
  }
}

extension DeliveryLog {
  /// The groups among the deliveries.
  var groups: [JobGroup] {
    deliveries.compactMap { delivery in
      if case .group(let group) = delivery { group } else { nil }
    }
  }
}
