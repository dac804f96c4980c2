import EventLoop
import Support
import Testing

@Suite("The loop's metrics", .timeLimit(.minutes(1))) @EventLoop struct LoopMetricsTests {
  private let reports = Arrivals<Duration>()

  private func metrics() -> LoopMetrics {
    LoopMetrics(slowTurn: .milliseconds(5)) { [reports] in reports.append($0) }
  }

  /// Holds up the loop.
  private func work() {
    let clock = ContinuousClock()
    let end = clock.now + .milliseconds(20)
    while clock.now < end {}
  }

  /// Measured in whole milliseconds, in two parts: a little of each may be lost.
  private func isLong(_ turn: Duration) -> Bool { turn >= .milliseconds(15) }

  @Test("report a turn that a job held up")
  func job() async throws {
    let metrics = metrics()
    Task { work() }
    try await reports.values { $0.contains(where: isLong) }
    #expect(metrics.slowTurns == reports.values.count)
    #expect(metrics.longestTurn == reports.values.max())
    #expect(metrics.turns >= metrics.slowTurns)
  }

  @Test("report a turn that a timer held up")
  func timer() async throws {
    let metrics = metrics()
    let timer = LoopTimer(after: .milliseconds(1)) { work() }
    try await reports.values { $0.contains(where: isLong) }
    withExtendedLifetime((metrics, timer)) {}
  }

  @Test("report a slow turn also where a timer was set at its end")
  func timerSet() async throws {
    let metrics = metrics()
    Task {
      work()
      LoopTimer(after: .seconds(1000)) {}.stop()
    }
    try await reports.values { $0.contains(where: isLong) }
    withExtendedLifetime(metrics) {}
  }

  @Test("forget the longest turn when told to, and go on counting")
  func reset() async throws {
    let metrics = metrics()
    Task { work() }
    try await reports.values { $0.contains(where: isLong) }
    let turns = metrics.turns
    metrics.resetLongest()
    #expect(metrics.longestTurn == .zero)
    #expect(metrics.turns == turns)
    Task { work() }
    let seen = reports.values.count
    try await reports.values { $0.dropFirst(seen).contains(where: isLong) }
    #expect(isLong(metrics.longestTurn))
    #expect(metrics.turns > turns)
  }
}
