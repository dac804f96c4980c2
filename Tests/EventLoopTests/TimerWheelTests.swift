import EventLoop
import Support
import Testing

@Suite("A timer wheel", .timeLimit(.minutes(1))) @EventLoop struct TimerWheelTests {
  private let wheel = TimerWheel(tick: .milliseconds(1), slots: 8)
  private let met = Arrivals<String>()

  private func set(_ name: String, after milliseconds: Int) -> TimerWheel.Deadline {
    wheel.schedule(after: .milliseconds(milliseconds)) { met.append(name) }
  }

  @Test("meets deadlines in their order, those beyond its round too")
  func order() async throws {
    // Let go at once: that cancels nothing.
    for milliseconds in [30, 3, 70, 1, 8, 7, 9] { _ = set("\(milliseconds)", after: milliseconds) }
    #expect(try await met.values(atLeast: 7) == ["1", "3", "7", "8", "9", "30", "70"])
  }

  @Test("meets a deadline that lies behind as one that is due")
  func past() async throws {
    _ = set("soon", after: 3)
    _ = set("past", after: -1000)
    _ = set("now", after: 0)
    #expect(try await met.values(atLeast: 3) == ["past", "now", "soon"])
  }

  @Test("meets no deadline that was cancelled, were it by another of the same tick")
  func cancelled() async throws {
    var doomed: TimerWheel.Deadline?
    wheel.schedule(after: .milliseconds(2)) {
      met.append("one")
      doomed?.cancel()
    }
    doomed = set("doomed", after: 2)
    set("early", after: 1).cancel()
    _ = set("end", after: 20)
    #expect(try await met.values { $0.contains("end") } == ["one", "end"])
  }

  @Test("tells of a deadline whether it is still to come: not while it is met, and not once it was cancelled")
  func pending() async throws {
    var own: TimerWheel.Deadline?
    own = wheel.schedule(after: .milliseconds(2)) { met.append("pending: \(own?.isPending ?? true)") }
    #expect(own?.isPending == true)
    #expect(try await met.values(atLeast: 1) == ["pending: false"])
    let cancelled = set("cancelled", after: 1000)
    cancelled.cancel()
    #expect(!cancelled.isPending)
  }

  @Test("lets go of what a cancelled deadline held")
  func release() async {
    final class Held: Sendable {}
    var held: Held? = Held()
    weak let witness = held
    let deadline = wheel.schedule(after: .seconds(1000)) { [held] in _ = held }
    held = nil
    #expect(witness != nil)
    deadline.cancel()
    #expect(witness == nil)
  }

  @Test("takes deadlines while it meets others, and each once")
  func again() async throws {
    wheel.schedule(after: .milliseconds(1)) {
      met.append("first")
      wheel.schedule(after: .milliseconds(1)) { met.append("second") }
    }
    _ = set("end", after: 40)
    #expect(try await met.values { $0.contains("end") } == ["first", "second", "end"])
  }

  @Test("meets nothing any more once it is let go")
  func letGo() async throws {
    var other: TimerWheel? = TimerWheel(tick: .milliseconds(1), slots: 8)
    other?.schedule(after: .milliseconds(2)) { met.append("of the other") }
    other = nil
    _ = set("end", after: 20)
    #expect(try await met.values(atLeast: 1) == ["end"])
  }
}
