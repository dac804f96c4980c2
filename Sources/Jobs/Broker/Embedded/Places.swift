/// Where a record stands in the indexes that follow its state.
struct Places {
  let queue: QueueName
  let line: QueueLine.Standing
  let isEnded: Bool
  var deadline: TimedJob?
  var renewed: TimedJob?
  var due: TimedJob?
  var limit: TimedJob?
  var worker: WorkerID?
  var uniqueKey: UniqueScope?
  var contentKey: ContentScope?
  var parents: [JobID] = []

  init(_ record: EmbeddedRecord) {
    let job = record.job
    queue = job.queue
    line = QueueLine.Standing(record)
    isEnded = job.state.isTerminal
    limit = record.limit.map { TimedJob($0, job.id) }
    switch job.state {
    case .running:
      deadline = TimedJob(record.deadline ?? job.updatedAt, job.id)
      if !job.isStalled { renewed = deadline }
      worker = job.worker
    case .scheduled, .retrying: due = TimedJob(job.dueAt ?? job.updatedAt, job.id)
    case .blocked: parents = record.parents
    case .queued, .completed, .failed, .cancelled: break
    }
    if let key = record.terms.uniqueKey, !isEnded {
      uniqueKey = UniqueScope(user: job.user, queue: job.queue, key: key)
    }
    if let key = record.terms.contentKey, !isEnded || job.state == .completed {
      contentKey = ContentScope(user: job.user, kind: job.kind, key: key)
    }
  }
}

/// A place in an order of moments.
struct TimedJob: Comparable {
  let time: Timestamp
  /// Nil: behind all jobs of that time.
  let id: JobID?

  init(_ time: Timestamp, _ id: JobID) {
    self.time = time
    self.id = id
  }

  init(lastOf time: Timestamp) {
    self.time = time
    id = nil
  }

  static func < (a: TimedJob, b: TimedJob) -> Bool {
    guard a.time == b.time else { return a.time < b.time }
    guard let first = a.id else { return false }
    return b.id.map { first < $0 } ?? true
  }
}
