import EventLoop
import Jobs
import Testing

extension BrokerContract {
  private func member(_ group: GroupID, weight: Int = 1, queue: QueueName = .mail) -> JobRequest {
    .example(queue: queue) {
      $0.group = group
      $0.weight = weight
    }
  }

  @Test("makes an open group, once", arguments: Backend.allCases)
  func newGroup(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let request = GroupRequest(user: "alice", name: "Trailers, «all»")
      let made = try await broker.create(request)
      #expect(made.id == request.id && made.user == "alice" && made.name == "Trailers, «all»")
      #expect(made.state == .open && made.jobs == 0 && made.percent == nil && made.callback == nil)
      #expect(made.finishedAt == nil)
      try await broker.accept(member(request.id))
      let again = try await broker.create(GroupRequest(id: request.id, user: "alice", name: "other"))
      #expect(again.name == "Trailers, «all»" && again.jobs == 1, "as it stands")
      #expect(try await broker.group(request.id) == again)
      #expect(try await broker.group(GroupID()) == nil)
    }
  }

  @Test("refuses jobs for a group that is not there or takes no more", arguments: Backend.allCases)
  func closedGroup(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let unknown = JobRequest.example(queue: .video) { $0.group = GroupID() }
      await #expect(throws: BrokerError.groupNotFound) { try await broker.enqueue(unknown) }
      await #expect(throws: BrokerError.groupNotFound) { try await broker.close(GroupID()) }
      let group = try await broker.create(GroupRequest(user: "alice")).id
      let first = member(group)
      try await broker.accept(first)
      #expect(try await broker.close(group).state == .closed)
      let refused = member(group, queue: .video)
      await #expect(throws: BrokerError.groupClosed) { try await broker.enqueue(refused) }
      #expect(try await broker.job(refused.id) == nil)
      #expect(try await broker.queue(.video) == nil)
      #expect(try await broker.enqueue(first).match == .id, "a repeat is no job more")
      #expect(try await broker.close(group).state == .closed, "closing again changes nothing")
    }
  }

  @Test("counts its jobs by state, with every change of one", arguments: Backend.allCases)
  func groupCounts(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await broker.create(GroupRequest(user: "alice")).id
      func counts() async throws -> [JobState: Int] {
        try #require(try await broker.group(id)).counts.filter { $0.value != 0 }
      }
      for _ in 0..<4 { try await broker.accept(member(id)) }
      let later = try await broker.accept(
        .example {
          $0.group = id
          $0.start = .after(.seconds(3600))
        })
      #expect(try await counts() == [.queued: 4, .scheduled: 1])
      try await broker.work()
      try await broker.work(.fail(.example, retry: .never))
      try await broker.work(.fail(.example, retry: .after(.seconds(3600))))
      _ = try #require(try await broker.next())
      #expect(try await counts() == [.completed: 1, .failed: 1, .retrying: 1, .running: 1, .scheduled: 1])
      _ = try await broker.cancel(later.id, reason: nil)
      #expect(try await counts() == [.completed: 1, .failed: 1, .retrying: 1, .running: 1, .cancelled: 1])
      let listed = try await broker.allJobs(matching: JobFilter(queue: .mail))
      #expect(listed.allSatisfy { $0.group == id })
    }
  }

  @Test("weighs the progress of its jobs", arguments: Backend.allCases)
  func groupProgress(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await broker.create(GroupRequest(user: "alice")).id
      func percent() async throws -> Double? { try #require(try await broker.group(id)).percent }
      try await broker.accept(member(id, weight: 3))
      try await broker.accept(member(id, weight: 1))
      #expect(try await percent() == 0)
      #expect(try await broker.group(id)?.weight == 4)
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 50), under: lease)
      #expect(try await percent() == 37.5)
      try await broker.end(lease, .release)
      #expect(try await percent() == 0, "what came back has done nothing")
      try await broker.work()
      #expect(try await percent() == 75)
      try await broker.work(.fail(.example, retry: .never))
      #expect(try await percent() == 100, "an ended job has done all, whatever its end")
    }
  }

  @Test("finishes with the last of its jobs, and submits its callback once", arguments: Backend.allCases)
  func groupEnd(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      for _ in 0..<2 { try await broker.accept(member(id)) }
      try await broker.work()
      try await broker.work(.fail(.example, retry: .never))
      #expect(try await broker.group(id)?.state == .open, "more may come")
      #expect(try await broker.queue(.video) == nil)
      let finished = try await broker.close(id)
      #expect(finished.state == .finished && finished.finishedAt != nil && finished.pending == 0)
      let job = try #require(finished.callback)
      #expect(try await broker.find(job).queue == .video)
      #expect(try await broker.close(id) == finished)
      #expect(try await broker.find(.video).totals.accepted == 1)
    }
  }

  @Test("finishes a closed group in the step of its last end", arguments: Backend.allCases)
  func groupEndsLast(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      for _ in 0..<2 { try await broker.accept(member(id)) }
      _ = try await broker.close(id)
      try await broker.work()
      #expect(try await broker.group(id)?.state == .closed)
      try await broker.work()
      #expect(try await broker.group(id)?.state == .finished)
      #expect(try await broker.next(from: .video) != nil)
    }
  }

  @Test("finishes a group without jobs when it is closed", arguments: Backend.allCases)
  func emptyGroup(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      let finished = try await broker.close(id)
      #expect(finished.state == .finished && finished.jobs == 0)
      #expect(try await broker.next(from: .video) != nil)
    }
  }

  @Test("lists its jobs in the order of acceptance, a page at a time", arguments: Backend.allCases)
  func groupJobs(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let id = try await broker.create(GroupRequest(user: "alice")).id
      var ids: [JobID] = []
      for number in 0..<7 {
        ids.append(try await broker.accept(member(id, queue: number < 3 ? .mail : .video)).id)
        try await broker.accept()
      }
      var seen: [JobID] = []
      var cursor: String?
      repeat {
        let page = try await broker.jobs(of: id, limit: 3, cursor: cursor)
        #expect(page.jobs.count <= 3)
        seen += page.jobs.map(\.id)
        cursor = page.next
      } while cursor != nil && seen.count < 20
      #expect(seen == ids)
    }
  }
}
