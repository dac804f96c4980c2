import Jobs

/// Keeps the leases of a worker: says when to give a sign of life that renews them, and which runs to kill because they could
/// not be renewed. A value: its owner has the clock, the timer and the broker.
///
/// A lease counts from the moment its renewal was *asked for*, which is never later than the moment
/// the broker counts from: so a run that is killed `margin` before our count ends has ended before
/// the broker can give its job away.
struct Heartbeat {
  struct Actions: Equatable {
    /// To be renewed now, in one call that also says that the worker lives; nil: not now.
    var beat: [Lease]?
    /// Runs that could not renew in time.
    var overdue: [JobID] = []
  }

  private struct Held {
    var lease: Lease
    var since: Duration
  }

  private let timing: LeaseTiming
  private var held: [JobID: Held] = [:]
  private var isUnderWay = false
  private var lastBeat: Duration?
  private var hasFailed = false

  init(_ timing: LeaseTiming) { self.timing = timing }

  /// A lease was given; it was asked for at `time`.
  mutating func add(_ lease: Lease, since time: Duration) {
    held[lease.job] = Held(lease: lease, since: time)
  }

  /// The lease has ended, or is not to be renewed any more.
  mutating func remove(_ lease: Lease) {
    if held[lease.job]?.lease == lease { held[lease.job] = nil }
  }

  /// When the lease ends, by our own count; nil if it is not held.
  func end(of lease: Lease) -> Duration? {
    guard let held = held[lease.job], held.lease == lease else { return nil }
    return held.since + timing.lease
  }

  /// To be called every ``LeaseTiming/tick``. The first one beats.
  mutating func tick(at now: Duration) -> Actions {
    var actions = Actions()
    for (job, held) in held where now - held.since >= timing.lease - timing.margin {
      actions.overdue.append(job)
    }
    actions.overdue.sort()
    guard !isUnderWay else { return actions }
    if let lastBeat, now - lastBeat < (hasFailed ? timing.retry : timing.beat) { return actions }
    isUnderWay = true
    lastBeat = now
    actions.beat = held.values.map(\.lease).sorted { $0.job < $1.job }
    return actions
  }

  /// The renewal that was asked for at `start` was answered; lost leases are held no more, and those that
  /// could not be renewed go on to end when they did.
  ///
  /// Answers what each job learns, those that ended meanwhile left out.
  mutating func renewed(
    _ leases: [Lease], _ standings: [LeaseStanding], since start: Duration
  ) -> [(job: JobID, standing: LeaseStanding)] {
    precondition(leases.count == standings.count, "a broker answered for other leases than asked")
    isUnderWay = false
    hasFailed = standings.contains(.unavailable)
    var news: [(job: JobID, standing: LeaseStanding)] = []
    for (lease, standing) in zip(leases, standings)
    where held[lease.job]?.lease == lease && standing != .unavailable {
      news.append((lease.job, standing))
      if standing == .lost { remove(lease) } else { held[lease.job]?.since = start }
    }
    return news
  }

  /// Something is to be told at once: the next tick beats.
  mutating func hurry() { lastBeat = nil }

  /// The renewal could not be had.
  mutating func failed() {
    isUnderWay = false
    hasFailed = true
  }
}
