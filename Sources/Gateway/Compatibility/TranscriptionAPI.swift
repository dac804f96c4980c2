import EventLoop
import Jobs

// S4, the separated queue of a transcription service: a FastAPI service over a priority queue of its own.
// docs/compatibility.md has a row for each line of its contract.

extension LegacyAPI {
  static let transcription = LegacyAPI(
    name: "transcription", port: 8002,
    dialect: LegacyDialect(
      .detail, words: [.jobNotFound: "Task not found"], statuses: [.conflict: 400]),
    queues: TranscriptionTask.queues.map { ($0, JobKind($0.description)!, TranscriptionTask.settings) },
    variables: [
      LegacyVariable("REDIS_URL", "broker.url"), .seconds("BACKUP_INTERVAL", "backup.interval"),
      .seconds("MAX_PROCESSING_TIME", "compatibility.transcription.timeout"),
    ]
  ) {
    LegacyRoute(.post, "/tasks/transcription") { call in
      try await TranscriptionTask.submission("transcription", call)
    } answer: { accepted, _ in
      .json(.object { TranscriptionTask.writeAccepted(accepted.job, into: &$0) })
    }
    LegacyRoute(.post, "/tasks/risk-detection") { call in
      try await TranscriptionTask.submission("risk_detection", call)
    } answer: { accepted, _ in
      .json(.object { TranscriptionTask.writeAccepted(accepted.job, into: &$0) })
    }
    LegacyRoute(.get, "/tasks/:id") {
      FindTask(try $0.job)
    } answer: { job, _ in
      .json(.object { TranscriptionTask.write(job, into: &$0) })
    }
    LegacyRoute(.get, "/tasks") { call in
      try TranscriptionTask.listing(call.parameters, ofAll: call.identity.permissions.allows(.admin))
    } answer: { jobs, _ in
      .json(
        .object { answer in
          answer.array("tasks") { list in
            for job in jobs { list.object { TranscriptionTask.write(job, into: &$0) } }
          }
          answer.member("count", jobs.count)
        })
    }
    LegacyRoute(.delete, "/tasks/:id") { call in
      CancelTask(try call.job)
    } answer: { outcome, _ in
      guard case .job(let job) = outcome else { preconditionFailure("a cancelled job is gone") }
      if job.state.isTerminal, job.state != .cancelled { throw Problem(BrokerError.wrongState(job.state)) }
      return .json(
        .object {
          $0.member("task_id", job.id.description)
          $0.member("status", job.state.amongFive)
          $0.member("message", job.state == .cancelled ? "Task cancelled" : "Task is being cancelled")
        })
    }
    LegacyRoute(.get, "/stats") { _ in
      ShowStatistics(of: TranscriptionTask.queues)
    } answer: { answer, _ in
      .json(.object { TranscriptionTask.write(answer, into: &$0) })
    }
    LegacyRoute(.get, "/health", .open, isEverywhere: true) { _ in
      ShowHealth()
    } answer: { report, _ in
      .json(
        .object { TranscriptionTask.write(report, into: &$0) }, status: report.isBrokerAway ? 503 : 200)
    }
    LegacyRoute(.post, "/admin/backup") { _ in
      BackUp()
    } answer: { backup, _ in
      .json(
        .object {
          $0.member("success", true)
          $0.member("message", "Backup written")
          $0.member("backup_file", backup.name)
          $0.member("tasks", backup.jobs)
          $0.member("size_bytes", backup.bytes)
          $0.member("timestamp", backup.createdAt.iso8601)
        })
    }
    LegacyRoute(.post, "/admin/cleanup-stuck-tasks") { _ in
      Maintain()
    } answer: { done, _ in
      let report = done.done
      return .json(
        .object {
          $0.member("success", true)
          $0.member("cleaned", (report?.requeued.count ?? 0) + (report?.failed.count ?? 0))
          $0.member("requeued", report?.requeued.count ?? 0)
          $0.member("failed", report?.failed.count ?? 0)
        })
    }
  }
}

/// A task as it stands, with what was asked for.
private struct FindTask: LegacyVerb {
  private let id: JobID

  init(_ id: JobID) { self.id = id }

  func carryOut(for call: LegacyCall) async throws -> Job {
    let job = try await ShowWhole(id).carryOut(for: call)
    guard TranscriptionTask.kinds.contains(job.kind) else { throw Problem.jobNotFound }
    return job
  }

  static func job(of answer: Job) -> Job? { answer }
}

/// Cancels a task.
private struct CancelTask: LegacyVerb {
  private let id: JobID

  init(_ id: JobID) { self.id = id }

  func carryOut(for call: LegacyCall) async throws -> JobActionOutcome {
    _ = try await FindTask(id).carryOut(for: call)
    return try await Control(id, .cancel(reason: nil, isForced: false)).carryOut(for: call)
  }

  static func job(of answer: JobActionOutcome) -> Job? { Control.job(of: answer) }
}

private enum TranscriptionTask {
  static let queues = [QueueName("transcription")!, QueueName("risk_detection")!]

  /// What tasks are, whatever queue they were moved to. Jobs of other kinds are none.
  static let kinds = queues.map { JobKind($0.description)! }

  static let settings = QueueSettings.legacy {
    // Higher numbers first, and within a priority the newest first.
    $0.order = .lifo
    $0.defaults.timeout = .seconds(3600)
    // Until they are cleared.
    for keep in [\QueueSettings.completed, \.failed, \.cancelled] {
      $0[keyPath: keep] = RetentionRule(age: .seconds(365 * 86_400))
    }
  }

