import GRDB

extension EmbeddedGroup {
  /// Every group, with what is to be submitted at its end.
  static func all(in database: Database) throws -> [EmbeddedGroup] {
    try Row.fetchAll(
      database,
      sql: "SELECT * FROM job_group LEFT JOIN group_callback ON group_callback.job_group = job_group.id"
    ).map { row in
      let row = RowReader(row)
      var group = EmbeddedGroup(
        id: try row.known("id") { GroupID($0) }, user: try row.text("user"),
        name: try row.text(ifAny: "name"),
        callbackRequest: try row.text(ifAny: "request").map {
          try row.wanted(JobRequest(journalText: $0), "request")
        },
        since: try row.number("since"), createdAt: Timestamp(milliseconds: try row.number("created_at")),
        position: StreamPosition(
          offset: UInt64(bitPattern: try row.number("offset")), epoch: try row.text("epoch")))
      group.state = try row.known("state") { JobGroup.State(rawValue: $0) }
      group.changedAt = Timestamp(milliseconds: try row.number("changed_at"))
      group.finishedAt = try row.time("finished_at")
      group.callback = try row.text(ifAny: "callback").map { try row.wanted(JobID($0), "callback") }
      for state in JobState.allCases where state.isTerminal {
        let count = Int(try row.number(state.rawValue))
        if count > 0 { group.forgotten[state] = count }
      }
      group.forgottenWeight = Int(try row.number("weight"))
      return group
    }
  }
}

extension JournalBatch.GroupChange {
  func write(to database: Database) throws {
    guard let group else {
      return try Self.forget(id.description, in: database)
    }
    try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO job_group VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      id.description, group.user, group.name, group.state.rawValue, group.since, group.createdAt.milliseconds,
      group.changedAt.milliseconds, group.finishedAt?.milliseconds, group.callback?.description,
      Int64(bitPattern: group.reservedOffset), group.position.epoch, group.forgotten[.completed] ?? 0,
      group.forgotten[.failed] ?? 0, group.forgotten[.cancelled] ?? 0, group.forgottenWeight,
    ])
    if let request = group.callbackRequest, before?.callbackRequest == nil {
      try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO group_callback (job_group, request) VALUES (?, ?)"
      ).execute(arguments: [id.description, request.journalText])
    } else if group.callbackRequest == nil, before?.callbackRequest != nil {
      try Self.forgetCallback(of: id.description, in: database)
    }
  }

  static func forget(_ name: String, in database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM job_group WHERE id = ?").execute(arguments: [name])
    try forgetCallback(of: name, in: database)
  }

  private static func forgetCallback(of name: String, in database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM group_callback WHERE job_group = ?")
      .execute(arguments: [name])
  }
}
