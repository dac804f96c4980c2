import EventLoop
import Support
import Testing

@testable import Jobs

@Suite("The audit of the embedded broker", .timeLimit(.minutes(1))) @EventLoop
struct EmbeddedAuditTests {
  private let place = BrokerFolder()

  private func audit(_ broker: EmbeddedBroker, repairs: Bool = false) async throws -> [AuditFinding] {
    var findings: [AuditFinding] = []
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: repairs, after: cursor, limit: 3)
      findings += report.findings
      cursor = report.next
    } while cursor != nil
    return findings
  }

  /// Something that is taken out of the order it stands in, and what is told of that.
  struct Breakage: Sendable, CustomStringConvertible {
    let description: String
    let state: JobState
    let damage: @Sendable (inout EmbeddedTable, EmbeddedRecord) -> Void
  }

  nonisolated private static let breakages = [
    Breakage(description: "all jobs", state: .queued) { $0.everyone.remove(ListPlace($1)) },
    Breakage(description: "its user's jobs", state: .queued) { $0.users.change("alice", ListPlace($1), -1) },
    Breakage(description: "its queue's line", state: .queued) { table, record in
      table.lines[.mail]?.waiting.remove(WaitingPlace(record))
    },
    Breakage(description: "its queue's line", state: .completed) { table, record in
      table.lines[.mail]?.ended.change(.completed, Ending(number: record.ending, id: record.job.id), -1)
    },
    Breakage(description: "leases", state: .running) { table, record in
      if let deadline = Places(record).deadline { table.deadlines.remove(deadline) }
    },
    Breakage(description: "renewed leases", state: .running) { table, record in
      if let renewed = Places(record).renewed { table.renewed.remove(renewed) }
    },
    Breakage(description: "its worker's jobs", state: .running) { $0.holders.change(.a, ListPlace($1), -1) },
    Breakage(description: "due times", state: .scheduled) { table, record in
      if let due = Places(record).due { table.dues.remove(due) }
    },
    Breakage(description: "limits", state: .queued) { table, record in
      if let limit = Places(record).limit { table.limits.remove(limit) }
    },
    Breakage(description: "unique keys", state: .queued) { table, _ in table.keys.uniqueKeys = [:] },
    Breakage(description: "content keys", state: .queued) { table, _ in table.keys.contentKeys = [:] },
    Breakage(description: "children of", state: .blocked) { table, record in
      for parent in record.parents { table.families.children.change(parent, ListPlace(record), -1) }
    },
  ]

  /// A job in each state, with whatever a job can have.
  private func fill(_ broker: EmbeddedBroker) async throws -> [JobState: JobID] {
    var jobs: [JobState: JobID] = [:]
    jobs[.completed] = try await broker.accept().id
    try await broker.work()
    jobs[.running] = try await broker.accept().id
    _ = try await broker.next()
    jobs[.scheduled] = try await broker.accept(.example { $0.start = .after(.seconds(600)) }).id
    let queued = try await broker.accept(
      .example(key: "k") {
        $0.totalTimeout = .seconds(600)
        $0.uniqueKey = "u"
        $0.contentKey = "c"
      }
    ).id
    jobs[.queued] = queued
    jobs[.blocked] = try await broker.accept(.child(of: [queued])).id
    return jobs
  }

  @Test("finds what is missing from an order, and mends it where asked to", arguments: breakages)
  func misplaced(_ breakage: Breakage) async throws {
    let broker = try await place.open()
    let jobs = try await fill(broker)
    #expect(try await audit(broker) == [])
    let id = try #require(jobs[breakage.state])
    let record = try #require(broker.store.table[id])
    breakage.damage(&broker.store.table, record)
    let found = try await audit(broker)
    let isTold = found.contains {
      $0.kind == .misplacedJob && $0.subject == id.description && $0.detail.contains(breakage.description)
    }
    // Who is not among all jobs is not looked at: what is counted tells.
    #expect(isTold || breakage.description == "all jobs" && found.contains { $0.kind == .wrongCount })
    #expect(found.allSatisfy { !$0.isRepaired })
    #expect(try await audit(broker, repairs: true).allSatisfy(\.isRepaired))
    #expect(try await audit(broker) == [])
    _ = try await broker.cancel(try #require(jobs[.queued]), reason: nil)
    #expect(try await broker.find(try #require(jobs[.blocked])).state == .cancelled, "its parent told it")
    try await consistent(broker, try await broker.allJobs(matching: JobFilter()))
    await broker.close()
  }

  @Test("finds an ended parent that is not to tell its children")
  func endedParents() async throws {
    let broker = try await place.open()
    let parent = try await broker.accept(.example(queue: .video))
    // More than one step tells.
    var children: [JobID] = []
    for _ in 0..<70 { children.append(try await broker.accept(.child(of: [parent.id])).id) }
    try await broker.work(in: .video)
    broker.store.table.families.endedParents.remove(parent.id)
    let found = try await audit(broker, repairs: true)
    #expect(found.map(\.subject) == [parent.id.description])
    _ = try await broker.maintain()
    for child in children { #expect(try await broker.find(child).state == .queued) }
    #expect(try await audit(broker) == [])
    await broker.close()
  }

  @Test("gives a running job without a lease one that has run out")
  func missingLease() async throws {
    let broker = try await place.open()
    let id = try await broker.accept().id
    _ = try await broker.next()
    var record = try #require(broker.store.table[id])
    record.deadline = nil
    broker.store.changeUnjournaled(record)
    #expect(try await audit(broker).map(\.kind) == [.missingLease])
    #expect(try await audit(broker, repairs: true).map(\.isRepaired) == [true])
    #expect(try await audit(broker) == [])
    #expect(try await broker.maintain().requeued == [id])
    await broker.close()
  }

  @Test("finds counts that are not what they count")
  func wrongCounts() async throws {
    let broker = try await place.open()
    _ = try await fill(broker)
    broker.store.table.lines[.mail]?.running += 1
    broker.store.table.lines[.mail]?.levels[3] += 2
    broker.store.table.lines[.mail]?.users["alice"]?.held -= 1
    let found = try await audit(broker)
    #expect(found.allSatisfy { $0.kind == .wrongCount })
    #expect(Set(found.map(\.subject)).isSuperset(of: ["leases", "levels", "places in windows"]))
    #expect(try await audit(broker, repairs: true).allSatisfy(\.isRepaired))
    #expect(try await audit(broker) == [])
    try await consistent(broker, try await broker.allJobs(matching: JobFilter()))
    await broker.close()
  }
}
