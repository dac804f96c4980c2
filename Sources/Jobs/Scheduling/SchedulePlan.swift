package import Foundation

/// Which schedules are due, and when to look again: what a ``Scheduler`` does next. A value, without a clock
/// or a broker.
///
/// A schedule that could not be fired is left alone for a while that doubles with each failure, so that a
/// full queue brings no storm of attempts; its moment stays due.
package struct SchedulePlan {
  private struct Failure {
    var count: Int
    var until: Timestamp
    var reason: String
  }

  private static let firstDelay = Duration.seconds(5)
  private static let longestDelay = Duration.seconds(60)

  private var known: [ScheduleName: ScheduleStatus] = [:]
  private var failures: [ScheduleName: Failure] = [:]

  package init() {}

  /// Takes in the book as it stands now.
  package mutating func read(_ book: [ScheduleStatus]) {
    known = Dictionary(book.map { ($0.schedule.name, $0) }, uniquingKeysWith: { $1 })
    failures = failures.filter { known[$0.key] != nil }
  }

  /// What is to be fired at this moment, the longest due first.
  package func due(at now: Timestamp) -> [ScheduleStatus] {
    known.values.filter { status in
      guard status.schedule.isEnabled, let next = status.next, next <= now else { return false }
      return (failures[status.schedule.name]?.until ?? now) <= now
    }.sorted {
      ($0.next?.milliseconds ?? 0, $0.schedule.name.description)
        < ($1.next?.milliseconds ?? 0, $1.schedule.name.description)
    }
  }

  /// It was fired, here or by another node; it is looked at again when the book was read.
  package mutating func settled(_ name: ScheduleName, next: Timestamp?) {
    known[name]?.next = next
    failures[name] = nil
  }

  /// It could not be fired. Answers whether that is news: not while the same reason stands.
  package mutating func failed(_ name: ScheduleName, because reason: String, at now: Timestamp) -> Bool {
    let before = failures[name]
    let count = (before?.count ?? 0) + 1
    let delay = min(Self.firstDelay * (1 << min(count - 1, 10)), Self.longestDelay)
    failures[name] = Failure(count: count, until: now + delay, reason: reason)
    return before?.reason != reason
  }

  /// How long until something may be due; never longer than `longest`.
  package func wait(at now: Timestamp, upTo longest: Duration) -> Duration {
    let moments = known.values.compactMap { status -> Timestamp? in
      guard status.schedule.isEnabled, let next = status.next else { return nil }
      return max(next, failures[status.schedule.name]?.until ?? next)
    }
    guard let nearest = moments.min() else { return longest }
    return min(max(nearest - now, .zero), longest)
  }
}

extension Schedule {
  /// Its time zone; nil where this machine does not know it.
  package var zone: TimeZone? { TimeZone(identifier: timeZone) }

  /// When it fires first after `time`; nil: never, as it stands.
  package func next(after time: Timestamp) -> Timestamp? {
    guard isEnabled, let zone else { return nil }
    return cron.next(after: time, in: zone)
  }

  /// The job of one firing: a submission of its own, that starts at once.
  package var occurrence: JobRequest {
    var occurrence = request
    occurrence.id = JobID()
    occurrence.start = .now
    return occurrence
  }
}
