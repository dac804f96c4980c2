import Jobs

/// An entry of the feed as the tables have it.
struct HistoryRow {
  let entry: FeedEntry
  var job: Job { entry.job }

  /// Texts of others as a database takes them: PostgreSQL has no U+0000.
  static func clean(_ text: String?) -> String? {
    guard let text, text.unicodeScalars.contains("\0") else { return text }
    var clean = String.UnicodeScalarView()
    clean.append(contentsOf: text.unicodeScalars.filter { $0 != "\0" })
    return String(clean)
  }

  /// The result as text, if it was kept.
  var result: String? { job.result.map { String(decoding: $0.bytes, as: UTF8.self) } }

  /// The row as an object whose members are the columns.
  func write(into writer: inout JSONWriter) {
    writer.member("job", job.id.description)
    writer.member("queue", job.queue.description)
    writer.member("kind", job.kind.description)
    writer.member("owner", Self.clean(job.user))
    writer.member("state", job.state.rawValue)
    writer.member("previous_state", entry.previous?.rawValue)
    writer.member("reason", Self.clean(entry.reason))
    writer.member("priority", job.priority.level)
    writer.member("attempt", job.attempt)
    writer.member("max_attempts", job.maxAttempts)
    writer.member("lost", job.lostDeliveries)
    writer.member("job_group", job.group?.description)
    writer.member("created_at", job.createdAt.milliseconds)
    writer.member("started_at", job.startedAt?.milliseconds)
    writer.member("finished_at", job.finishedAt?.milliseconds)
    writer.member("updated_at", job.updatedAt.milliseconds)
    writer.member("failure_code", Self.clean(job.failure?.code))
    writer.member("failure_message", Self.clean(job.failure?.message))
    writer.member("result", result)
    writer.member("number", job.position.offset)
  }
}
