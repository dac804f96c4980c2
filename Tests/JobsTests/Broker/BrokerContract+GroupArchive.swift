import EventLoop
import Jobs
import Support
import Testing

/// Groups in archives.
extension BrokerContract {
  private func member(_ group: GroupID, weight: Int = 1) -> JobRequest {
    .example {
      $0.group = group
      $0.weight = weight
    }
  }

  private func found(_ id: GroupID, on broker: any Broker) async throws -> JobGroup {
    try #require(try await broker.group(id))
  }

  @Test(
    "carries groups after their jobs, and counts them as they stand", arguments: Backend.allCases,
    Backend.allCases)
  func archivedGroup(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video, priority: .high) { $0.timeout = .seconds(9) }
      let made = try await broker.create(GroupRequest(user: "alice", name: "«é»", callback: callback))
      let empty = try await broker.create(GroupRequest(user: "bob"))
      for weight in 1...5 { try await broker.accept(member(made.id, weight: weight)) }
      let forgotten = try await broker.work()
      #expect(try await broker.remove(forgotten))
      try await broker.work(.fail(.example, retry: .never))
      let running = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 50), under: running)
      let group = try await found(made.id, on: broker)
      #expect(group.counts == [.completed: 1, .failed: 1, .running: 1, .queued: 2] && group.weight == 15)

      let entries = try await broker.everything(limit: 2)
      #expect(entries.suffix(2).compactMap(\.group) == [group, empty].sorted { $0.id < $1.id })
      #expect(entries.compactMap(\.snapshot).map(\.weight) == [2, 3, 4, 5])
      try await target.withUncheckedBroker { other, _ in
        let (arrivals, watch) = (await Arrivals<JobGroup>(), Channel.group(made.id))
        let subscription = try await other.subscribe(to: watch) { delivery in
          if case .group(let group) = delivery { arrivals.append(group) }
        }
        let report = try await other.restore(entries)
        #expect(report.restored == entries.count && report.known == 0)
        #expect(try await other.restore(entries).known == entries.count)

        let restored = try await found(made.id, on: other)
        #expect(restored.user == "alice" && restored.name == "«é»" && restored.state == .open)
        #expect(restored.counts == [.completed: 1, .failed: 1, .queued: 3], "what ran waits again")
        #expect(restored.weight == 15 && restored.weightedPermille == 3000)
        #expect(restored.createdAt == group.createdAt && restored.callback == nil)
        #expect(restored.position.offset == group.position.offset + 1, "it is not what was archived")
        #expect(try await arrivals.values(atLeast: 1) == [restored])
        #expect(try await other.group(empty.id) == empty)
        let listed = try await other.jobs(of: made.id, limit: 10, cursor: nil).jobs.map(\.id)
        #expect(listed == entries.compactMap(\.snapshot).map(\.job.id))

        try await other.accept(member(made.id))
        #expect(try await other.close(made.id).state == .closed)
        for _ in 0..<4 { try await other.work() }
        let finished = try await found(made.id, on: other)
        #expect(finished.state == .finished && finished.counts == [.completed: 5, .failed: 1])
        #expect(finished.callback == callback.id && finished.percent == 100)
        let job = try await other.find(callback.id)
        #expect(job.queue == .video && job.priority == .high && job.timeout == .seconds(9))
        await subscription.cancel()
      }
    }
  }

  @Test("carries a finished group as it is", arguments: Backend.allCases, Backend.allCases)
  func archivedEnd(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      let job = try await broker.accept(member(id))
      try await broker.work()
      let finished = try await broker.close(id)
      let entries = try await broker.everything(limit: 10)
      try await target.withUncheckedBroker { other, _ in
        #expect(try await other.restore(entries).restored == entries.count)
        #expect(try await other.group(id) == finished)
        #expect(try await other.close(id) == finished)
        #expect(try await other.work(in: .video) == callback.id)
        #expect(try await other.next(from: .video) == nil, "it was submitted once")
        await #expect(throws: BrokerError.groupClosed) { try await other.enqueue(member(id)) }
        _ = try await other.retry(job.id)
        #expect(try await found(id, on: other).counts == [.queued: 1])
        try await other.work()
        #expect(try await found(id, on: other).counts == [.completed: 1])
      }
    }
  }

  @Test(
    "counts what the jobs of an archive are, whatever became of them meanwhile", arguments: Backend.allCases,
    Backend.allCases)
  func archivedInPieces(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      for _ in 0..<2 { try await broker.accept(member(id)) }
      let start = try await broker.archive(after: nil, limit: 2)
      let first = try await broker.archive(after: start.next, limit: 2)
      #expect(first.entries.compactMap(\.snapshot).count == 2 && first.entries.count == 2)
      // One of them ends, and one more is accepted, before the group has its turn.
      let done = try await broker.work()
      let late = try await broker.accept(member(id))
      _ = try await broker.close(id)
      var entries = start.entries + first.entries
      var cursor = first.next
      while let place = cursor {
        let page = try await broker.archive(after: place, limit: 2)
        entries += page.entries
        cursor = page.next
      }
      entries.removeAll { $0.ledger != nil }
      #expect(entries.compactMap(\.snapshot).map(\.job.id).last == late.id)
      #expect(entries.last?.group?.counts == [.completed: 1, .queued: 2])
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        let restored = try await found(id, on: other)
        #expect(restored.counts == [.queued: 3] && restored.weight == 3 && restored.percent == 0)
        #expect(restored.state == .closed)
        #expect(try await other.work() == done, "it is done again")
        for _ in 0..<2 { try await other.work() }
        let finished = try await found(id, on: other)
        #expect(finished.state == .finished && finished.counts == [.completed: 3])
        #expect(try await other.work(in: .video) == callback.id)
      }
    }
  }

  @Test("archives what comes meanwhile before its group", arguments: Backend.allCases)
  func archivedMeanwhile(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { _ = try await broker.create(GroupRequest(user: "alice")) }
      try await broker.accept()
      var entries: [ArchiveEntry] = []
      var late: [GroupID: JobID] = [:]
      var page = try await broker.archive(after: nil, limit: 1)
      while let next = page.next {
        page = try await broker.archive(after: next, limit: 1)
        entries += page.entries
        // With the first group a job comes into each of the others.
        guard late.isEmpty, let first = page.entries.first?.group else { continue }
        for _ in 0..<3 {
          // Later than all, whatever the millisecond.
          let group = GroupID(at: .now + .seconds(1))
          _ = try await broker.create(GroupRequest(id: group, user: "alice"))
          late[group] = try await broker.accept(member(group)).id
        }
        #expect(late[first.id] == nil)
      }
      #expect(entries.compactMap(\.group).count == 6 && entries.compactMap(\.snapshot).count == 4)
      for (group, job) in late {
        let itself = try #require(entries.firstIndex { $0.group?.id == group })
        let member = try #require(entries.firstIndex { $0.snapshot?.job.id == job })
        #expect(member < itself)
      }
    }
  }

  @Test("takes an ended job back that was forgotten, and counts it once", arguments: Backend.allCases)
  func archivedForgotten(_ backend: Backend) async throws {
    try await backend.withUncheckedBroker { broker, _ in
      let id = try await broker.create(GroupRequest(user: "alice")).id
      for _ in 0..<2 { try await broker.accept(member(id, weight: 3)) }
      let done = try await broker.work()
      let entries = try await broker.everything(limit: 10)
      #expect(try await broker.remove(done))
      let standing = try await found(id, on: broker)
      let report = try await broker.restore(entries)
      #expect(report.restored == 1 && report.known == 2)
      #expect(try await broker.find(done).state == .completed)
      #expect(try await broker.group(id) == standing)
      #expect(try await broker.jobs(of: id, limit: 10, cursor: nil).jobs.map(\.id).contains(done))
      _ = try await broker.retry(done)
      #expect(try await found(id, on: broker).counts == [.queued: 2])
      #expect(try await found(id, on: broker).weight == 6)
    }
  }

  @Test("takes in the jobs of a group that is not there, and the group later", arguments: Backend.allCases)
  func archivedWithoutGroup(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      for _ in 0..<2 { try await broker.accept(member(id)) }
      _ = try await broker.close(id)
      let entries = try await broker.everything(limit: 10)
      try await backend.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries.filter { $0.group == nil })
        #expect(try await other.group(id) == nil)
        #expect(try await other.jobs(of: id, limit: 10, cursor: nil) == JobPage(jobs: []))
        await #expect(throws: BrokerError.groupNotFound) { try await other.close(id) }
        await #expect(throws: BrokerError.groupNotFound) { try await other.enqueue(member(id)) }
        // They are worked on meanwhile, and one is forgotten.
        let done = try await other.work()
        #expect(try await other.remove(done))
        _ = try await other.restore(entries)
        #expect(try await other.job(done)?.state == .queued, "an archive knows nothing of that")
        let restored = try await found(id, on: other)
        #expect(restored.state == .closed && restored.pending == 2)
        for _ in 0..<2 { try await other.work() }
        #expect(try await found(id, on: other).state == .finished)
        #expect(try await other.work(in: .video) == callback.id)
      }
    }
  }

  @Test("submits the callback of a group whose last job is here already", arguments: Backend.allCases)
  func archivedClosed(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      try await broker.accept(.example(key: "k") { $0.group = id })
      _ = try await broker.close(id)
      let entries = try await broker.everything(limit: 10)
      try await backend.withUncheckedBroker { other, _ in
        // The same was accepted there: the group's own job is a duplicate, and has ended.
        try await other.accept(.example(key: "k"))
        #expect(try await other.restore(entries).duplicates.count == 1)
        let finished = try await found(id, on: other)
        #expect(finished.state == .finished && finished.counts == [.cancelled: 1])
        #expect(finished.callback == callback.id)
        #expect(try await other.work(in: .video) == callback.id)
      }
    }
  }
}
