import EventLoop
import Redis

extension RedisBroker {
  @discardableResult
  package func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp? {
    let answer = try await run(scripts.putSchedule) { command in
      command.append(schedule.name.description)
      command.append(schedule.messagePack.encoded)
      command.append(schedule.isEnabled ? next.map { String($0.milliseconds) } ?? "" : "")
    }
    return answer.integer.map { Timestamp(milliseconds: $0) }
  }

  package func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool {
    let answer = try await run(scripts.putSchedule) { command in
      command.append(name.description)
      command.append("")
      command.append("")
    }
    return answer.integer == 1
  }

  package func schedules() async throws(BrokerError) -> [ScheduleStatus] {
    let answer: RedisValue
    do {
      answer = try await client.send(RedisCommand("HGETALL", keys.key(.schedules)))
    } catch { throw BrokerError(error) }
    let parts = answer.elements ?? []
    var schedules: [ScheduleStatus] = []
    for index in stride(from: 0, to: parts.count - 1, by: 2) {
      guard let name = parts[index].text.flatMap({ ScheduleName($0) }),
        let values = parts[index + 1].bytes.flatMap({ MessagePack.values(in: $0) }),
        values.count == 4,
        let packed = values[0].bytes.flatMap({ MessagePack.values(in: $0)?.first }),
        let schedule = Schedule(name, packed)
      else { throw .corrupt("a schedule has another form") }
      schedules.append(
        ScheduleStatus(
          schedule: schedule, next: values[1].timestamp, lastFiredAt: values[2].timestamp,
          lastJob: values[3].bytes.flatMap { JobID(key: $0) }))
    }
    return schedules.sorted { $0.schedule.name < $1.schedule.name }
  }

  package func fire(
    _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
  ) async throws(BrokerError) -> JobID? {
    try requireFitting(request)
    let answer = try await run(scripts.fire) { command in
      command.append(name.description)
      command.append(due.milliseconds)
      command.append(next.map { String($0.milliseconds) } ?? "")
      append(request, to: &command)
    }
    if answer.isNull { return nil }
    return try acceptance(of: request, answer).job.id
  }
}

extension ScheduleStatus {
  /// As `put_schedule.lua` keeps it.
  var kept: [UInt8] {
    let values: [MessagePack] = [
      .bytes(schedule.messagePack.encoded), next.map { .integer($0.milliseconds) } ?? .boolean(false),
      lastFiredAt.map { .integer($0.milliseconds) } ?? .boolean(false),
      lastJob.map { .text($0.key) } ?? .boolean(false),
    ]
    return values.flatMap(\.encoded)
  }
}

extension Schedule {
  fileprivate var messagePack: MessagePack {
    .map([
      "cron": .text(cron.description), "zone": .text(timeZone), "enabled": .boolean(isEnabled),
      "request": request.messagePack,
    ])
  }

  fileprivate init?(_ name: ScheduleName, _ value: MessagePack) {
    guard let fields = value.fields,
      let cron = fields["cron"]?.text.flatMap({ try? CronExpression($0) }),
      let zone = fields["zone"]?.text, let request = fields["request"].flatMap({ JobRequest($0) })
    else { return nil }
    self.init(
      name: name, cron: cron, timeZone: zone, request: request,
      isEnabled: fields["enabled"]?.isTrue ?? true)
  }
}
