import Jobs

/// ClipForge's documents, as objects that are open.
extension JSONWriter {
  /// A queue, with the columns of its table.
  mutating func write(_ clip: ClipQueue) {
    let queue = clip.queue
    member("id", clip.id)
    member("name", queue.name.description)
    member("type", clip.type.rawValue)
    member("status", clip.status.rawValue)
    member("concurrency", queue.settings.concurrency ?? max(1, clip.workers.slots))
    for (name, count) in clip.counts { member(name, count) }
    object("config") { $0.writeConfig(of: queue.settings) }
    object("metrics") { $0.writeMetrics(of: clip) }
    member("description", orNull: queue.settings.description)
    member("worker_id", orNull: clip.workers.first?.report.id.description)
    member("last_processed_at", orNull: queue.lastFinishedAt?.iso8601)
    member("last_error_at", orNull: queue.lastFailedAt?.iso8601)
    member("last_error", orNull: queue.lastFailure)
    member("created_at", queue.createdAt.iso8601)
    member("updated_at", queue.updatedAt.iso8601)
  }

  private mutating func writeConfig(of settings: QueueSettings) {
    member("maxRetries", settings.defaults.maxAttempts)
    for (name, rule) in [("removeOnComplete" as StaticString, settings.completed), ("removeOnFail", settings.failed)] {
      switch (rule.count, rule.age < ClipQueueType.ever) {
      case (let count?, false): member(name, count)
      case (nil, false): member(name, false)
      case (let count, true):
        object(name) {
          $0.member("count", count)
          $0.member("age", rule.age.components.seconds)
        }
      }
    }
    if let retry = settings.defaults.retry {
      object("backoff") {
        $0.member("type", retry.growth.rawValue)
        $0.member("delay", retry.base.milliseconds)
      }
    }
  }

  private mutating func writeMetrics(of clip: ClipQueue) {
    let recent = clip.recent
    member("successRate", number: recent.successRate ?? 1)
    member("errorRate", number: 1 - (recent.successRate ?? 1))
    member("jobsPerMinute", number: Double(recent.completed + recent.failed) / Double(max(1, recent.minutes)))
    member("processingTime", number: recent.run.percentile(0.5).map { Double($0.milliseconds) } ?? 0)
    member("backlog", clip.queue.waiting)
    member("health", clip.isHealthy ? "healthy" : "unhealthy")
    member("overloaded", clip.isOverloaded)
    array("workers") { list in for worker in clip.workers { list.element(worker.report.id.description) } }
    array("alerts") { list in for alert in clip.alerts { list.element(alert.detail) } }
  }

  /// All queues together.
  mutating func writeStatistics(of queues: [ClipQueue]) {
    member("total", queues.count)
    object("byStatus") { list in
      for status in ClipQueueStatus.allCases {
        list.member(named: status.rawValue, .number(queues.count { $0.status == status }))
      }
    }
    object("byType") { list in
      for type in ClipQueueType.allCases {
        list.member(named: type.rawValue, .number(queues.count { $0.type == type }))
      }
    }
    var recent = QueueStatistics(minutes: 60)
    for queue in queues { recent.add(queue.recent) }
    object("jobs") { list in
      for (index, name) in ["waiting", "active", "completed", "failed", "delayed", "paused"].enumerated() {
        list.member(named: name, .number(queues.reduce(0) { $0 + $1.counts[index].count }))
      }
    }
    member("successRate", number: recent.successRate ?? 1)
    member("errorRate", number: 1 - (recent.successRate ?? 1))
    member("jobsPerMinute", number: Double(recent.completed + recent.failed) / 60)
    member("processingTime", number: recent.run.percentile(0.5).map { Double($0.milliseconds) } ?? 0)
    array("queues") { list in for queue in queues { list.object { $0.write(queue) } } }
  }

  /// `{"status":"healthy","healthy":5,"total":5,"overloaded":0,"errors":0}`
  mutating func writeHealth(of queues: [ClipQueue]) {
    let healthy = queues.count { $0.isHealthy }
    let errors = queues.count { $0.status == .error }
    member("status", healthy == queues.count ? "healthy" : errors == 0 ? "degraded" : "unhealthy")
    member("healthy", healthy)
    member("total", queues.count)
    member("overloaded", queues.count { $0.isOverloaded })
    member("errors", errors)
  }

  /// A job as Bull writes it.
  mutating func writeBull(_ job: Job) {
    member("id", job.id.description)
    member("name", job.kind.description)
    if case .inline(let payload)? = job.payload { member("data", payload) } else { member("data", .null) }
    object("opts") {
      $0.member("priority", 11 - job.priority.level)
      $0.member("attempts", job.maxAttempts)
      $0.member("delay", max(0, (job.dueAt.map { $0 - job.createdAt } ?? .zero).milliseconds))
    }
    member("state", Self.bullState(of: job))
    member("progress", Int(job.state == .completed ? 100 : job.progress.percent ?? 0))
    member("timestamp", job.createdAt.milliseconds)
    member("attemptsMade", job.attempt)
    member("failedReason", orNull: job.state == .cancelled ? "cancelled" : job.failure?.message)
    array("stacktrace") { _ in }
    member("returnvalue", job.result ?? .null)
    if let at = job.startedAt { member("processedOn", at.milliseconds) } else { member("processedOn", .null) }
    if let at = job.finishedAt { member("finishedOn", at.milliseconds) } else { member("finishedOn", .null) }
  }

  private static func bullState(of job: Job) -> String {
    switch job.state {
    case .scheduled, .retrying: "delayed"
    case .blocked, .queued: "waiting"
    case .running: "active"
    case .completed: "completed"
    case .failed, .cancelled: "failed"
    }
  }
}

extension JSONText {
  static func number(_ count: Int) -> JSONText { JSONText(unchecked: Array(String(count).utf8)) }
}
