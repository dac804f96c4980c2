import EventLoop
import Jobs
import Support
import Testing

/// Which groups are forgotten, and when.
extension BrokerContract {
  private static let short = Duration.seconds(3600)

  private func member(_ group: GroupID) -> JobRequest { .example { $0.group = group } }

  /// Keeps jobs for longer than groups.
  private func keepJobs(_ broker: any Broker) async throws {
    try await broker.change {
      $0.completed.age = JobGroup.retention * 10
      $0.failed.age = JobGroup.retention * 10
    }
  }

  @Test("forgets a finished group when its time is over, and keeps its jobs", arguments: Backend.jumping)
  func finishedForgotten(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await keepJobs(broker)
      let id = try await broker.create(GroupRequest(user: "alice", callback: .example(queue: .video))).id
      let job = try await broker.accept(member(id))
      let other = try await broker.accept(member(id))
      try await time.pass(JobGroup.retention * 2)
      try await broker.work()
      try await broker.work(.fail(.example, retry: .never))
      #expect(try await broker.close(id).state == .finished)
      try await time.pass(JobGroup.retention - Self.short)
      _ = try await broker.maintain()
      #expect(try await broker.find(id).jobs == 2)
      _ = try await broker.retry(other.id)
      try await time.pass(Self.short)
      _ = try await broker.maintain()
      #expect(try await broker.group(id) == nil, "whatever became of its jobs after its end")
      #expect(try await broker.jobs(of: id, limit: 10, cursor: nil).jobs.isEmpty)
      await #expect(throws: BrokerError.groupNotFound) { try await broker.close(id) }
      await #expect(throws: BrokerError.groupNotFound) { try await broker.enqueue(member(id)) }
      #expect(try await broker.find(job.id).group == id, "its jobs stay, and name it")
      #expect(try await broker.work() == other.id)
      #expect(try await broker.retry(job.id).state == .queued)
    }
  }

  @Test("forgets a group of which nothing came, and none that waits for a job", arguments: Backend.jumping)
  func openForgotten(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await keepJobs(broker)
      let empty = try await broker.create(GroupRequest(user: "alice")).id
      let waiting = try await broker.create(GroupRequest(user: "alice")).id
      let closed = try await broker.create(GroupRequest(user: "alice")).id
      let idle = try await broker.create(GroupRequest(user: "alice")).id
      try await broker.accept(member(idle))
      try await time.pass(JobGroup.retention - Self.short)
      try await broker.work()
      try await broker.accept(member(waiting))
      try await broker.accept(member(closed))
      _ = try await broker.close(closed)
      _ = try await broker.maintain()
      for id in [empty, waiting, closed, idle] { #expect(try await broker.group(id) != nil) }
      try await time.pass(Self.short)
      _ = try await broker.maintain()
      #expect(try await broker.group(empty) == nil)
      #expect(try await broker.group(idle)?.counts == [.completed: 1], "it changed since")
      try await time.pass(JobGroup.retention)
      _ = try await broker.maintain()
      #expect(try await broker.group(idle) == nil)
      #expect(try await broker.find(waiting).state == .open)
      #expect(try await broker.find(closed).state == .closed)
      for _ in 0..<2 { try await broker.work() }
      #expect(try await broker.find(closed).state == .finished)
      try await time.pass(JobGroup.retention)
      _ = try await broker.maintain()
      #expect(try await broker.group(waiting) == nil)
      #expect(try await broker.group(closed) == nil)
    }
  }

  @Test("makes a group anew under the name of a forgotten one, without its jobs", arguments: Backend.jumping)
  func madeAnew(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await keepJobs(broker)
      let request = GroupRequest(user: "alice")
      let first = try await broker.create(request)
      let old = try await broker.accept(member(request.id))
      try await broker.work()
      _ = try await broker.close(request.id)
      try await time.pass(JobGroup.retention)
      _ = try await broker.maintain()
      let again = try await broker.create(request)
      #expect(again.state == .open && again.jobs == 0 && again.weight == 0)
      #expect(again.position.epoch != first.position.epoch, "it counts anew")
      let new = try await broker.accept(member(request.id))
      #expect(try await broker.jobs(of: request.id, limit: 10, cursor: nil).jobs.map(\.id) == [new.id])
      _ = try await broker.retry(old.id)
      #expect(try await broker.find(request.id).counts == [.queued: 1])
      _ = try await broker.close(request.id)
      #expect(try await broker.work() == old.id)
      #expect(try await broker.find(request.id).state == .closed)
      #expect(try await broker.remove(old.id))
      #expect(try await broker.work() == new.id)
      #expect(try await broker.find(request.id).counts == [.completed: 1])
      #expect(try await broker.find(request.id).state == .finished)
    }
  }

  @Test("forgets no more groups at once than it is told", arguments: Backend.jumping)
  func forgottenInPieces(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      var ids: [GroupID] = []
      for _ in 0..<5 { ids.append(try await broker.create(GroupRequest(user: "alice")).id) }
      try await time.pass(JobGroup.retention)
      for left in [3, 1, 0] {
        _ = try await broker.maintain(limit: 2)
        var known = 0
        for id in ids where try await broker.group(id) != nil { known += 1 }
        #expect(known == left)
      }
    }
  }
}
