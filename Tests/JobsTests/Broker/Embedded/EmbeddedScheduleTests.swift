import EventLoop
import Jobs
import Support
import Testing

@Suite("Schedules of an embedded broker", .timeLimit(.minutes(1)))
struct EmbeddedScheduleTests {
  private let place = BrokerFolder()

  private func schedule(_ name: String) throws -> Schedule {
    Schedule(
      name: try #require(ScheduleName(name)), cron: try CronExpression("*/5 * * * *"),
      timeZone: "Europe/Berlin", request: .example(priority: .high))
  }

  @Test("fire once, whoever fires them, and survive a crash as they stand")
  func firing() async throws {
    let broker = try await place.open()
    let nightly = try schedule("nightly")
    let due = place.clock.now + .seconds(60)
    try await broker.put(nightly, next: due)
    try await broker.put(try schedule("never"), next: nil)
    let fired = try await withThrowingTaskGroup(of: JobID?.self) { group -> [JobID] in
      for _ in 0..<10 {
        group.addTask {
          try await broker.fire(
            nightly.name, due: due, request: .example(priority: .high), next: due + .seconds(300))
        }
      }
      return try await group.reduce(into: []) { ids, id in if let id { ids.append(id) } }
    }
    #expect(fired.count == 1)
    #expect(try await broker.allJobs(matching: JobFilter()).map(\.id) == fired)
    let before = try await broker.schedules()
    #expect(before.map(\.schedule.name.description) == ["never", "nightly"])
    #expect(before[1].next == due + .seconds(300))
    #expect(before[1].lastJob == fired.first && before[1].lastFiredAt == place.clock.now)
    let copy = try await place.openCrashCopy()
    #expect(try await copy.schedules() == before)
    #expect(try await copy.remove(nightly.name))
    #expect(try await !copy.remove(nightly.name))
    #expect(try await copy.fire(nightly.name, due: due, request: .example(), next: nil) == nil)
    await copy.close()
    await broker.close()
  }
}
