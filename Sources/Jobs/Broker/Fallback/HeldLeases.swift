/// The leases that one process was given by either of two brokers: how many of its runs a queue has, whichever of
/// them can be asked at present.
///
/// A lease counts until its end was told, or for as long as it was renewed for: a run that could not be renewed is
/// killed before that.
struct HeldLeases {
  private struct Held {
    var lease: Lease
    var end: ContinuousClock.Instant
  }

  private var held: [JobID: Held] = [:]

  mutating func give(_ jobs: [LeasedJob], for duration: Duration, at now: ContinuousClock.Instant) {
    held = held.filter { $0.value.end > now }
    for job in jobs { held[job.lease.job] = Held(lease: job.lease, end: now + duration) }
  }

  mutating func renewed(
    _ leases: [Lease], _ standings: [LeaseStanding], for duration: Duration, at now: ContinuousClock.Instant
  ) {
    for (lease, standing) in zip(leases, standings) {
      switch standing {
      case .held, .cancelRequested: held[lease.job] = Held(lease: lease, end: now + duration)
      case .lost: end(lease)
      case .unavailable: break
      }
    }
  }

  /// The run is over, whether anybody could be told or not.
  mutating func end(_ lease: Lease) {
    if held[lease.job]?.lease.token == lease.token { held[lease.job] = nil }
  }

  /// Those in force for which `isIncluded` holds.
  func jobs(at now: ContinuousClock.Instant, where isIncluded: (Lease) -> Bool) -> [JobID] {
    held.values.filter { $0.end > now && isIncluded($0.lease) }.map(\.lease.job).sorted()
  }

  /// How many of a queue are in force.
  func count(in queue: QueueName, at now: ContinuousClock.Instant) -> Int {
    held.values.count { $0.end > now && $0.lease.queue == queue }
  }
}
