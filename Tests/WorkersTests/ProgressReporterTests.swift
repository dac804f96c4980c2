import Jobs
import Testing

@testable import Workers

@Suite("The progress reporter") struct ProgressReporterTests {
  enum Step: Sendable {
    case report(Double, String? = nil)
    case accepted, refused, time, finish
  }

  enum Wanted: Sendable, Equatable {
    case none
    case send(Double)
    case wait(Int)
  }

  /// At (ms), what happens, what is to be done.
  typealias Row = (at: Int, step: Step, wanted: Wanted)

  private func run(_ rows: [Row]) {
    var reporter = ProgressReporter()
    for (at, step, wanted) in rows {
      let now = Duration.milliseconds(at)
      let action =
        switch step {
        case .report(let percent, let stage):
          reporter.report(Progress(percent: percent, stage: stage), at: now)
        case .accepted: reporter.ended(accepted: true, at: now)
        case .refused: reporter.ended(accepted: false, at: now)
        case .time: reporter.timeCame(at: now)
        case .finish: reporter.finish(at: now)
        }
      let seen: Wanted =
        switch action {
        case .none: .none
        case .send(let progress): .send(progress.percent ?? -1)
        case .wait(let time): .wait(Int(time.milliseconds))
        }
      #expect(seen == wanted, "at \(at) ms, \(step)")
    }
  }

  @Test("sends the first report, and each that moved by a percent, at once")
  func movement() {
    run([
      (0, .report(0), .send(0)), (1, .accepted, .none),
      (2, .report(1), .send(1)), (3, .accepted, .none),
      (4, .report(2.5), .send(2.5)), (5, .accepted, .none),
    ])
  }

  @Test("holds smaller steps back for 250 ms and keeps the newest")
  func conflation() {
    run([
      (0, .report(10), .send(10)), (0, .accepted, .none),
      (100, .report(10.2), .wait(150)), (200, .report(10.4), .wait(50)),
      (250, .time, .send(10.4)), (251, .accepted, .none),
      (260, .time, .none),
    ])
  }

  @Test("sends one at a time: a slow broker gets the newest only")
  func slowBroker() {
    run([
      (0, .report(10), .send(10)),
      (10, .report(20), .none), (20, .report(30), .none), (400, .accepted, .send(30)),
      (900, .accepted, .none),
    ])
  }

  @Test("sends a change of stage at once")
  func stages() {
    run([
      (0, .report(0, "probing"), .send(0)), (1, .accepted, .none),
      (2, .report(0, "encoding"), .send(0)), (3, .accepted, .none),
      (4, .report(0, "encoding"), .wait(249)),
    ])
  }

  @Test("says again, a little later, what the broker did not take")
  func refusal() {
    run([
      (0, .report(10), .send(10)), (5, .refused, .wait(250)), (255, .time, .send(10)),
      (256, .refused, .wait(250)), (300, .report(50), .send(50)),
    ])
  }

  @Test("sends what waits before the job is settled, once")
  func finishing() {
    run([
      (0, .report(10), .send(10)), (1, .accepted, .none), (2, .report(10.5), .wait(249)),
      (3, .finish, .send(10.5)), (4, .refused, .none), (5, .time, .none),
    ])
    run([
      (0, .report(10), .send(10)), (1, .report(10.5), .none), (2, .finish, .none),
      (3, .accepted, .send(10.5)), (4, .accepted, .none),
    ])
  }
}
