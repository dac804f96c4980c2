import Jobs
import Support
import Testing

/// Jobs that were to stop when they were archived: they do not run again.
extension BrokerContract {
  @Test(
    "takes in as cancelled what was being cancelled while it ran", arguments: Backend.allCases,
    Backend.allCases)
  func archivedCancellation(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await broker.accept(.example(key: "k") { $0.uniqueKey = "u" }).id
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 12, stage: "s"), under: lease)
      _ = try await broker.log(["one"], under: lease)
      let child = try await broker.accept(.child(of: [id], whenOneFails: .fail, queue: .video))
      let willing = try await broker.accept(.child(of: [id], whenOneFails: .run, queue: .video))
      let archived = try await broker.cancel(id, reason: "wrong file")
      let entries = try await broker.everything(limit: 10)
      try await target.withUncheckedBroker { other, _ in
        let log = await DeliveryLog()
        let subscription = try await other.subscribe(to: .job(id)) { log.record($0) }
        #expect(try await other.restore(entries).restored == entries.count)
        let job = try await other.find(id)
        #expect(job.state == .cancelled && job.failure?.code == "cancelled")
        #expect(job.failure?.message.contains("wrong file") == true)
        #expect(!job.isCancelling && job.worker == nil && job.finishedAt != nil && job.attempt == 1)
        #expect(job.progress.percent == 12 && job.progress.stage == "s")
        #expect(job.position.offset == archived.position.offset + 1)
        #expect(try await log.eventsUntilEnd().map(\.state) == [.cancelled])
        #expect(try await other.logLines(of: id) == ["one"])
        #expect(try await other.next() == nil, "it runs no more")
        #expect(try await other.settle(lease, .complete(nil)) == .leaseLost)
        #expect(try await other.find(child.id).failure?.code == "parent_failed")
        #expect(try await other.work(in: .video) == willing.id)
        let totals = try await other.find().totals
        #expect(totals.accepted == 1 && totals.cancelled == 1)
        #expect(try await other.enqueue(.example { $0.uniqueKey = "u" }).match == nil, "its key is free")
        #expect(try await other.restore(entries).known == entries.count)
        try await consistent(other, try await other.allJobs(matching: JobFilter(limit: 200)))
        await subscription.cancel()
      }
      try await broker.end(lease)
    }
  }

  @Test("takes in as failed what had passed its time, told or not yet", arguments: Backend.allCases)
  func archivedLateness(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let told = try await broker.accept(.example { $0.totalTimeout = .milliseconds(100) })
      let leases = [try #require(try await broker.next()).lease]
      try await time.pass(.milliseconds(110))
      #expect(try await broker.maintain().expired == [told.id])
      let late = try await broker.accept(.example { $0.totalTimeout = .milliseconds(200) })
      let other = try #require(try await broker.next()).lease
      let entries = try await broker.everything(limit: 10)
      try await backend.withUncheckedBroker { target, time in
        try await time.pass(.milliseconds(500))
        _ = try await target.restore(entries)
        for id in [told.id, late.id] {
          let job = try await target.find(id)
          #expect(job.state == .failed && job.failure?.code == "total_timeout")
        }
        #expect(try await target.next() == nil)
        #expect(try await target.maintain().expired.isEmpty)
        #expect(try await target.find().totals.failed == 2)
      }
      for lease in leases + [other] { try await broker.end(lease) }
    }
  }

  @Test("forgets what was to be removed when it ends", arguments: Backend.allCases, Backend.allCases)
  func archivedRemoval(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let group = try await broker.create(GroupRequest(user: "alice")).id
      let id = try await broker.accept(.example { $0.group = group }).id
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.log(["one"], under: lease)
      #expect(try await broker.remove(id) == false)
      let entries = try await broker.everything(limit: 10)
      #expect(entries.compactMap(\.snapshot).map(\.isRemoved) == [true])
      try await target.withUncheckedBroker { other, _ in
        #expect(try await other.restore(entries).restored == entries.count)
        #expect(try await other.job(id) == nil)
        #expect(try await other.logLines(of: id).isEmpty)
        #expect(try await other.next() == nil)
        #expect(try await other.find(group).pending == 0, "nothing is waited for")
        try await consistent(other, [])
      }
      try await broker.end(lease)
    }
  }

  @Test("leaves the windows of users as they are when it takes in duplicates", arguments: Backend.allCases)
  func archivedDuplicateInWindow(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept(.example(key: "k"))
      let entries = try await broker.everything(limit: 10)
      try await backend.withUncheckedBroker { other, _ in
        try await other.change { $0.userWindow = 1 }
        try await other.accept(.example(key: "k"))
        #expect(try await other.restore(entries).duplicates == [first.id])
        #expect(try await other.accept().state == .blocked, "the one place is taken")
        try await consistent(other, try await other.allJobs(matching: JobFilter(limit: 200)))
      }
    }
  }
}
