import EventLoop
import Support
import Testing

@Suite("A loop timer", .timeLimit(.minutes(1))) @EventLoop struct LoopTimerTests {
  private let clock = ContinuousClock()

  /// Returns once a timer of the shortest interval has fired so often: what is due by then has fired.
  private func ticks(_ count: Int) async throws {
    let ticks = Arrivals<Void>()
    let timer = LoopTimer(every: .milliseconds(1)) { ticks.append(()) }
    try await ticks.values(atLeast: count)
    timer.stop()
  }

  @Test("fires once, and not again")
  func once() async throws {
    let fired = Arrivals<Void>()
    let timer = LoopTimer(after: .milliseconds(1)) { fired.append(()) }
    try await fired.values(atLeast: 1)
    try await ticks(10)
    #expect(fired.values.count == 1)
    timer.stop()
  }

  @Test("fires again and again, until it is stopped from within")
  func repeating() async throws {
    let fired = Arrivals<Void>()
    var timer: LoopTimer?
    timer = LoopTimer(every: .milliseconds(1)) {
      fired.append(())
      if fired.values.count == 3 { timer?.stop() }
    }
    try await fired.values(atLeast: 3)
    try await ticks(10)
    #expect(fired.values.count == 3)
    timer?.stop()
  }

  @Test("has a first interval of its own")
  func first() async throws {
    let fired = Arrivals<Void>()
    let timer = LoopTimer(every: .seconds(1000), first: .milliseconds(1)) { fired.append(()) }
    try await fired.values(atLeast: 1)
    timer.stop()
  }

  @Test("fires no more once it is let go, even by itself")
  func letGo() async throws {
    let fired = Arrivals<Void>()
    var timer: LoopTimer?
    timer = LoopTimer(every: .milliseconds(1)) {
      fired.append(())
      timer = nil
    }
    try await fired.values(atLeast: 1)
    try await ticks(10)
    #expect(fired.values.count == 1)
    #expect(timer == nil)
  }

  @Test("never fires early, also when it is set late in a long turn", arguments: [0, 20])
  func notEarly(busy milliseconds: Int) async throws {
    // Often, as it is set at another moment of the clock's millisecond each time.
    for _ in 0..<20 {
      let end = clock.now + .milliseconds(milliseconds)
      while clock.now < end {}
      let start = clock.now
      let fired = Arrivals<ContinuousClock.Instant>()
      let timer = LoopTimer(after: .milliseconds(2)) { fired.append(clock.now) }
      #expect(try await fired.values(atLeast: 1)[0] - start >= .milliseconds(2))
      timer.stop()
    }
  }

  @Test("rounds durations up to whole milliseconds")
  func rounding() {
    #expect(Duration.zero.wholeMilliseconds == 0)
    #expect(Duration.nanoseconds(1).wholeMilliseconds == 1)
    #expect(Duration.microseconds(1001).wholeMilliseconds == 2)
    #expect(Duration.milliseconds(1500).wholeMilliseconds == 1500)
    #expect(Duration.seconds(-1).wholeMilliseconds == 0)
    #expect(Duration.milliseconds(1500).inSeconds == 1.5)
  }
}
