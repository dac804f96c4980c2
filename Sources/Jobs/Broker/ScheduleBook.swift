package import EventLoop

/// Jobs that recur, each firing once, whoever fires it.
@EventLoop
package protocol ScheduleBook: AnyObject, Sendable {
  /// Keeps a schedule, new or changed; `next` is when it fires next, by ``CronExpression``.
  ///
  /// Where its times stay as they were (``Schedule/hasTimes(of:)``), so does its moment: what is due and has
  /// not fired yet is not dropped. Answers with when it fires next.
  @discardableResult
  func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp?

  /// Forgets a schedule; jobs that it submitted stay. False: there was none.
  func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool

  /// Every schedule, by name.
  func schedules() async throws(BrokerError) -> [ScheduleStatus]

  /// Submits the job of a schedule for the moment `due`, and notes `next`, in one step — if the schedule
  /// still stands at `due`, which the first caller alone finds. Nil for every other caller.
  func fire(
    _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
  ) async throws(BrokerError) -> JobID?
}
