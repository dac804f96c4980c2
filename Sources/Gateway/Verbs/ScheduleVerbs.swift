package import EventLoop
import Foundation
package import Jobs

/// What operators may do with schedules, the same over sockets and HTTP. All of it needs `admin`.
@EventLoop
package final class ScheduleVerbs {
  private let broker: any Broker
  private let payloads: PayloadStore

  package init(broker: any Broker, payloads: PayloadStore) {
    self.broker = broker
    self.payloads = payloads
  }

  package func schedules(for identity: Identity) async throws(Problem) -> [ScheduleStatus] {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in try await broker.schedules() }
  }

  package func schedule(
    _ name: ScheduleName, for identity: Identity
  ) async throws(Problem) -> ScheduleStatus {
    let schedules = try await schedules(for: identity)
    guard let schedule = schedules.first(where: { $0.schedule.name == name }) else {
      throw .scheduleNotFound
    }
    return schedule
  }

  /// Keeps a schedule, new or in place of what stood under its name; it fires first at the next moment from
  /// now, or when the one before would have where its times are the same. Answers with whether there was none
  /// before.
  package func set(
    _ schedule: Schedule, by identity: Identity
  ) async throws(Problem) -> (schedule: ScheduleStatus, isNew: Bool) {
    try identity.require(.admin)
    let before = try await solving { () async throws(BrokerError) in try await broker.schedules() }
      .first { $0.schedule.name == schedule.name }
    let next = try await solving { () async throws(BrokerError) in
      try await broker.put(schedule, next: schedule.next(after: .now))
    }
    let status = ScheduleStatus(
      schedule: schedule, next: next, lastFiredAt: before?.lastFiredAt, lastJob: before?.lastJob)
    return (status, before == nil)
  }

  /// Lets a schedule fire again, or no more; it is kept.
  package func enable(
    _ name: ScheduleName, _ isEnabled: Bool, by identity: Identity
  ) async throws(Problem) -> ScheduleStatus {
    let status = try await schedule(name, for: identity)
    guard status.schedule.isEnabled != isEnabled else { return status }
    var schedule = status.schedule
    schedule.isEnabled = isEnabled
    return try await set(schedule, by: identity).schedule
  }

  package func remove(_ name: ScheduleName, by identity: Identity) async throws(Problem) {
    try identity.require(.admin)
    let wasThere = try await solving { () async throws(BrokerError) in try await broker.remove(name) }
    guard wasThere else { throw .scheduleNotFound }
  }

  /// Submits the schedule's job now, out of turn; when it fires next stays as it was.
  package func run(_ name: ScheduleName, by identity: Identity) async throws(Problem) -> Acceptance {
    let request = try await schedule(name, for: identity).schedule.occurrence
    return try await payloads.enqueue(request, on: broker)
  }
}

extension Schedule {
  /// Reads `cron`, `time_zone`, `enabled`, `user` and the members of a submission; the jobs are `owner`'s
  /// unless another user is named. Throws all faults at once.
  package init(
    named name: ScheduleName, from reader: inout MemberReader, owner: String, settings: GatewaySettings
  ) throws(Problem) {
    reader.require("cron")
    let text = reader.text("cron")
    let cron = text.flatMap { text -> CronExpression? in
      do throws(CronExpression.Fault) { return try CronExpression(text) } catch {
        reader.fault("cron", error.description)
        return nil
      }
    }
    let zone = reader.name("time_zone", wanted: "must be a time zone's name, like Europe/Berlin") {
      TimeZone(identifier: $0) == nil ? nil : $0
    }
    let isEnabled = reader.flag("enabled") ?? true
    let user = reader.text("user") ?? owner
    let submission = try JobSubmission(from: &reader, for: .schedule, settings: settings)
    if let cron, let zone = TimeZone(identifier: zone ?? "UTC"), cron.next(after: .now, in: zone) == nil {
      reader.fault("cron", "names no moment in the next eight years")
    }
    try reader.finish()
    guard let cron, let submission else {
      preconditionFailure("a schedule that could not be read passed as sound")
    }
    var request = submission.request(by: user)
    request.isRecorded = settings.recordsHistory
    self.init(name: name, cron: cron, timeZone: zone ?? "UTC", request: request, isEnabled: isEnabled)
  }
}
