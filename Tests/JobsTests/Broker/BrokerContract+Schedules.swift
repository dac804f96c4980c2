import EventLoop
import Jobs
import Testing

extension BrokerContract {
  private func schedule(_ name: String, _ cron: String = "0 3 * * *") throws -> Schedule {
    Schedule(
      name: try #require(ScheduleName(name)), cron: try CronExpression(cron), timeZone: "Europe/Berlin",
      request: .example(queue: .video, priority: .high) { $0.uniqueKey = "nightly" })
  }

  private static let due = Timestamp(milliseconds: 1_780_000_000_000)

  @Test("keeps schedules whole, by name", arguments: Backend.allCases)
  func schedules(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      #expect(try await broker.schedules().isEmpty)
      let names = ["b", "a.nightly"]
      for name in names { try await broker.put(try schedule(name), next: Self.due) }
      let kept = try await broker.schedules()
      #expect(
        kept.map(\.schedule)
          == [try schedule("a.nightly"), try schedule("b")].map { wanted in
            var wanted = wanted
            wanted.request.id = kept.first { $0.schedule.name == wanted.name }?.schedule.request.id ?? wanted.request.id
            return wanted
          })
      #expect(kept.allSatisfy { $0.next == Self.due && $0.lastFiredAt == nil && $0.lastJob == nil })
      var changed = try schedule("b", "@hourly")
      changed.isEnabled = false
      try await broker.put(changed, next: nil)
      let again = try await broker.schedules()
      #expect(again.count == 2)
      #expect(again[1].schedule.cron == changed.cron && !again[1].schedule.isEnabled && again[1].next == nil)
      #expect(try await broker.remove(changed.name))
      #expect(try await !broker.remove(changed.name))
      #expect(try await broker.schedules().map(\.schedule.name.description) == ["a.nightly"])
    }
  }

  @Test("fires once, whoever fires it", arguments: Backend.allCases)
  func fireOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let schedule = try schedule("nightly")
      try await broker.put(schedule, next: Self.due)
      let next = Self.due + .seconds(86_400)
      let fired = try await withThrowingTaskGroup(of: JobID?.self) { group -> [JobID] in
        for _ in 0..<10 {
          var request = schedule.request
          request.id = JobID()
          let own = request
          group.addTask { try await broker.fire(schedule.name, due: Self.due, request: own, next: next) }
        }
        return try await group.reduce(into: []) { found, id in found += id.map { [$0] } ?? [] }
      }
      #expect(fired.count == 1)
      #expect(try await broker.find(.video).totals.accepted == 1)
      let status = try #require(try await broker.schedules().first)
      #expect(status.next == next)
      #expect(status.lastJob == fired.first && status.lastFiredAt != nil)
      #expect(try await broker.next(from: .video)?.lease.job == fired.first)
    }
  }

  @Test("fires nothing that was changed, removed or has fired", arguments: Backend.allCases)
  func fireStale(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let schedule = try schedule("nightly")
      func fire(_ due: Timestamp) async throws -> JobID? {
        var request = schedule.request
        request.id = JobID()
        return try await broker.fire(schedule.name, due: due, request: request, next: due + .seconds(60))
      }
      #expect(try await fire(Self.due) == nil, "there is none")
      try await broker.put(schedule, next: Self.due + .seconds(60))
      #expect(try await fire(Self.due) == nil, "it stands at another moment")
      #expect(try await fire(Self.due + .seconds(60)) != nil)
      #expect(try await fire(Self.due + .seconds(60)) == nil)
      #expect(try await broker.remove(schedule.name))
      #expect(try await fire(Self.due + .seconds(120)) == nil)
      #expect(try await broker.find(.video).totals.accepted == 1, "jobs that it submitted stay")
    }
  }

  @Test("fires and answers with the earlier job where that is the answer", arguments: Backend.allCases)
  func fireKnown(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let schedule = try schedule("nightly")
      let holder = try await broker.accept(.example(queue: .video) { $0.uniqueKey = "nightly" })
      try await broker.put(schedule, next: Self.due)
      let next = Self.due + .seconds(60)
      var request = schedule.request
      request.id = JobID()
      #expect(try await broker.fire(schedule.name, due: Self.due, request: request, next: next) == holder.id)
      #expect(try await broker.job(request.id) == nil)
      #expect(try await broker.find(.video).totals.accepted == 1)
      let status = try #require(try await broker.schedules().first)
      #expect(status.next == next && status.lastJob == holder.id && status.lastFiredAt != nil)
      try await broker.work(in: .video)
      #expect(try await broker.fire(schedule.name, due: next, request: request, next: nil) == request.id)
      #expect(try await broker.schedules().first?.next == nil, "it fires no more")
      #expect(try await broker.schedules().first?.lastJob == request.id)
    }
  }

  @Test("stands where it stood when its job is refused", arguments: Backend.allCases)
  func fireRefused(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let schedule = try schedule("nightly")
      try await broker.put(schedule, next: Self.due)
      let before = try await broker.schedules()
      func refuse(_ error: BrokerError, _ change: (inout JobRequest) -> Void = { _ in }) async throws {
        var request = schedule.request
        request.id = JobID()
        change(&request)
        let refused = request
        await #expect(throws: error) {
          try await broker.fire(schedule.name, due: Self.due, request: refused, next: Self.due + .seconds(60))
        }
        #expect(try await broker.job(refused.id) == nil)
        #expect(try await broker.schedules() == before)
      }
      try await broker.accept(.example(queue: .video, key: "k"))
      try await refuse(.idempotencyKeyReused) { $0.idempotencyKey = "k" }
      let parent = JobID()
      try await refuse(.parentNotFound(parent)) { $0.dependencies.parents = [parent] }
      try await refuse(.groupNotFound) { $0.group = GroupID() }
      let large = JSONText(unchecked: Array("\"\(String(repeating: "x", count: JobRequest.payloadLimit))\"".utf8))
      try await refuse(.payloadTooLarge(limit: JobRequest.payloadLimit)) { $0.payload = .inline(large) }
      try await broker.change(.video) { $0.maxWaiting = 1 }
      try await refuse(.queueFull(limit: 1))
      let lease = try #require(try await broker.next(from: .video)).lease
      _ = try await broker.setMode(of: .video, to: .draining)
      try await refuse(.queueDraining)
      try await broker.end(lease)
      _ = try await broker.setMode(of: .video, to: .active)
      let fired = try await broker.fire(
        schedule.name, due: Self.due, request: .example(queue: .video), next: Self.due + .seconds(60))
      #expect(fired != nil)
      #expect(try await broker.schedules().first?.lastJob == fired)
    }
  }

  @Test(
    "keeps what a schedule has done when it is changed, and nothing when it is made anew", arguments: Backend.allCases)
  func changedSchedule(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let schedule = try schedule("nightly")
      try await broker.put(schedule, next: Self.due)
      let fired = try await broker.fire(
        schedule.name, due: Self.due, request: .example(queue: .video), next: Self.due + .seconds(60))
      let before = try #require(try await broker.schedules().first)
      #expect(before.lastJob == fired && before.lastFiredAt != nil)
      let changed = try self.schedule("nightly", "@hourly")
      try await broker.put(changed, next: Self.due + .seconds(9))
      let status = try #require(try await broker.schedules().first)
      #expect(status.schedule.cron == changed.cron && status.next == Self.due + .seconds(9))
      #expect(status.lastJob == fired && status.lastFiredAt == before.lastFiredAt)
      #expect(try await broker.remove(schedule.name))
      try await broker.put(schedule, next: Self.due)
      let again = try #require(try await broker.schedules().first)
      #expect(again.lastJob == nil && again.lastFiredAt == nil && again.next == Self.due)
    }
  }

  @Test("keeps the moment of a schedule whose times stay as they were", arguments: Backend.allCases)
  func unchangedTimes(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var schedule = try schedule("nightly")
      let later = Self.due + .seconds(86_400)
      #expect(try await broker.put(schedule, next: Self.due) == Self.due)
      schedule.request.priority = .low
      // Due, and not fired yet: the new job is what fires.
      #expect(try await broker.put(schedule, next: later) == Self.due)
      let status = try #require(try await broker.schedules().first)
      #expect(status.next == Self.due && status.schedule.request.priority == .low)
      let fired = try await broker.fire(
        schedule.name, due: Self.due, request: .example(queue: .video), next: later)
      #expect(fired != nil)
      #expect(try await broker.put(schedule, next: Self.due) == later, "it fires no second time")
      schedule.timeZone = "UTC"
      #expect(try await broker.put(schedule, next: Self.due) == Self.due)
      schedule.cron = try CronExpression("@hourly")
      #expect(try await broker.put(schedule, next: later) == later)
      schedule.isEnabled = false
      #expect(try await broker.put(schedule, next: nil) == nil)
      schedule.isEnabled = true
      #expect(try await broker.put(schedule, next: Self.due) == Self.due, "nothing is made up for")
    }
  }

  @Test("submits jobs of a group while that is open", arguments: Backend.allCases)
  func scheduledMember(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let group = try await broker.create(GroupRequest(user: "alice")).id
      var schedule = try schedule("nightly")
      schedule.request.group = group
      try await broker.put(schedule, next: Self.due)
      #expect(try await broker.schedules().first?.schedule.request.group == group)
      let fired = try await broker.fire(
        schedule.name, due: Self.due, request: schedule.request, next: Self.due + .seconds(60))
      #expect(try await broker.group(group)?.counts == [.queued: 1])
      #expect(try await broker.jobs(of: group, limit: 9, cursor: nil).jobs.map(\.id) == [fired])
      _ = try await broker.close(group)
      let refused = JobRequest.example { $0.group = group }
      await #expect(throws: BrokerError.groupClosed) {
        try await broker.fire(schedule.name, due: Self.due + .seconds(60), request: refused, next: nil)
      }
      #expect(try await broker.schedules().first?.next == Self.due + .seconds(60))
    }
  }
}
