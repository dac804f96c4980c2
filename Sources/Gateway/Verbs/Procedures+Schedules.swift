import EventLoop
import Jobs

extension Procedures {
  static func schedules(_ verbs: ScheduleVerbs, _ settings: GatewaySettings) -> [Procedure] {
    [
      Procedure("schedule.list") { reader, identity throws(Problem) in
        try reader.finish()
        let schedules = try await verbs.schedules(for: identity)
        var writer = JSONWriter(reserving: 1024)
        writer.object { object in
          object.array("schedules") { list in
            for schedule in schedules {
              list.element(ScheduleDocument.text(of: schedule, withPayload: false))
            }
          }
        }
        return .document(writer.text)
      },
      Procedure("schedule.get") { reader, identity throws(Problem) in
        let name = try reader.scheduleName()
        try reader.finish()
        return answer(try await verbs.schedule(name, for: identity))
      },
      Procedure("schedule.set") { reader, identity throws(Problem) in
        // Who may not set any is not told how to.
        try identity.require(.admin)
        let name = try reader.scheduleName()
        let schedule = try Schedule(
          named: name, from: &reader, owner: identity.user, settings: settings)
        let set = try await verbs.set(schedule, by: identity)
        return answer(set.schedule, isNew: set.isNew)
      },
      Procedure("schedule.enable") { reader, identity throws(Problem) in
        let name = try reader.scheduleName()
        try reader.finish()
        return answer(try await verbs.enable(name, true, by: identity))
      },
      Procedure("schedule.disable") { reader, identity throws(Problem) in
        let name = try reader.scheduleName()
        try reader.finish()
        return answer(try await verbs.enable(name, false, by: identity))
      },
      Procedure("schedule.remove") { reader, identity throws(Problem) in
        let name = try reader.scheduleName()
        try reader.finish()
        try await verbs.remove(name, by: identity)
        return .nothing
      },
      Procedure("schedule.run") { reader, identity throws(Problem) in
        let name = try reader.scheduleName()
        try reader.finish()
        return .accepted(try await verbs.run(name, by: identity))
      },
    ]
  }

  private static func answer(_ status: ScheduleStatus, isNew: Bool = false) -> Answer {
    .item(
      "schedule", ScheduleDocument.text(of: status, withPayload: true),
      newAt: isNew ? "/v1/schedules/\(status.schedule.name)" : nil)
  }
}

extension MemberReader {
  fileprivate mutating func scheduleName() throws(Problem) -> ScheduleName {
    require("name")
    guard let name = name("name", { ScheduleName($0) }) else { throw .invalid(faults) }
    return name
  }
}
