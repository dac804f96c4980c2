import EventLoop
import Jobs
import Support
import Testing

/// What becomes of a group when something happens to one of its jobs.
extension BrokerContract {
  private func member(
    _ group: GroupID, user: String = "alice", queue: QueueName = .mail,
    _ change: (inout JobRequest) -> Void = { _ in }
  ) -> JobRequest {
    .example(queue: queue, user: user) {
      $0.group = group
      change(&$0)
    }
  }

  private func open(_ broker: any Broker, callback: JobRequest? = nil) async throws -> GroupID {
    try await broker.create(GroupRequest(user: "alice", callback: callback)).id
  }

  @Test("counts a retried job of a finished group, and finishes it once", arguments: Backend.allCases)
  func groupRetry(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker, callback: .example(queue: .video))
      let job = try await broker.accept(member(id) { $0.weight = 3 })
      try await broker.accept(member(id))
      try await broker.work(.fail(.example, retry: .never))
      try await broker.work()
      let finished = try await broker.close(id)
      #expect(finished.state == .finished)
      _ = try await broker.retry(job.id)
      let again = try await broker.find(id)
      #expect(again.state == .finished && again.finishedAt == finished.finishedAt)
      #expect(again.counts == [.queued: 1, .completed: 1] && again.pending == 1)
      #expect(again.percent == 25, "it has to do its part once more")
      #expect(again.callback == finished.callback)
      #expect(again.position.epoch == finished.position.epoch)
      #expect(again.position.offset > finished.position.offset)
      try await broker.work()
      #expect(try await broker.find(id).counts == [.completed: 2])
      #expect(try await broker.find(id).callback == finished.callback)
      #expect(try await broker.find(.video).totals.accepted == 1)
      await #expect(throws: BrokerError.groupClosed) { try await broker.enqueue(member(id)) }
    }
  }

  @Test("takes the jobs of a group's own user only", arguments: Backend.allCases)
  func groupOfAnother(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker)
      let foreign = member(id, user: "bob", queue: .video)
      await #expect(throws: BrokerError.groupNotFound) { try await broker.enqueue(foreign) }
      _ = try await broker.close(id)
      await #expect(throws: BrokerError.groupNotFound) { try await broker.enqueue(foreign) }
      #expect(try await broker.job(foreign.id) == nil)
      #expect(try await broker.queue(.video) == nil)
      #expect(try await broker.find(id).jobs == 0)
    }
  }

  @Test("counts no submission that is refused, or answered with an earlier job", arguments: Backend.allCases)
  func groupRepeats(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker)
      let first = member(id) { $0.idempotencyKey = "k" }
      try await broker.accept(first)
      #expect(try await broker.enqueue(first).match == .id)
      #expect(try await broker.enqueue(member(id) { $0.idempotencyKey = "k" }).match == .idempotencyKey)
      try await broker.accept(
        .example {
          $0.uniqueKey = "u"
          $0.contentKey = "c"
        })
      #expect(try await broker.enqueue(member(id) { $0.uniqueKey = "u" }).match == .uniqueKey)
      #expect(try await broker.enqueue(member(id) { $0.contentKey = "c" }).match == .contentKey)
      try await broker.change { $0.maxWaiting = 2 }
      await #expect(throws: BrokerError.queueFull(limit: 2)) { try await broker.enqueue(member(id)) }
      let parent = JobID()
      await #expect(throws: BrokerError.parentNotFound(parent)) {
        try await broker.enqueue(member(id, queue: .video) { $0.dependencies.parents = [parent] })
      }
      let group = try await broker.find(id)
      #expect(group.counts == [.queued: 1] && group.weight == 1)
      #expect(try await broker.jobs(of: id, limit: 10, cursor: nil).jobs.map(\.id) == [first.id])
    }
  }

  @Test("counts its cancelled jobs, and those that are forgotten", arguments: Backend.allCases)
  func groupRemovals(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker)
      let jobs = [
        try await broker.accept(member(id)), try await broker.accept(member(id)),
        try await broker.accept(member(id)), try await broker.accept(member(id) { $0.weight = 5 }),
        try await broker.accept(member(id)),
      ].map(\.id)
      let leases = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a).map(\.lease)
      _ = try await broker.cancel(jobs[0], reason: nil)
      #expect(try await broker.find(id).counts == [.running: 2, .queued: 3], "it is only asked")
      try await broker.end(leases[0], .cancel(.example))
      #expect(try await broker.remove(jobs[0]), "when it has ended")
      #expect(try await !broker.remove(jobs[1]), "while it runs")
      _ = try await broker.close(id)
      try await broker.end(leases[1])
      #expect(try await broker.job(jobs[1]) == nil)
      #expect(try await broker.find(id).counts == [.cancelled: 1, .completed: 1, .queued: 3])
      #expect(try await broker.remove(jobs[2]), "while it waits")
      #expect(try await broker.find(id).counts == [.cancelled: 2, .completed: 1, .queued: 2])
      #expect(try await broker.clear(.mail, [.queued], limit: 1) == 1)
      #expect(try await broker.find(id).state == .closed)
      _ = try await broker.cancel(jobs[4], reason: nil)
      let group = try await broker.find(id)
      #expect(group.state == .finished && group.counts == [.cancelled: 4, .completed: 1])
      #expect(group.weight == 9 && group.weightedPermille == 9000 && group.percent == 100)
      #expect(try await broker.jobs(of: id, limit: 10, cursor: nil).jobs.map(\.id) == [jobs[4]])
      #expect(try await broker.allJobs(matching: JobFilter()).map(\.id) == [jobs[4]])
    }
  }

  @Test("counts what no queue keeps", arguments: Backend.allCases)
  func groupPruned(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.completed.count = 0 }
      let id = try await open(broker)
      for _ in 0..<3 { try await broker.accept(member(id)) }
      try await broker.work()
      _ = try await broker.close(id)
      try await broker.work()
      #expect(try await broker.find(id).counts == [.completed: 2, .queued: 1])
      #expect(try await broker.find(id).percent == 66.6)
      try await broker.work()
      let group = try await broker.find(id)
      #expect(group.state == .finished && group.counts == [.completed: 3])
      #expect(try await broker.jobs(of: id, limit: 10, cursor: nil) == JobPage(jobs: []))
    }
  }

  @Test("ends with the jobs that wait for another that fails", arguments: Backend.allCases)
  func groupFamily(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker, callback: .example(queue: .default))
      let parent = try await broker.accept(member(id))
      func child(_ parents: [JobID], _ rule: ParentFailureRule) -> JobRequest {
        member(id, queue: .video) { $0.dependencies = JobDependencies(parents: parents, whenOneFails: rule) }
      }
      let first = try await broker.accept(child([parent.id], .cancel))
      try await broker.accept(child([parent.id, first.id], .fail))
      let last = try await broker.accept(child([parent.id], .run))
      #expect(try await broker.find(id).counts == [.queued: 1, .blocked: 3])
      _ = try await broker.close(id)
      try await broker.work(.fail(.example, retry: .never))
      let group = try await broker.find(id)
      #expect(group.state == .closed && group.counts == [.failed: 2, .cancelled: 1, .queued: 1])
      #expect(try await broker.queue(.default) == nil)
      #expect(try await broker.work(in: .video) == last.id)
      #expect(try await broker.find(id).state == .finished)
      #expect(try await broker.next(from: .default) != nil)
    }
  }

  @Test("counts a job whose parent failed before it came", arguments: Backend.allCases)
  func groupOrphan(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker)
      let parent = try await broker.accept()
      try await broker.work(.fail(.example, retry: .never))
      let child = try await broker.accept(
        member(id, queue: .video) { $0.dependencies = JobDependencies(parents: [parent.id]) })
      #expect(child.state == .cancelled && child.group == id)
      #expect(try await broker.find(id).counts == [.cancelled: 1])
      #expect(try await broker.close(id).state == .finished)
    }
  }

  @Test("counts jobs that wait for room, and that move", arguments: Backend.allCases)
  func groupWindow(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let id = try await open(broker)
      for _ in 0..<3 { try await broker.accept(member(id)) }
      #expect(try await broker.find(id).counts == [.queued: 1, .blocked: 2])
      try await broker.work()
      #expect(try await broker.find(id).counts == [.completed: 1, .queued: 1, .blocked: 1])
      let parked = try #require(try await broker.allJobs(matching: JobFilter(states: [.blocked])).first)
      let before = try await broker.find(id).position.offset
      _ = try await broker.reprioritise(parked.id, to: .high)
      #expect(try await broker.find(id).position.offset == before, "nothing of the group changed")
      _ = try await broker.redrive(parked.id, to: .video)
      #expect(try await broker.find(id).counts == [.completed: 1, .queued: 2])
      #expect(try await broker.jobs(of: id, limit: 10, cursor: nil).jobs.map(\.queue) == [.mail, .mail, .video])
    }
  }

  @Test("takes back what a lost worker had reported", arguments: Backend.allCases)
  func groupLoss(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      _ = try await broker.maintain(maxLost: 2)
      let id = try await open(broker)
      try await broker.accept(member(id))
      _ = try await broker.close(id)
      for number in 1...2 {
        let lease = try #require(try await broker.next(for: .milliseconds(80))).lease
        _ = try await broker.report(Progress(percent: 40), under: lease)
        #expect(try await broker.find(id).percent == 40)
        try await time.pass(.milliseconds(100))
        _ = try await broker.maintain(maxLost: 2)
        #expect(try await broker.find(id).percent == (number == 1 ? 0 : 100))
      }
      let group = try await broker.find(id)
      #expect(group.counts == [.failed: 1] && group.state == .finished)
    }
  }

  @Test("counts as done what runs and reports, and nothing else", arguments: Backend.allCases)
  func groupWeights(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await open(broker)
      try await broker.accept(member(id) { $0.weight = 10_000 })
      try await broker.accept(member(id))
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 99.99), under: lease)
      #expect(try await broker.find(id).weightedPermille == 9_990_000)
      #expect(try await broker.find(id).percent == 99.8)
      _ = try await broker.report(Progress(percent: 10), under: lease)
      #expect(try await broker.find(id).percent == 99.8, "it never falls within an attempt")
      _ = try await broker.report(Progress(stage: "last"), under: lease)
      #expect(try await broker.find(id).weightedPermille == 9_990_000, "no percent is no news")
      try await broker.end(lease, .fail(.example, retry: .after(.seconds(3600))))
      let group = try await broker.find(id)
      #expect(group.counts == [.retrying: 1, .queued: 1] && group.percent == 0)
      _ = try await broker.promote(lease.job)
      #expect(try await broker.next()?.lease.job == lease.job)
      #expect(try await broker.find(id).percent == 0, "an attempt begins with nothing")
    }
  }
}

extension JobGroups {
  /// The group as it stands, which has to be there.
  func find(_ id: GroupID) async throws -> JobGroup {
    try #require(try await group(id), "there is no group \(id)")
  }
}
