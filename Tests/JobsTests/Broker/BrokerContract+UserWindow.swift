import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("lets one user have so many jobs in a queue, and parks the others", arguments: Backend.allCases)
  func userWindow(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 2 }
      var own: [JobID] = []
      for number in 0..<4 {
        let job = try await broker.accept()
        #expect(job.state == (number < 2 ? .queued : .blocked))
        #expect(job.pendingParents == 0)
        #expect((job.queuePosition == nil) == (number >= 2))
        own.append(job.id)
      }
      let bobs = try await broker.accept(.example(user: "bob"))
      #expect(bobs.queuePosition == 3, "before the parked ones")
      #expect(try await broker.find().counts[.blocked] == 2)
      #expect(try await broker.accept(.example(queue: .video)).state == .queued, "another queue")

      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(own[2])) { log.record($0) }
      let lease = try #require(try await broker.next()).lease
      #expect(lease.job == own[0])
      #expect(try await broker.find(own[2]).state == .blocked, "who runs keeps the place")
      try await broker.end(lease)
      #expect(try await broker.find(own[2]).state == .queued, "in the same step")
      #expect(try await broker.find(own[3]).state == .blocked)
      #expect(try await log.events(atLeast: 1).map(\.state) == [.queued])
      #expect(
        try await broker.takeAll() == [own[1], own[2], bobs.id], "in the order of acceptance")
      await subscription.cancel()
    }
  }

  @Test("keeps the room of a job that is moved within its queue", arguments: Backend.allCases)
  func movedWithin(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change {
        $0.userWindow = 2
        $0.maxWaiting = 3
      }
      var own: [JobID] = []
      for _ in 0..<3 { own.append(try await broker.accept().id) }
      #expect(try await broker.redrive(own[0], to: .mail).state == .queued)
      #expect(try await broker.find(own[2]).state == .blocked)
      #expect(try await broker.redrive(own[2], to: .mail).state == .blocked)
      try await broker.change { $0.order = .lifo }
      #expect(try await broker.redrive(own[1], to: .mail).queuePosition == 1, "the place of the order of now")
      #expect(try await broker.takeAll() == [own[1], own[0]])
    }
  }

  @Test("queues the parked job that comes first by the order of the queue", arguments: Backend.allCases)
  func windowOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let holder = try await broker.accept()
      let low = try await broker.accept(.example(priority: .low))
      let common = try await broker.accept()
      let urgent = try await broker.accept(.example(priority: .high))
      let raised = try await broker.accept(.example(priority: Priority(2)!))
      #expect(try await broker.reprioritise(raised.id, to: Priority(9)!).state == .blocked)
      var done: [JobID] = []
      while let leased = try await broker.next() {
        done.append(leased.lease.job)
        try await broker.end(leased.lease)
      }
      #expect(done == [holder, urgent, raised, common, low].map(\.id))
    }
  }

  @Test(
    "gives a place free whatever ends or delays its job", arguments: Backend.allCases,
    ["completed", "failed", "retrying", "cancelled", "cancelled queued", "moved", "removed", "expired"])
  func windowFreed(_ backend: Backend, _ way: String) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.userWindow = 1 }
      let holder = try await broker.accept(.example { $0.startWithin = .milliseconds(200) })
      let parked = try await broker.accept()
      #expect(parked.state == .blocked)
      switch way {
      case "completed": try await broker.work()
      case "failed": try await broker.work(.fail(.example, retry: .never))
      case "retrying": try await broker.work(.fail(.example, retry: .after(.seconds(3600))))
      case "cancelled": try await broker.work(.cancel(.example))
      case "cancelled queued": _ = try await broker.cancel(holder.id, reason: nil)
      case "moved": _ = try await broker.redrive(holder.id, to: .video)
      case "removed": #expect(try await broker.remove(holder.id))
      default:
        try await time.pass(.milliseconds(210))
        #expect(try await broker.maintain().expired == [holder.id])
      }
      #expect(try await broker.find(parked.id).state == .queued)
      #expect(try await broker.next()?.lease.job == parked.id)
    }
  }

  @Test("keeps the place of a job that is released or lost", arguments: Backend.allCases)
  func windowKept(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.userWindow = 1 }
      let holder = try await broker.accept()
      let parked = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.end(lease, .release) == .queued)
      #expect(try await broker.find(parked.id).state == .blocked)
      _ = try #require(try await broker.next(for: .milliseconds(1)))
      try await time.pass(.milliseconds(3))
      #expect(try await broker.maintain().requeued == [holder.id])
      #expect(try await broker.find(holder.id).state == .queued)
      #expect(try await broker.find(parked.id).state == .blocked)
    }
  }

  @Test("parks a job whose time comes while its user has no room", arguments: Backend.allCases)
  func windowAtTime(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.change { $0.userWindow = 1 }
      let retrying = try await broker.accept()
      try await broker.work(.fail(.example, retry: .after(.milliseconds(50))))
      let scheduled = try await broker.accept(.example { $0.start = .after(.milliseconds(50)) })
      #expect(scheduled.state == .scheduled)
      let holder = try await broker.accept()
      #expect(holder.state == .queued, "who waits for a time takes no place")
      let lease = try #require(try await broker.next()).lease
      try await time.pass(.milliseconds(60))
      _ = try await broker.maintain()
      #expect(try await broker.find(retrying.id).state == .blocked)
      #expect(try await broker.find(scheduled.id).state == .blocked)
      try await broker.end(lease)
      #expect(try await broker.find(retrying.id).state == .queued, "it was accepted first")
      #expect(try await broker.find(scheduled.id).state == .blocked)
    }
  }

  @Test("queues parked jobs at once when the window is widened or taken away", arguments: Backend.allCases)
  func windowRaised(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      var ids: [JobID] = []
      for _ in 0..<6 { ids.append(try await broker.accept().id) }
      for _ in 0..<3 { try await broker.accept(.example(user: "bob")) }
      try await broker.change { $0.userWindow = 3 }
      #expect(try await broker.find(ids[2]).state == .queued)
      #expect(try await broker.find(ids[3]).state == .blocked)
      #expect(try await broker.find().counts[.queued] == 6)
      try await broker.change { $0.userWindow = nil }
      #expect(try await broker.find().counts[.blocked] ?? 0 == 0)
      #expect(try await broker.lease(from: [.mail], limit: 20, for: .seconds(9), by: .a).count == 9)
    }
  }

  @Test("queues very many parked jobs, in pieces if need be", arguments: Backend.allCases)
  func windowOfMany(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      for _ in 0..<300 { try await broker.accept() }
      try await broker.change { $0.userWindow = nil }
      for _ in 0..<10 { try await broker.maintain() }
      #expect(try await broker.find().counts[.queued] == 300)
    }
  }

  @Test("lets what is in the queue stay when the window is made smaller", arguments: Backend.allCases)
  func windowLowered(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { try await broker.accept() }
      try await broker.change { $0.userWindow = 1 }
      #expect(try await broker.find().counts[.queued] == 3)
      let parked = try await broker.accept()
      #expect(parked.state == .blocked)
      for _ in 0..<2 {
        try await broker.work()
        #expect(try await broker.find(parked.id).state == .blocked)
      }
      try await broker.work()
      #expect(try await broker.find(parked.id).state == .queued)
    }
  }

  @Test("parks a job that runs again while its user has no room", arguments: Backend.allCases)
  func windowAtRetry(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let job = try await broker.accept()
      try await broker.work()
      let holder = try await broker.accept()
      #expect(try await broker.retry(job.id).state == .blocked)
      try await broker.work()
      #expect(try await broker.find(holder.id).state == .completed)
      #expect(try await broker.find(job.id).state == .queued)
    }
  }

  @Test("counts a waiting child only once its parents have ended", arguments: Backend.allCases)
  func windowOfChildren(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let parent = try await broker.accept(.example(queue: .video))
      let child = try await broker.accept(.child(of: [parent.id]))
      let holder = try await broker.accept()
      #expect(holder.state == .queued)
      try await broker.work(in: .video)
      let parked = try await broker.find(child.id)
      #expect(parked.state == .blocked && parked.pendingParents == 0)
      try await broker.work()
      #expect(try await broker.find(child.id).state == .queued)
    }
  }
}
