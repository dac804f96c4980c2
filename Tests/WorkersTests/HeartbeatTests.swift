import Jobs
import Testing

@testable import Workers

@Suite("The heartbeat") struct HeartbeatTests {
  private let timing = LeaseTiming(
    lease: .seconds(30), beat: .seconds(10), margin: .seconds(8))

  /// A heartbeat that beat at 0, as a pool's does when it starts.
  private func beating() -> Heartbeat {
    var heartbeat = Heartbeat(timing)
    #expect(heartbeat.tick(at: .zero).beat == [])
    _ = heartbeat.renewed([], [], since: .zero)
    return heartbeat
  }

  private func lease(_ token: UInt64 = 1, of job: JobID = JobID()) -> Lease {
    Lease(
      job: job, queue: .default, worker: WorkerID("w")!, token: token,
      deadline: Timestamp(milliseconds: 0))
  }

  @Test("beats at once, and then whether or not there are leases")
  func idle() {
    var heartbeat = beating()
    #expect(heartbeat.tick(at: .seconds(9)).beat == nil)
    #expect(heartbeat.tick(at: .seconds(10)).beat == [])
    _ = heartbeat.renewed([], [], since: .seconds(10))
    heartbeat.hurry()
    #expect(heartbeat.tick(at: .seconds(11)).beat == [], "something was to be told")
  }

  @Test("renews all leases in one call, a beat apart")
  func beats() {
    var heartbeat = beating()
    let (a, b) = (lease(), lease())
    heartbeat.add(a, since: .seconds(0))
    heartbeat.add(b, since: .seconds(3))
    #expect(heartbeat.tick(at: .seconds(9)).beat == nil)
    #expect(Set(heartbeat.tick(at: .seconds(10)).beat ?? []) == [a, b])
    #expect(heartbeat.tick(at: .seconds(25)).beat == nil, "one call is under way")
    _ = heartbeat.renewed([a, b], [.held, .held], since: .seconds(10))
    #expect(heartbeat.end(of: a) == .seconds(40))
    #expect(Set(heartbeat.tick(at: .seconds(20)).beat ?? []) == [a, b])
  }

  @Test("tries a renewal that failed again soon, and kills a margin before the end")
  func outage() {
    var heartbeat = beating()
    let a = lease()
    heartbeat.add(a, since: .zero)
    #expect(heartbeat.tick(at: .seconds(10)).beat == [a])
    heartbeat.failed()
    #expect(heartbeat.tick(at: .seconds(11)).beat == nil)
    #expect(heartbeat.tick(at: .seconds(12)).beat == [a])
    heartbeat.failed()
    #expect(heartbeat.tick(at: .milliseconds(21_999)).overdue == [])
    #expect(heartbeat.tick(at: .seconds(22)).overdue == [a.job])
  }

  @Test("renews what could be renewed, tries the rest again soon, and kills only that")
  func half() {
    var heartbeat = beating()
    let (a, b) = (lease(), lease())
    heartbeat.add(a, since: .zero)
    heartbeat.add(b, since: .zero)
    _ = heartbeat.tick(at: .seconds(10))
    let news = heartbeat.renewed([a, b], [.held, .unavailable], since: .seconds(10))
    #expect(news.map(\.job) == [a.job])
    #expect(heartbeat.end(of: a) == .seconds(40) && heartbeat.end(of: b) == .seconds(30))
    #expect(heartbeat.tick(at: .seconds(12)).beat?.count == 2)
    #expect(heartbeat.tick(at: .seconds(22)).overdue == [b.job])
  }

  @Test("kills in time although a renewal hangs")
  func hanging() {
    var heartbeat = beating()
    let a = lease()
    heartbeat.add(a, since: .zero)
    #expect(heartbeat.tick(at: .seconds(10)).beat == [a])
    #expect(heartbeat.tick(at: .seconds(22)) == Heartbeat.Actions(beat: nil, overdue: [a.job]))
  }

  @Test("counts from when the renewal was asked for, not from its answer")
  func lateAnswer() {
    var heartbeat = beating()
    let a = lease()
    heartbeat.add(a, since: .zero)
    _ = heartbeat.tick(at: .seconds(10))
    _ = heartbeat.renewed([a], [.held], since: .seconds(10))
    #expect(heartbeat.tick(at: .milliseconds(31_999)).overdue == [])
    #expect(heartbeat.tick(at: .seconds(32)).overdue == [a.job])
  }

  @Test("tells what each job learned and holds lost leases no more")
  func news() {
    var heartbeat = beating()
    let (a, b, c) = (lease(), lease(), lease())
    for lease in [a, b, c] { heartbeat.add(lease, since: .zero) }
    _ = heartbeat.tick(at: .seconds(10))
    // b ended, and was leased again, while the renewal was under way.
    heartbeat.remove(b)
    let again = lease(2, of: b.job)
    heartbeat.add(again, since: .seconds(11))
    let news = heartbeat.renewed([a, b, c], [.cancelRequested, .lost, .lost], since: .seconds(10))
    #expect(news.map(\.job) == [a.job, c.job])
    #expect(news.map(\.standing) == [.cancelRequested, .lost])
    #expect(heartbeat.end(of: c) == nil)
    #expect(heartbeat.end(of: again) == .seconds(41))
  }

  @Test("beats three times a lease, however short, unless told otherwise")
  func beatOfShortLeases() {
    var heartbeat = Heartbeat(LeaseTiming(lease: .seconds(3)))
    _ = heartbeat.tick(at: .zero)
    _ = heartbeat.renewed([], [], since: .zero)
    let lease = lease()
    heartbeat.add(lease, since: .zero)
    let actions = heartbeat.tick(at: .seconds(1))
    #expect(actions.beat == [lease] && actions.overdue.isEmpty)
  }

  @Test("has a margin of a beat, at most a third of the lease")
  func defaults() {
    #expect(LeaseTiming().margin == .seconds(10))
    #expect(LeaseTiming(lease: .seconds(9), beat: .seconds(4)).margin == .seconds(3))
  }
}
