/// Workers that were heard of, and what they are wanted to be. Kept in memory alone: after a restart
/// they tell again.
struct WorkerRoster: Sendable {
  fileprivate struct Entry: Sendable {
    var report: WorkerReport
    var wanted = WorkerMode.running
    var seenAt: Timestamp
    /// How long a lease is by its word.
    var lease: Duration
  }

  private var entries: [WorkerID: Entry] = [:]

  /// Notes what a worker says of itself; answers with what it is wanted to be.
  mutating func hear(_ report: WorkerReport, lease: Duration, at now: Timestamp) -> WorkerMode {
    let wanted = entries[report.id]?.wanted ?? .running
    entries[report.id] = Entry(report: report, wanted: wanted, seenAt: now, lease: lease)
    return wanted
  }

  mutating func remove(_ worker: WorkerID) { entries[worker] = nil }

  /// False: nobody has heard of the worker.
  mutating func want(_ worker: WorkerID, _ mode: WorkerMode, at now: Timestamp) -> Bool {
    guard let entry = entries[worker], !entry.isForgotten(at: now) else { return false }
    entries[worker]?.wanted = mode
    return true
  }

  /// Every worker, by id, without its jobs.
  func workers(at now: Timestamp) -> [WorkerInfo] {
    entries.values.filter { !$0.isForgotten(at: now) }
      .map {
        WorkerInfo(
          report: $0.report, wanted: $0.wanted, seenAt: $0.seenAt, isLost: $0.isLost(at: now))
      }
      .sorted { $0.report.id < $1.report.id }
  }

  /// Forgets workers that were lost long ago.
  mutating func trim(at now: Timestamp) { entries = entries.filter { !$0.value.isForgotten(at: now) } }
}

extension WorkerRoster.Entry {
  /// How long a lost worker is listed.
  private static let remembrance = Duration.seconds(3600)

  fileprivate func isLost(at now: Timestamp) -> Bool { now - seenAt >= lease }

  fileprivate func isForgotten(at now: Timestamp) -> Bool {
    now - seenAt >= lease + Self.remembrance
  }
}
