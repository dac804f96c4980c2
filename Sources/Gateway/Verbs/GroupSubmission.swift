package import Jobs

/// What a client sends to have a group made, and perhaps all its jobs with it: all faults are told at once.
package struct GroupSubmission: Sendable {
  /// Drawn where the client names none.
  package var id: GroupID?
  package var name: String?
  package var callback: JobSubmission?
  /// With these the group is whole, and closed once all were accepted.
  package var jobs: [JobSubmission]?

  /// The most jobs that come with their group.
  package static let jobLimit = 100

  /// Reads `id`, `name`, `callback` and `jobs`, to the end.
  package init(from reader: inout MemberReader, settings: GatewaySettings) throws(Problem) {
    id = reader.name("id", wanted: "must be a group's id: a UUID of version 8") { GroupID($0) }
    name = reader.text("name")
    callback =
      try reader.part("callback") { part throws(Problem) in
        try JobSubmission(from: &part, for: .callback, settings: settings)
      } ?? nil
    // One request of the budget is the group's own: with more jobs than are left it could never be accepted.
    let limit = min(Self.jobLimit, max(1, settings.requestLimit - 1))
    let members = try reader.parts("jobs", upTo: limit) { part throws(Problem) in
      try JobSubmission(from: &part, for: .member, settings: settings)
    }
    try reader.finish()
    jobs = members?.compactMap(\.self)
  }
}

/// What became of a group that came with its jobs.
package struct GroupAcceptance: Sendable {
  package enum Member: Sendable {
    case accepted(Acceptance)
    case refused(Problem)
  }

  package var group: JobGroup
  package var isNew: Bool
  /// One for each job that was sent, in their order; nil where none was.
  package var members: [Member]?

  /// What is left of the user's budget after its jobs.
  package var budget: BudgetStanding

  /// `"group","jobs":[{"job","match"}|{"error"}],"refused"`.
  package func write(into writer: inout JSONWriter) {
    writer.member("group", GroupDocument.text(of: group))
    guard let members else { return }
    writer.array("jobs") { list in
      for member in members { list.object { write(member, into: &$0) } }
    }
    writer.member("refused", refused)
  }

  /// How many of its jobs were not accepted.
  package var refused: Int {
    members?.count { if case .refused = $0 { true } else { false } } ?? 0
  }

  private func write(_ member: Member, into writer: inout JSONWriter) {
    switch member {
    case .accepted(let acceptance):
      var job = acceptance.job
      job.payload = nil
      writer.member("job", JobDocument.text(of: job))
      writer.member("match", acceptance.match?.rawValue)
    case .refused(let problem):
      writer.object("error") {
        $0.member("status", problem.status)
        $0.member("code", problem.code.rawValue)
        $0.member("detail", problem.detail ?? problem.code.title)
        $0.member("retry_after", problem.retryAfterSeconds)
      }
    }
  }
}
