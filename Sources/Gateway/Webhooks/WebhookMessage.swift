import Jobs

/// What a webhook is told of an entry of the feed: one body, whoever gets it.
struct WebhookMessage {
  let entry: FeedEntry

  /// Names the change for ever: the same however often it is told, and to whom; also of an end that comes back with a
  /// backup, whose epoch is another one then.
  var id: String {
    let job = entry.job
    return "evt_\(job.id)_\(job.position.offset)_\(job.updatedAt.milliseconds)"
  }

  /// `job.` and the state that the job came to; `job.updated` where it stayed in its state.
  private var type: String {
    entry.job.state == entry.previous ? "job.updated" : "job.\(entry.job.state.rawValue)"
  }

  /// `{"type","timestamp","data":{…the job's document…}}`.
  var body: String {
    var writer = JSONWriter(reserving: 1024)
    writer.object { message in
      message.member("type", type)
      message.member("timestamp", entry.job.updatedAt.iso8601)
      message.object("data") { data in
        JobDocument.write(entry.job, into: &data)
        data.member("previous_state", entry.previous?.rawValue)
        data.member("reason", entry.reason)
        data.fact("result_missing", entry.isResultMissing)
      }
    }
    return writer.text.description
  }
}
