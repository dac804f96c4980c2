import EventLoop
import Jobs
import Support

// What a broker did, beside what the model says.
extension ModelRun {
  /// What the last step changed.
  func compareChanges() async throws {
    for id in model.changed {
      let job = try await broker.job(id)
      let found = job.map { comparable(BrokerModel.Entry.Seen($0)) }
      let expected = model.seen(id).map(comparable)
      try demand(
        found == expected, "left \(found?.description ?? "nothing"),\nnot \(expected?.description ?? "nothing")")
      if let job { try note(job) }
    }
    model.changed = []
  }

  /// Of users whose turn it is nobody promised which goes first, nor shows it.
  private func comparable(_ seen: BrokerModel.Entry.Seen) -> BrokerModel.Entry.Seen {
    var seen = seen
    if model.settings(of: seen.queue).isFair { seen.place = seen.place.map { _ in 0 } }
    return seen
  }

  private func note(_ job: Job) throws {
    try demand(job.position.offset >= offsets[job.id] ?? 1, "an offset of \(job.id) fell")
    offsets[job.id] = job.position.offset
  }

  func compareRecords() async throws {
    let jobs = try await broker.allJobs(matching: JobFilter(limit: 200))
    let found = jobs.map { comparable(BrokerModel.Entry.Seen($0)) }
    let expected = model.listing.map(comparable)
    if found != expected {
      let found = Set(found.map(\.description))
      let expected = Set(expected.map(\.description))
      throw deviation(
        "left other jobs:\n  is  \(found.subtracting(expected).sorted())\n  not \(expected.subtracting(found).sorted())"
      )
    }
    for job in jobs { try note(job) }
    model.changed = []
  }

  func compareQueues() async throws {
    let queues = try await broker.queues()
    let names = model.lines.map(\.name.description).sorted()
    try demand(queues.map(\.name.description) == names, "left the queues \(queues.map(\.name)), not \(names)")
    for queue in queues {
      guard let line = model.line(of: queue.name) else { continue }
      try demand(queue.settings == line.settings, "left \(queue.name) set otherwise")
      try demand(queue.version == line.version, "left \(queue.name) at version \(queue.version)")
      try demand(queue.mode == line.mode, "left \(queue.name) \(queue.mode), not \(line.mode)")
      try demand(queue.totals == line.totals, "counted \(queue.totals) in \(queue.name), not \(line.totals)")
      let minutes = BrokerModel.Minutes(try await broker.statistics(of: queue.name, minutes: 15))
      try demand(minutes == line.minutes, "did \(minutes) in \(queue.name), not \(line.minutes)")
      for state in JobState.allCases {
        let count = model.count(state, in: queue.name)
        try demand(
          queue.counts[state] ?? 0 == count, "counted \(queue.counts[state] ?? 0) \(state), not \(count)")
      }
      for level in 1...10 {
        let count = model.entries.count {
          $0.queue == queue.name && $0.state == .queued && $0.priority.level == level
        }
        try demand(queue.levels[level] == count, "counted \(queue.levels) at \(level), not \(count)")
      }
    }
  }

  /// Each job told its life as it was, and its record stands at its last event.
  func compareEvents(_ logs: [DeliveryLog]) async throws {
    done = "everything"
    let fed = Dictionary(grouping: feed.committed, by: \.job.id)
    for (user, log) in zip(Self.users, logs) {
      let marker = try await broker.enqueue(.example(queue: QueueName("marker")!, user: user)).job.id
      let events = try await log.events { $0.contains { $0.id == marker } }.filter { $0.id != marker }
      for (id, own) in Dictionary(grouping: events, by: \.id) {
        for (earlier, later) in zip(own, own.dropFirst()) {
          try demand(
            earlier.position.offset < later.position.offset, "events of \(id) are out of order")
        }
        let told = own.filter { $0.class == .state }.map { BrokerModel.Told($0) }
        try demand(told == model.told[id], "\(id) told \(told), not \(model.told[id] ?? [])")
        try compareFeed(of: id, fed[id] ?? [], own.filter { $0.class == .state })
        if model[id] != nil {
          try demand(own.last?.position.offset == offsets[id], "\(id) does not stand at its last event")
        }
      }
      let silent = model.entries.filter { $0.user == user && !events.map(\.id).contains($0.id) }
      try demand(silent.isEmpty, "\(silent.map(\.id)) told nothing")
    }
  }
}

extension BrokerModel.Minutes {
  init(_ statistics: QueueStatistics) {
    self.init(
      accepted: statistics.accepted, completed: statistics.completed, failed: statistics.failed,
      cancelled: statistics.cancelled, retried: statistics.retried, waits: statistics.wait.count,
      runs: statistics.run.count)
  }
}
