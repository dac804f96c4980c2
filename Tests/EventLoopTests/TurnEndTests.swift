import EventLoop
import Support
import Testing

@Suite("The end of a turn", .timeLimit(.minutes(1))) @EventLoop struct TurnEndTests {
  private let log = Arrivals<String>()

  @Test("comes after all jobs of the turn")
  func afterJobs() async throws {
    let turnEnd = TurnEnd { log.append("end") }
    // Both are given in one turn, and so run in one.
    Task { log.append("one") }
    Task { log.append("two") }
    let seen = try await log.values { $0.last == "end" && $0.contains("two") }
    withExtendedLifetime(turnEnd) {}
    let one = try #require(seen.firstIndex(of: "one"))
    #expect(seen[one...].prefix(3) == ["one", "two", "end"])
  }

  @Test("comes after timers, before the loop sleeps")
  func afterTimers() async throws {
    let turnEnd = TurnEnd { log.append("end") }
    let timer = LoopTimer(after: .milliseconds(1)) { log.append("timer") }
    let seen = try await log.values { $0.last == "end" && $0.contains("timer") }
    withExtendedLifetime((turnEnd, timer)) {}
    let fired = try #require(seen.firstIndex(of: "timer"))
    #expect(seen[fired...].prefix(2) == ["timer", "end"])
  }

  @Test("is not told to whoever was let go")
  func letGo() async throws {
    var turnEnd: TurnEnd? = TurnEnd { log.append("let go") }
    #expect(turnEnd != nil)
    turnEnd = nil
    let other = TurnEnd { log.append("end") }
    let turns = LoopTimer(every: .milliseconds(1)) {}
    #expect(try await log.values(atLeast: 3).allSatisfy { $0 == "end" })
    withExtendedLifetime((other, turns)) {}
  }
}
