import EventLoop
import Jobs
import Support
import Testing

/// What a group submits at its end.
extension BrokerContract {
  private func finish(_ callback: JobRequest, on broker: any Broker) async throws -> JobGroup {
    let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    let finished = try await broker.close(id)
    #expect(finished.state == .finished)
    #expect(try await broker.group(id) == finished)
    return finished
  }

  @Test("submits a callback under the id of its request, as it was asked for", arguments: Backend.allCases)
  func callbackWhole(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let count = JobRequest.payloadLimit - 2
      var callback = JobRequest.example(
        queue: .video, priority: .high,
        payload: JSONText(unchecked: Array("\"\(String(repeating: "é", count: count / 2))\"".utf8)),
        maxAttempts: 7, key: "k")
      callback.uniqueKey = "u"
      callback.contentKey = "c"
      callback.timeout = .seconds(9)
      callback.start = .after(.seconds(3600))
      let finished = try await finish(callback, on: broker)
      #expect(finished.callback == callback.id)
      let job = try await broker.find(callback.id)
      #expect(job.state == .scheduled && job.queue == .video && job.priority == .high && job.maxAttempts == 7)
      #expect(job.timeout == .seconds(9) && job.user == "alice" && job.group == nil)
      #expect(job.payload == callback.payload, "to the byte")
      #expect(try await broker.enqueue(callback).match == .id)
      var other = callback
      other.id = JobID()
      #expect(try await broker.enqueue(other).match == .idempotencyKey)
      other.idempotencyKey = nil
      #expect(try await broker.enqueue(other).match == .uniqueKey)
      other.uniqueKey = nil
      #expect(try await broker.enqueue(other).match == .contentKey)
    }
  }

  @Test("refuses a group whose callback nobody could submit", arguments: Backend.allCases)
  func callbackTooLarge(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let text = String(repeating: "x", count: JobRequest.payloadLimit - 1)
      let request = GroupRequest(
        user: "alice", callback: .example(payload: JSONText(unchecked: Array("\"\(text)\"".utf8))))
      await #expect(throws: BrokerError.payloadTooLarge(limit: JobRequest.payloadLimit)) {
        try await broker.create(request)
      }
      let made = try await broker.group(request.id)
      #expect(made == nil)
    }
  }

  @Test("submits a callback whatever the bound of its queue", arguments: Backend.allCases)
  func callbackIntoFull(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change(.video) { $0.maxWaiting = 1 }
      try await broker.accept(.example(queue: .video))
      let callback = JobRequest.example(queue: .video)
      #expect(try await finish(callback, on: broker).callback == callback.id)
      #expect(try await broker.find(.video).waiting == 2)
      await #expect(throws: BrokerError.queueFull(limit: 1)) {
        try await broker.enqueue(.example(queue: .video))
      }
    }
  }

  @Test(
    "submits a callback whatever the mode of its queue", arguments: Backend.allCases,
    [QueueMode.paused, .draining, .drainingBacklog])
  func callbackIntoDraining(_ backend: Backend, _ mode: QueueMode) async throws {
    try await backend.withBroker { broker in
      try await broker.accept(.example(queue: .video))
      let lease = try #require(try await broker.next(from: .video)).lease
      #expect(try await broker.setMode(of: .video, to: mode).mode == mode)
      let callback = JobRequest.example(queue: .video)
      #expect(try await finish(callback, on: broker).callback == callback.id)
      #expect(try await broker.find(callback.id).state == .queued)
      try await broker.end(lease)
      if mode == .drainingBacklog {
        #expect(try await broker.find(.video).mode == mode, "it is part of the backlog")
        #expect(try await broker.work(in: .video) == callback.id)
      }
      #expect(try await broker.find(.video).mode == .paused)
      #expect(try await broker.next(from: .video) == nil)
    }
  }

  @Test("has its callback wait for room like any job of its user", arguments: Backend.allCases)
  func callbackParked(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change(.video) { $0.userWindow = 1 }
      try await broker.accept(.example(queue: .video))
      let callback = JobRequest.example(queue: .video)
      _ = try await finish(callback, on: broker)
      #expect(try await broker.find(callback.id).state == .blocked)
      try await broker.work(in: .video)
      #expect(try await broker.work(in: .video) == callback.id)
    }
  }

  @Test("lets those that wait for room go before its callback", arguments: Backend.allCases)
  func callbackBehindParked(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.userWindow = 1 }
      let callback = JobRequest.example()
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      try await broker.accept(.example { $0.group = id })
      let parked = try await broker.accept()
      #expect(parked.state == .blocked)
      _ = try await broker.close(id)
      try await broker.work()
      #expect(try await broker.group(id)?.callback == callback.id)
      #expect(try await broker.find(parked.id).state == .queued)
      #expect(try await broker.find(callback.id).state == .blocked)
      #expect(try await broker.work() == parked.id)
      #expect(try await broker.work() == callback.id)
    }
  }

  @Test("counts its callback to what a drained queue works off", arguments: Backend.allCases)
  func callbackOfBacklog(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example()
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      try await broker.accept(.example { $0.group = id })
      _ = try await broker.close(id)
      _ = try await broker.setMode(of: .mail, to: .drainingBacklog)
      try await broker.work()
      #expect(try await broker.find().mode == .drainingBacklog)
      #expect(try await broker.work() == callback.id)
      #expect(try await broker.find().mode == .paused)
    }
  }

  @Test("takes an earlier job for the callback where it is the answer", arguments: Backend.allCases)
  func callbackKnown(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let earlier = JobRequest.example(queue: .video, key: "k") {
        $0.uniqueKey = "u"
        $0.contentKey = "c"
      }
      try await broker.accept(earlier)
      try await broker.accept(.example(queue: .default))
      // By its id, and then by each of its keys.
      #expect(try await finish(earlier, on: broker).callback == earlier.id)
      for number in 0..<3 {
        var callback = earlier
        callback.id = JobID()
        if number > 0 { callback.idempotencyKey = nil }
        if number > 1 { callback.uniqueKey = nil }
        #expect(try await finish(callback, on: broker).callback == earlier.id)
        #expect(try await broker.job(callback.id) == nil)
      }
      #expect(try await broker.find(.video).totals.accepted == 1)
    }
  }

  @Test("finishes without a callback whose key was used for something else", arguments: Backend.allCases)
  func callbackRefused(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let earlier = try await broker.accept(.example(key: "k"))
      let callback = JobRequest.example(queue: .video, key: "k")
      #expect(try await finish(callback, on: broker).callback == nil)
      #expect(try await broker.job(callback.id) == nil)
      #expect(try await broker.queue(.video) == nil)
      #expect(try await broker.find(earlier.id).state == .queued)
    }
  }

  @Test("submits one callback however many of its jobs end at once", arguments: Backend.allCases)
  func callbackRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let callback = JobRequest.example(queue: .video)
      let id = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
      for _ in 0..<20 { try await broker.accept(.example { $0.group = id }) }
      let leases = try await broker.lease(from: [.mail], limit: 20, for: .seconds(30), by: .a).map(\.lease)
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for lease in leases { tasks.addTask { try await broker.end(lease) } }
        for _ in 0..<5 { tasks.addTask { _ = try await broker.close(id) } }
        try await tasks.waitForAll()
      }
      let group = try await broker.find(id)
      #expect(group.state == .finished && group.counts == [.completed: 20] && group.callback == callback.id)
      #expect(try await broker.find(.video).totals.accepted == 1)
      #expect(try await broker.work(in: .video) == callback.id)
      #expect(try await broker.next(from: .video) == nil)
    }
  }
}
