/// What a queue, or all of them, did in the last minutes.
package struct QueueStatistics: Hashable, Sendable {
  /// The minutes that were looked at, the running one included.
  package var minutes: Int
  package var accepted = 0
  package var completed = 0
  package var failed = 0
  package var cancelled = 0
  package var retried = 0
  /// From acceptance (or from when it was due, or was to run again) to the first start; a start that a snooze
  /// took back is none.
  package var wait = DurationHistogram()
  /// Of one attempt, from its start to its end, whatever the end: released and lost ones as well, not
  /// snoozed ones.
  package var run = DurationHistogram()

  package init(minutes: Int) { self.minutes = minutes }

  package var finished: Int { completed + failed + cancelled }

  /// Completed among completed and failed; nil when there were none.
  package var successRate: Double? {
    completed + failed == 0 ? nil : Double(completed) / Double(completed + failed)
  }

  /// Adds what another queue did in the same minutes.
  package mutating func add(_ other: QueueStatistics) {
    accepted += other.accepted
    completed += other.completed
    failed += other.failed
    cancelled += other.cancelled
    retried += other.retried
    wait.add(other.wait)
    run.add(other.run)
  }
}

/// Durations, counted in buckets that grow by a quarter of a power of two, so that a percentile is
/// off by a tenth at most. Bucket b holds what lasts less than `2^((b + 1) / 4)` ms; 0…127.
package struct DurationHistogram: Hashable, Sendable {
  /// How many durations fell into each bucket; empty ones are absent.
  package private(set) var counts: [Int: Int] = [:]

  package init() {}

  package init(counts: [Int: Int]) { self.counts = counts }

  package var count: Int { counts.values.reduce(0, +) }

  package mutating func count(_ duration: Duration) { count(bucket: Self.bucket(of: duration)) }

  /// `times` below zero takes back what was counted, here or where this is added to.
  package mutating func count(bucket: Int, times: Int = 1) {
    let count = counts[bucket, default: 0] + times
    counts[bucket] = count == 0 ? nil : count
  }

  package mutating func add(_ other: DurationHistogram) {
    for (bucket, times) in other.counts { count(bucket: bucket, times: times) }
  }

  /// The duration that this part (0…1) of all do not exceed, as the middle of its bucket; nil for none.
  package func percentile(_ part: Double) -> Duration? {
    let total = count
    guard total > 0 else { return nil }
    let rank = max(1, Int((part * Double(total)).rounded(.up)))
    var seen = 0
    for bucket in counts.keys.sorted() {
      seen += counts[bucket] ?? 0
      if seen >= rank { return Self.middle(of: bucket) }
    }
    return nil
  }

  /// `floor(4 · log2(ms))`, from 0 (1 ms and less) to 127 (50 days and more). `bucket.lua` is the same.
  package static func bucket(of duration: Duration) -> Int {
    let milliseconds = max(1, duration.milliseconds)
    // Exact at powers of two, whatever the library's rounding: whole part from the bits, quarter by
    // comparing squares.
    let whole = Int64.bitWidth - 1 - milliseconds.leadingZeroBitCount
    let fraction = Double(milliseconds) / Double(Int64(1) << Int64(whole))
    let quarter =
      fraction < 1.189207115002721
      ? 0
      : fraction < 1.4142135623730951
        ? 1
        : fraction < 1.681792830507429 ? 2 : 3
    return min(127, whole * 4 + quarter)
  }

  private static func middle(of bucket: Int) -> Duration {
    let quarters = [1.0905, 1.2968, 1.5422, 1.8340]
    let milliseconds = Double(Int64(1) << Int64(bucket / 4)) * quarters[bucket % 4]
    return .microseconds(Int64(milliseconds * 1000))
  }
}
