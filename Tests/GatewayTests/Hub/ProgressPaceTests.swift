import EventLoop
import Gateway
import Jobs
import Testing

@Suite("The pace of progress") struct ProgressPaceTests {
  private let job = JobID()
  private let start = ContinuousClock.now

  @EventLoop private func progress(_ offset: UInt64) -> Publication {
    Publication(.example(job, offset: offset, class: .progress), on: .job(job))
  }

  @Test("lets the first pass, holds the next, and keeps the newest of what follows")
  @EventLoop func holding() {
    var pace = ProgressPace(interval: .milliseconds(100))
    let newest = progress(4)
    #expect(pace.take(progress(1), at: start) == .pass)
    #expect(pace.take(progress(2), at: start + .milliseconds(30)) == .hold(for: .milliseconds(70)))
    #expect(pace.take(progress(3), at: start + .milliseconds(60)) == .replace)
    #expect(pace.take(newest, at: start + .milliseconds(90)) == .replace)
    #expect(pace.due(of: .job(job), at: start + .milliseconds(100)) === newest)
    #expect(pace.due(of: .job(job), at: start + .milliseconds(101)) == nil)
    #expect(pace.take(progress(5), at: start + .milliseconds(150)) == .hold(for: .milliseconds(50)))
  }

  @Test("lets progress pass that comes after the interval")
  @EventLoop func passing() {
    var pace = ProgressPace(interval: .milliseconds(100))
    for round in 0..<3 { #expect(pace.take(progress(1), at: start + .milliseconds(100 * round)) == .pass) }
  }

  @Test("gives what it holds before a change of state, and holds it no more")
  @EventLoop func changing() {
    var pace = ProgressPace(interval: .milliseconds(100))
    let held = progress(2)
    #expect(pace.take(progress(1), at: start) == .pass)
    #expect(pace.take(held, at: start) == .hold(for: .milliseconds(100)))
    #expect(pace.changed(.job(job), isEnd: false) === held)
    #expect(pace.due(of: .job(job), at: start + .milliseconds(100)) == nil)
  }

  @Test("does not make one job wait for another")
  @EventLoop func subjects() {
    var pace = ProgressPace(interval: .milliseconds(100))
    let other = JobID()
    #expect(pace.take(progress(1), at: start) == .pass)
    let its = Publication(.example(other, offset: 1, class: .progress), on: .user("alice"))
    #expect(pace.take(its, at: start) == .pass)
  }
}
