import EventLoop
import Jobs

extension Procedures {
  static func groups(_ verbs: GroupVerbs, _ settings: GatewaySettings) -> [Procedure] {
    [
      Procedure("group.create") { reader, identity throws(Problem) in
        let submission = try GroupSubmission(from: &reader, settings: settings)
        return .group(try await verbs.create(submission, by: identity))
      },
      Procedure("group.close") { reader, identity throws(Problem) in
        let id = try reader.groupID()
        try reader.finish()
        return answer(try await verbs.close(id, by: identity))
      },
      Procedure("group.get") { reader, identity throws(Problem) in
        let id = try reader.groupID()
        try reader.finish()
        return answer(try await verbs.group(id, for: identity))
      },
      Procedure("group.jobs") { reader, identity throws(Problem) in
        let id = try reader.groupID()
        let limit = reader.whole("limit", in: 1...200) ?? 50
        let cursor = reader.text("cursor", upTo: 1000)
        try reader.finish()
        return .jobs(try await verbs.jobs(of: id, limit: limit, cursor: cursor, for: identity))
      },
    ]
  }

  private static func answer(_ group: JobGroup) -> Answer {
    .item("group", GroupDocument.text(of: group), newAt: nil)
  }
}

extension MemberReader {
  /// The group that a request names; a malformed id is as unknown as any other.
  fileprivate mutating func groupID() throws(Problem) -> GroupID {
    require("id")
    guard let text = name("id", { $0 }) else { throw .invalid(faults) }
    guard let id = GroupID(text) else { throw .groupNotFound }
    return id
  }
}
