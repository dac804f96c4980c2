package import Jobs

/// The JSON form of schedules: what was asked for, and what came of it.
package enum ScheduleDocument {
  /// With the payload where one schedule is asked for by its name.
  package static func text(of status: ScheduleStatus, withPayload: Bool) -> JSONText {
    let schedule = status.schedule
    var writer = JSONWriter(reserving: 512)
    writer.object {
      $0.member("name", schedule.name.description)
      $0.member("cron", schedule.cron.description)
      $0.member("time_zone", schedule.timeZone)
      $0.member("enabled", schedule.isEnabled)
      $0.member("next_at", status.next?.milliseconds)
      $0.member("last_fired_at", status.lastFiredAt?.milliseconds)
      $0.member("last_job", status.lastJob?.description)
      write(schedule.request, withPayload: withPayload, into: &$0)
    }
    return writer.text
  }

  private static func write(
    _ request: JobRequest, withPayload: Bool, into writer: inout JSONWriter
  ) {
    writer.member("user", request.user)
    writer.member("queue", request.queue.description)
    writer.member("kind", request.kind.description)
    writer.member("priority", request.priority.level)
    writer.member("order", request.order?.rawValue)
    writer.member("max_attempts", request.maxAttempts)
    if let retry = request.retry { writer.object("retry") { retry.write(into: &$0) } }
    writer.member("timeout", seconds: request.timeout)
    writer.member("start_within", seconds: request.startWithin)
    writer.member("total_timeout", seconds: request.totalTimeout)
    writer.member("unique_key", request.uniqueKey)
    if withPayload { JobDocument.write(request.payload, into: &writer) }
  }
}

extension RetryPolicy {
  /// The members, durations in seconds.
  func write(into writer: inout JSONWriter) {
    writer.member("growth", growth.rawValue)
    writer.member("base", seconds: base)
    writer.member("cap", seconds: cap)
    writer.member("jitter", number: jitter)
  }
}
