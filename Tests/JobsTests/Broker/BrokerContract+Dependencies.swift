import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("keeps a job until all it depends on has completed", arguments: Backend.allCases)
  func dependencies(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parents = [
        try await broker.accept(), try await broker.accept(.example(queue: .video)),
        try await broker.accept(.example(user: "bob")),
      ]
      let request = JobRequest.child(of: parents.map(\.id), queue: .default)
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(request.id)) { log.record($0) }
      let child = try await broker.accept(request)
      #expect(child.state == .blocked)
      #expect(child.pendingParents == 3)
      #expect(child.queuePosition == nil)
      #expect(try await broker.next(from: .default) == nil)
      try await broker.work(in: .video)
      #expect(try await broker.find(child.id).pendingParents == 2)
      try await broker.work()
      #expect(try await broker.find(child.id).state == .blocked)
      try await broker.work()
      let free = try await broker.find(child.id)
      #expect(free.state == .queued && free.pendingParents == 0)
      #expect(try await broker.next(from: .default)?.lease.job == child.id)
      #expect(try await log.events(atLeast: 3).map(\.state) == [.blocked, .queued, .running])
      await subscription.cancel()
    }
  }

  @Test("wakes who waits when the last parent ends", arguments: Backend.allCases)
  func wakeByParent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept(.example(queue: .video))
      try await broker.accept(.child(of: [parent.id]))
      async let wait: Void = broker.waitForWork(in: [.mail], upTo: .seconds(600))
      try await broker.work(in: .video)
      await wait
      #expect(try await broker.next() != nil)
    }
  }

  @Test("counts a parent once, however often it is named", arguments: Backend.allCases)
  func duplicateParents(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      let child = try await broker.accept(.child(of: [parent.id, parent.id, parent.id], queue: .video))
      #expect(child.pendingParents == 1)
      try await broker.work()
      #expect(try await broker.find(child.id).state == .queued)
    }
  }

  @Test("refuses a parent that is not on record, and leaves nothing behind", arguments: Backend.allCases)
  func unknownParent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      let unknown = JobID()
      var request = JobRequest.child(of: [parent.id, unknown], queue: .video)
      request.idempotencyKey = "k"
      request.uniqueKey = "u"
      request.contentKey = "c"
      await #expect(throws: BrokerError.parentNotFound(unknown)) { try await broker.enqueue(request) }
      #expect(try await broker.job(request.id) == nil)
      #expect(try await broker.queue(.video) == nil)
      await #expect(throws: BrokerError.parentNotFound(request.id)) {
        request.dependencies.parents = [request.id]
        return try await broker.enqueue(request)
      }
      request.dependencies.parents = [parent.id]
      #expect(try await !broker.enqueue(request).isReplay)
      #expect(try await broker.find(.video).totals.accepted == 1)
    }
  }

  @Test("does not wait for parents that have completed", arguments: Backend.allCases)
  func endedParent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let done = try await broker.accept()
      try await broker.work()
      let pending = try await broker.accept()
      let free = try await broker.accept(.child(of: [done.id], queue: .video))
      #expect(free.state == .queued && free.pendingParents == 0)
      let waiting = try await broker.accept(.child(of: [done.id, pending.id], queue: .video))
      #expect(waiting.state == .blocked && waiting.pendingParents == 1)
    }
  }

  @Test(
    "decides at once where a parent has failed before", arguments: Backend.allCases,
    ParentFailureRule.allCases)
  func failedParent(_ backend: Backend, _ rule: ParentFailureRule) async throws {
    try await backend.withBroker { broker in
      for (ending, completes) in Self.endings where !completes {
        let parent = try await broker.accept()
        try await broker.work(ending)
        let child = try await broker.accept(.child(of: [parent.id], whenOneFails: rule, queue: .video))
        #expect(try await broker.find(child.id) == child)
        try demand(child, ruledBy: rule, after: parent.id)
        if rule == .run { try await broker.work(in: .video) }
        #expect(try await broker.next(from: .video) == nil)
      }
    }
  }

  /// A child whose only parent did not complete.
  private func demand(_ child: Job, ruledBy rule: ParentFailureRule, after parent: JobID) throws {
    switch rule {
    case .run: #expect(child.state == .queued)
    case .cancel, .fail:
      #expect(child.state == (rule == .fail ? .failed : .cancelled))
      #expect(child.failure?.code == "parent_failed")
      #expect(child.failure?.message.contains("\(parent)") == true, "it says which")
      #expect(child.finishedAt != nil)
    }
  }

  @Test(
    "goes on as told when a parent does not complete", arguments: Backend.allCases,
    ParentFailureRule.allCases)
  func parentFails(_ backend: Backend, _ rule: ParentFailureRule) async throws {
    try await backend.withBroker { broker in
      for (ending, completes) in Self.endings where !completes {
        let parent = try await broker.accept()
        let child = try await broker.accept(.child(of: [parent.id], whenOneFails: rule, queue: .video))
        try await broker.work(.fail(.example, retry: .after(.zero)))
        #expect(try await broker.find(child.id).state == .blocked, "a retry is no end")
        try await broker.work(ending)
        try demand(try await broker.find(child.id), ruledBy: rule, after: parent.id)
        if rule == .run { try await broker.work(in: .video) }
        #expect(try await broker.next(from: .video) == nil)
      }
    }
  }

  @Test("decides with the first parent that fails, or runs after the last", arguments: Backend.allCases)
  func oneOfSeveralFails(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let failing = try await broker.accept()
      let other = try await broker.accept(.example(queue: .default))
      var children: [ParentFailureRule: JobID] = [:]
      for rule in ParentFailureRule.allCases {
        let request = JobRequest.child(of: [failing.id, other.id], whenOneFails: rule, queue: .video)
        children[rule] = try await broker.accept(request).id
      }
      try await broker.work(.fail(.example, retry: .never))
      func state(_ rule: ParentFailureRule) async throws -> JobState {
        try await broker.find(try #require(children[rule])).state
      }
      #expect(try await state(.cancel) == .cancelled)
      #expect(try await state(.fail) == .failed)
      #expect(try await state(.run) == .blocked)
      try await broker.work(in: .default)
      #expect(try await state(.run) == .queued)
      #expect(try await state(.cancel) == .cancelled)
    }
  }

  @Test("cancels a whole chain after its first failure, up to who runs all the same", arguments: Backend.allCases)
  func chain(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept()
      var ids = [first.id]
      for _ in 0..<5 {
        ids.append(try await broker.accept(.child(of: [try #require(ids.last)], queue: .video)).id)
      }
      let last = try #require(ids.last)
      let failing = try await broker.accept(.child(of: [last], whenOneFails: .fail, queue: .video))
      let running = try await broker.accept(.child(of: [failing.id], whenOneFails: .run, queue: .video))
      _ = try await broker.cancel(first.id, reason: "not needed")
      for (parent, id) in zip(ids, ids.dropFirst()) {
        try demand(try await broker.find(id), ruledBy: .cancel, after: parent)
      }
      try demand(try await broker.find(failing.id), ruledBy: .fail, after: last)
      #expect(try await broker.find(running.id).state == .queued)
    }
  }

  @Test("ends a job once that depends on another and on what depends on that", arguments: Backend.allCases)
  func childAndGrandchild(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for rule in [ParentFailureRule.cancel, .fail] {
        let first = try await broker.accept()
        let child = try await broker.accept(.child(of: [first.id], whenOneFails: rule, queue: .video))
        let both = try await broker.accept(
          .child(of: [first.id, child.id], whenOneFails: rule, queue: .video))
        try await broker.work(.fail(.example, retry: .never))
        let ended = try await broker.find(both.id)
        #expect(ended.state == (rule == .fail ? .failed : .cancelled))
        #expect(ended.pendingParents == 0)
      }
      let totals = try await broker.find(.video).totals
      #expect(totals.failed == 2 && totals.cancelled == 2)
    }
  }

  @Test("lets very many children go on, in pieces if need be", arguments: Backend.allCases)
  func manyChildren(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parents = [try await broker.accept(), try await broker.accept()]
      for _ in 0..<150 {
        try await broker.accept(.child(of: [parents[0].id], queue: .video))
        try await broker.accept(.child(of: [parents[1].id], queue: .video))
      }
      try await broker.work()
      try await broker.work(.fail(.example, retry: .never))
      for _ in 0..<10 { try await broker.maintain() }
      let status = try await broker.find(.video)
      #expect(status.counts[.queued] == 150)
      #expect(status.counts[.cancelled] == 150)
      #expect(status.counts[.blocked] ?? 0 == 0)
    }
  }

  @Test("cancels a very long chain, in pieces if need be", arguments: Backend.allCases)
  func longChain(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept()
      var last = first.id
      for _ in 0..<150 { last = try await broker.accept(.child(of: [last], queue: .video)).id }
      _ = try await broker.cancel(first.id, reason: nil)
      for _ in 0..<10 { try await broker.maintain() }
      #expect(try await broker.find(.video).counts[.cancelled] == 150)
    }
  }

  @Test("keeps a free child until its time", arguments: Backend.allCases)
  func childWithTime(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      var request = JobRequest.child(of: [parent.id], queue: .video)
      request.start = .after(.seconds(3600))
      let child = try await broker.accept(request)
      #expect(child.state == .blocked)
      try await broker.work()
      let free = try await broker.find(child.id)
      #expect(free.state == .scheduled)
      #expect(free.dueAt == child.createdAt + .seconds(3600))
      #expect(try await broker.promote(child.id).state == .queued)
    }
  }

  @Test("lets a child go on whose parent is removed", arguments: Backend.allCases)
  func removedParent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      let child = try await broker.accept(.child(of: [parent.id], whenOneFails: .run, queue: .video))
      let doomed = try await broker.accept(.child(of: [parent.id], queue: .video))
      #expect(try await broker.remove(parent.id))
      #expect(try await broker.find(child.id).state == .queued)
      try demand(try await broker.find(doomed.id), ruledBy: .cancel, after: parent.id)
    }
  }

  @Test("cancels a child that waits for a parent, and not its parent", arguments: Backend.allCases)
  func cancelledChild(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      let child = try await broker.accept(.child(of: [parent.id], queue: .video))
      #expect(try await broker.cancel(child.id, reason: nil).state == .cancelled)
      let before = try await broker.find(child.id)
      try await broker.work()
      #expect(try await broker.find(child.id) == before, "the parent's end is nothing to it now")
    }
  }

  @Test("runs a cancelled child again without waiting for its parents", arguments: Backend.allCases)
  func retriedChild(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      let child = try await broker.accept(.child(of: [parent.id], queue: .video))
      _ = try await broker.cancel(child.id, reason: nil)
      let again = try await broker.retry(child.id)
      #expect(again.state == .queued && again.pendingParents == 0)
      try await broker.work(in: .video)
      let before = try await broker.find(child.id)
      try await broker.work(.fail(.example, retry: .never))
      #expect(try await broker.find(child.id) == before)
    }
  }

  @Test(
    "shows when a job that waits for others may begin, and keeps to it", arguments: Backend.allCases, Backend.allCases)
  func blockedUntilDue(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let parent = try await broker.accept()
      var request = JobRequest.child(of: [parent.id])
      request.start = .after(.seconds(3600))
      let child = try await broker.accept(request)
      #expect(child.state == .blocked && child.dueAt == child.createdAt + .seconds(3600))
      let entries = try await broker.everything(limit: 10).filter { $0.snapshot?.job.id == child.id }
      try await target.withUncheckedBroker { other, _ in
        // Its parent is not on record there.
        _ = try await other.restore(entries)
        let restored = try await other.find(child.id)
        #expect(restored.state == .scheduled && restored.dueAt == child.dueAt)
      }
      try await broker.work()
      #expect(try await broker.find(child.id).state == .scheduled)
      _ = try await broker.promote(child.id)
      #expect(try await broker.find(child.id).dueAt == nil)
    }
  }
}
