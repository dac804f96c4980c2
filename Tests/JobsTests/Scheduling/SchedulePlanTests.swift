import Jobs
import Testing

@Suite("The plan of a scheduler") struct SchedulePlanTests {
  private static let now = Timestamp(milliseconds: 1_780_000_000_000)

  private func status(_ name: String, in wait: Duration?, isEnabled: Bool = true) throws -> ScheduleStatus {
    ScheduleStatus(
      schedule: Schedule(
        name: try #require(ScheduleName(name)), cron: try CronExpression("@hourly"),
        request: .example(), isEnabled: isEnabled), next: wait.map { Self.now + $0 })
  }

  private func names(_ statuses: [ScheduleStatus]) -> [String] {
    statuses.map(\.schedule.name.description)
  }

  @Test("has due what has come, the oldest first, and never what is not enabled")
  func due() throws {
    var plan = SchedulePlan()
    plan.read([
      try status("a", in: .zero), try status("b", in: .seconds(-60)),
      try status("later", in: .milliseconds(1)), try status("never", in: nil),
      try status("off", in: .seconds(-60), isEnabled: false),
    ])
    #expect(names(plan.due(at: Self.now)) == ["b", "a"])
    #expect(names(plan.due(at: Self.now + .milliseconds(1))) == ["b", "a", "later"])
  }

  @Test("wakes at the nearest moment, and in time to read the book")
  func wait() throws {
    var plan = SchedulePlan()
    #expect(plan.wait(at: Self.now, upTo: .seconds(5)) == .seconds(5))
    plan.read([try status("a", in: .seconds(3)), try status("b", in: .seconds(2))])
    #expect(plan.wait(at: Self.now, upTo: .seconds(5)) == .seconds(2))
    #expect(plan.wait(at: Self.now, upTo: .seconds(1)) == .seconds(1))
    #expect(plan.wait(at: Self.now + .seconds(9), upTo: .seconds(5)) == .zero)
  }

  @Test("leaves what has fired until its next moment")
  func settled() throws {
    var plan = SchedulePlan()
    let fired = try status("a", in: .zero)
    plan.read([fired])
    plan.settled(fired.schedule.name, next: Self.now + .seconds(3))
    #expect(plan.due(at: Self.now).isEmpty)
    #expect(plan.wait(at: Self.now, upTo: .seconds(5)) == .seconds(3))
    #expect(names(plan.due(at: Self.now + .seconds(3))) == ["a"])
  }

  @Test(
    "tries what failed again after 5 s, then after twice as long, at most a minute; a reason is news once")
  func failures() throws {
    var plan = SchedulePlan()
    let full = try status("full", in: .zero)
    let book = [full, try status("other", in: .zero)]
    plan.read(book)
    var now = Self.now
    var isNews = plan.failed(full.schedule.name, because: "full", at: now)
    #expect(isNews)
    for delay in [5, 10, 20, 40, 60, 60] {
      #expect(names(plan.due(at: now)) == ["other"])
      #expect(plan.wait(at: now, upTo: .seconds(600)) == .zero, "the other one is due")
      plan.read(book)
      now = now + .seconds(delay) + .milliseconds(-1)
      #expect(names(plan.due(at: now)) == ["other"], "a book that is read anew changes nothing")
      now = now + .milliseconds(1)
      #expect(names(plan.due(at: now)) == ["full", "other"])
      isNews = plan.failed(full.schedule.name, because: "full", at: now)
      #expect(!isNews)
    }
    isNews = plan.failed(full.schedule.name, because: "draining", at: now)
    #expect(isNews)
    plan.settled(full.schedule.name, next: now)
    isNews = plan.failed(full.schedule.name, because: "draining", at: now)
    #expect(isNews, "it had succeeded meanwhile")
    #expect(plan.wait(at: now, upTo: .seconds(600)) == .zero)
    plan.read([full])
    #expect(plan.wait(at: now, upTo: .seconds(600)) == .seconds(5))
  }

  @Test("reads zones by their names, and knows of none by a wrong one")
  func zones() throws {
    var schedule = try status("a", in: nil).schedule
    #expect(schedule.next(after: Self.now) != nil)
    schedule.timeZone = "Europe/Nowhere"
    #expect(schedule.zone == nil)
    #expect(schedule.next(after: Self.now) == nil)
    schedule.timeZone = "Europe/Berlin"
    schedule.isEnabled = false
    #expect(schedule.next(after: Self.now) == nil)
  }
}
