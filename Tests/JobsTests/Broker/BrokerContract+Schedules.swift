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
}