  /// The kind is the queue's name. What the body holds besides goes to the program as it is.
  @EventLoop
  static func submission(_ name: String, _ call: LegacyCall) async throws -> Submit {
    let (received, input) = try await FormReceiver.members(of: call)
    var members = received
    // Higher is more urgent, without a bound: what is above ours is our most urgent.
    let priority = members.whole("priority", in: Int(Int32.min)...Int(Int32.max))
    let retries = members.whole("max_retries", in: 0...99)
    try members.check()
    let rest = members.rest
    var submission = JobSubmission(
      queue: QueueName(name)!, kind: JobKind(name)!,
      payload: .object {
        $0.member("input", input)
        for (name, text) in rest { $0.member(named: name, text) }
      })
    if let priority { submission.priority = Priority(min(10, max(1, priority)))! }
    submission.maxAttempts = retries.map { $0 + 1 }
    return Submit(submission)
  }

  /// Whose tasks are listed: the caller's, or those of all.
  static func listing(_ parameters: MemberReader, ofAll isOfAll: Bool) throws(Problem) -> List {
    var parameters = parameters
    let status = parameters.word("status", as: Status.self)
    let type = parameters.word("type", as: Kind.self)
    let limit = parameters.whole("limit", in: 1...200) ?? 50
    let offset = parameters.whole("offset", in: 0...List.furthest) ?? 0
    try parameters.check()
    let listings = (type.map { [$0.kind] } ?? kinds).map { kind in
      JobListing(JobFilter(user: isOfAll ? "*" : nil, states: Set(status?.states ?? []), kind: kind))
    }
    return List(listings: listings, offset: offset, limit: limit)
  }

  private enum Status: String, CaseIterable {
    case queued, processing, completed, failed, cancelled

    var states: [JobState] { JobState.allCases.filter { $0.amongFive == rawValue } }
  }

  private enum Kind: String, CaseIterable {
    case transcription
    case riskDetection = "risk_detection"
    case riskDetectionDashed = "risk-detection"

    var kind: JobKind { JobKind(rawValue.replacing("-", with: "_"))! }
  }

  static func writeAccepted(_ job: Job, into writer: inout JSONWriter) {
    writer.member("task_id", job.id.description)
    writer.member("status", job.state.amongFive)
  }

  static func write(_ job: Job, into writer: inout JSONWriter) {
    writer.member("task_id", job.id.description)
    writer.member("type", job.kind.description)
    writer.member("status", job.state.amongFive)
    writer.member("priority", job.priority.level)
    writer.member("progress", Int(job.state == .completed ? 100 : job.progress.percent ?? 0))
    writer.member("message", job.progress.message)
    writer.member("created_at", job.createdAt.iso8601)
    writer.member("started_at", orNull: job.startedAt?.iso8601)
    writer.member("completed_at", orNull: job.finishedAt?.iso8601)
    writer.member("retry_count", max(0, job.attempt - 1))
    writer.member("max_retries", job.maxAttempts - 1)
    if case .inline(let payload)? = job.payload, let root = try? JSONDocument(bytes: payload.bytes).root {
      writer.member("metadata", root["metadata"]?.text)
    }
    writer.member("result", job.result ?? .null)
    writer.member("error", orNull: job.state == .completed ? nil : job.failure?.message)
  }

  static func write(_ answer: ShowStatistics.Answer, into writer: inout JSONWriter) {
    var counts: [JobState: Int] = [:]
    var totals = QueueTotals()
    for queue in answer.queues {
      counts.merge(queue.counts, uniquingKeysWith: +)
      totals.add(queue.totals)
    }
    writer.member("total", counts.values.reduce(0, +))
    writer.member("queued", answer.queues.reduce(0) { $0 + $1.waiting })
    writer.member("processing", counts[.running] ?? 0)
    writer.member("completed", counts[.completed] ?? 0)
    writer.member("failed", counts[.failed] ?? 0)
    writer.member("cancelled", counts[.cancelled] ?? 0)
    let ended = totals.completed + totals.failed
    writer.member("success_rate", number: ended == 0 ? 0 : Double(totals.completed) / Double(ended))
    writer.member("failure_rate", number: ended == 0 ? 0 : Double(totals.failed) / Double(ended))
    writer.object("queues") { list in
      for queue in answer.queues {
        list.object(named: queue.name.description) {
          $0.member("queued", queue.waiting)
          $0.member("processing", queue.running)
        }
      }
    }
    writer.array("workers") { list in
      for worker in answer.workers {
        list.object {
          $0.member("worker_id", worker.report.id.description)
          $0.member("status", worker.isLive ? (worker.jobs.isEmpty ? "idle" : "busy") : "stopped")
          $0.array("current_tasks") { tasks in for job in worker.jobs { tasks.element(job.description) } }
          $0.member("last_seen", worker.seenAt.iso8601)
        }
      }
    }
  }

  static func write(_ report: HealthReport, into writer: inout JSONWriter) {
    writer.member("status", report.status.rawValue)
    // Also while the queue goes on without it (broker.fallback).
    let isAway = report.alerts.contains { $0.condition == .broker }
    writer.member("redis", isAway ? "disconnected" : "connected")
    writer.member("queue_service", report.isBrokerAway ? "unavailable" : "available")
    writer.member("uptime_seconds", report.uptime?.components.seconds)
    writer.object("workers") {
      $0.member("active", report.liveWorkers)
      $0.member("lost", report.lostWorkers)
    }
    writer.member("timestamp", Timestamp.now.iso8601)
  }
}
