/// The form of an entry in an embedded broker's journal: the job as an archive has it, and what is beside it.
extension FeedEntry {
  var json: JSONText {
    var writer = JSONWriter(reserving: 1024)
    writer.object { entry in
      let cut = (job.result?.bytes.count ?? 0) > Self.resultLimit
      var job = job
      if cut { job.result = nil }
      let snapshot = JobSnapshot(
        job: job, sequence: 0, base: 0, maxAttempts: job.maxAttempts, timeout: job.timeout, feed: terms)
      entry.object("job") { snapshot.write(into: &$0) }
      entry.fact("stalled", job.isStalled)
      entry.member("pending", job.pendingParents)
      entry.member("previous", previous?.rawValue)
      entry.member("reason", reason)
      entry.fact("cut", cut)
    }
    return writer.text
  }

  init(reading value: JSONValue, at place: FeedPlace) throws(ArchiveFault) {
    guard let job = value["job"] else { throw ArchiveFault(member: "job", "is missing") }
    let snapshot = try JobSnapshot(reading: job)
    self.init(
      place: place, job: snapshot.job,
      previous: try value.name(optional: "previous") { JobState(rawValue: $0) },
      reason: value["reason"]?.string, terms: snapshot.feed,
      isResultMissing: value["cut"]?.bool ?? false)
    self.job.isStalled = value["stalled"]?.bool ?? false
    self.job.pendingParents = value["pending"]?.int ?? 0
  }
}
