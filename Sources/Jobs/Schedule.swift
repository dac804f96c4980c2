/// A job that recurs.
package struct Schedule: Hashable, Sendable {
  /// Unique among the schedules of a broker; the same characters as a queue's name.
  package var name: ScheduleName
  package var cron: CronExpression
  /// A name of the time zone database, `Europe/Berlin`, in which the expression is read.
  package var timeZone: String
  /// What is submitted each time; its id is drawn anew, and its `start` is `.now`.
  package var request: JobRequest
  /// A schedule that is not enabled is kept and does not fire.
  package var isEnabled: Bool

  package init(
    name: ScheduleName, cron: CronExpression, timeZone: String = "UTC", request: JobRequest,
    isEnabled: Bool = true
  ) {
    self.name = name
    self.cron = cron
    self.timeZone = timeZone
    self.request = request
    self.isEnabled = isEnabled
  }

  /// Whether it fires when `other` does: what it then submits may differ.
  package func hasTimes(of other: Schedule) -> Bool {
    cron == other.cron && timeZone == other.timeZone && isEnabled == other.isEnabled
  }
}

/// The name of a schedule: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`.
package struct ScheduleName: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String

  /// Nil when `text` is not a name.
  package init?(_ text: String) {
    guard QueueName(text) != nil else { return nil }
    description = text
  }

  package static func < (a: ScheduleName, b: ScheduleName) -> Bool { a.description < b.description }
}

/// A schedule with what it has done.
package struct ScheduleStatus: Hashable, Sendable {
  package var schedule: Schedule
  /// When it fires next; nil: never (disabled, or no such date).
  package var next: Timestamp?
  package var lastFiredAt: Timestamp?
  package var lastJob: JobID?

  package init(
    schedule: Schedule, next: Timestamp? = nil, lastFiredAt: Timestamp? = nil,
    lastJob: JobID? = nil
  ) {
    self.schedule = schedule
    self.next = next
    self.lastFiredAt = lastFiredAt
    self.lastJob = lastJob
  }
}
