package import Jobs

/// The JSON form of queues, of what they did, and of workers.
package enum QueueDocument {
  package static func text(of queue: QueueStatus) -> JSONText {
    var writer = JSONWriter(reserving: 1024)
    writer.object { write(queue, into: &$0) }
    return writer.text
  }

  package static func write(_ queue: QueueStatus, into writer: inout JSONWriter) {
    writer.member("name", queue.name.description)
    writer.member("mode", queue.mode.word)
    writer.member("mode_since", queue.modeSince.milliseconds)
    writer.member("version", queue.version)
    writer.object("settings") { queue.settings.write(into: &$0) }
    writer.member("waiting", queue.waiting)
    writer.member("running", queue.running)
    write(counts: queue.counts, into: &writer)
    write(levels: queue.levels, into: &writer)
    write(queue.totals, into: &writer)
    writer.member("oldest_queued_at", queue.oldestQueued?.milliseconds)
    writer.member("created_at", queue.createdAt.milliseconds)
    writer.member("updated_at", queue.updatedAt.milliseconds)
    writer.member("last_finished_at", queue.lastFinishedAt?.milliseconds)
    writer.member("last_failed_at", queue.lastFailedAt?.milliseconds)
    writer.member("last_failure", queue.lastFailure)
  }

  /// Every state is there, also at zero.
  package static func write(counts: [JobState: Int], into writer: inout JSONWriter) {
    writer.object("counts") { object in
      for state in JobState.allCases {
        object.member(named: state.rawValue, number(counts[state] ?? 0))
      }
    }
  }

  /// All ten levels, zero included: how many jobs of each priority are queued.
  package static func write(levels: [Int: Int], into writer: inout JSONWriter) {
    writer.object("levels") { object in
      for level in 1...10 { object.member(named: "\(level)", number(levels[level] ?? 0)) }
    }
  }

  package static func write(_ totals: QueueTotals, into writer: inout JSONWriter) {
    writer.object("totals") {
      $0.member("accepted", totals.accepted)
      $0.member("completed", totals.completed)
      $0.member("failed", totals.failed)
      $0.member("cancelled", totals.cancelled)
      $0.member("retried", totals.retried)
      $0.member("lost", totals.lost)
    }
  }

  /// Counts and durations of the last minutes; rates are parts of 1, durations are seconds.
  package static func write(_ statistics: QueueStatistics, into writer: inout JSONWriter) {
    writer.member("minutes", statistics.minutes)
    writer.member("accepted", statistics.accepted)
    writer.member("completed", statistics.completed)
    writer.member("failed", statistics.failed)
    writer.member("cancelled", statistics.cancelled)
    writer.member("retried", statistics.retried)
    func perMinute(_ count: Int) -> Double {
      (Double(count) / Double(max(1, statistics.minutes)) * 100).rounded() / 100
    }
    writer.object("per_minute") {
      $0.member("accepted", number: perMinute(statistics.accepted))
      $0.member("finished", number: perMinute(statistics.finished))
      $0.member("failed", number: perMinute(statistics.failed))
      $0.member("retried", number: perMinute(statistics.retried))
    }
    if let rate = statistics.successRate {
      let rounded = (rate * 10_000).rounded() / 10_000
      writer.member("success_rate", number: rounded)
      writer.member("error_rate", number: ((1 - rounded) * 10_000).rounded() / 10_000)
    }
    writer.object("wait") { write(statistics.wait, into: &$0) }
    writer.object("run") { write(statistics.run, into: &$0) }
  }

  private static func write(_ durations: DurationHistogram, into writer: inout JSONWriter) {
    writer.member("count", durations.count)
    writer.member("p50", seconds: durations.percentile(0.5))
    writer.member("p90", seconds: durations.percentile(0.9))
    writer.member("p99", seconds: durations.percentile(0.99))
  }

  package static func write(_ worker: WorkerInfo, into writer: inout JSONWriter) {
    let report = worker.report
    writer.member("id", report.id.description)
    writer.member("host", report.host)
    writer.member("pid", report.process)
    writer.member("version", report.version)
    writer.member("mode", report.mode.rawValue)
    if !worker.isAsWanted { writer.member("wanted", worker.wanted.rawValue) }
    writer.fact("lost", worker.isLost)
    writer.array("queues") { list in for queue in report.queues { list.element(queue.description) } }
    writer.array("kinds") { list in for kind in report.kinds { list.element(kind.description) } }
    writer.member("slots", report.slots)
    writer.array("jobs") { list in for job in worker.jobs { list.element(job.description) } }
    writer.member("memory", report.memory)
    writer.member("started_at", report.startedAt.milliseconds)
    writer.member("seen_at", worker.seenAt.milliseconds)
  }

  private static func number(_ value: Int) -> JSONText {
    JSONText(unchecked: Array(String(value).utf8))
  }
}

extension QueueMode {
  /// The word for the outside.
  package var word: String {
    switch self {
    case .active: "active"
    case .paused: "paused"
    case .draining: "draining"
    case .drainingBacklog: "draining_backlog"
    }
  }
}
