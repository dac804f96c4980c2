import EventLoop
import Foundation
import Jobs

// S1, the Demucs queue: a Go service that separates the voices of a video's sound from its music.
// docs/compatibility.md has a row for each line of its contract.

extension LegacyAPI {
  static let demucs = LegacyAPI(
    name: "demucs", port: 8888, dialect: LegacyDialect(.error, words: [.jobNotFound: "job not found"]),
    queues: [
      (
        .demucs, .demucs,
        .legacy {
          $0.description = "Stem separation"
          // Two Demucs at the same time, over all workers; none is tried twice.
          $0.concurrency = 2
          $0.defaults.maxAttempts = 1
          $0.failed = RetentionRule(age: .seconds(86_400))
        }
      )
    ]
  ) {
    LegacyRoute(.post, "/process-video") { call in
      try await Separation.submission(call)
    } answer: { accepted, call in
      .json(
        .object {
          $0.member("job_id", accepted.job.id.description)
          $0.member("status", accepted.job.state.amongFive)
          $0.member("status_url", call.mount.address("/queue/job/\(accepted.job.id)/status"))
        }, status: 202)
    }
    LegacyRoute(.get, "/queue/status") { _ in
      ShowQueue(.demucs)
    } answer: { queue, _ in
      .json(.object { $0.object("queue_status") { Separation.write(queue.levels, all: true, into: &$0) } })
    }
    LegacyRoute(.get, "/queue/worker/status") { _ in
      ShowWorkers(of: .demucs)
    } answer: { standing, _ in
      .json(.object { Separation.write(standing, into: &$0) })
    }
    LegacyRoute(.get, "/queue/job/:id/status") {
      Show(try $0.job)
    } answer: { job, _ in
      .json(.object { Separation.write(job, into: &$0) })
    }
    LegacyRoute(.get, "/queue/job/:id/result") {
      Show(try $0.job)
    } answer: { job, call in
      .json(.object { Separation.writeResult(of: job, at: call.mount, into: &$0) }, status: Separation.status(of: job))
    }
    LegacyRoute(.get, "/queue/job/:id/files/:name") {
      SendArtifact(try $0.file, of: try $0.job)
    } answer: { file, _ in
      file
    }
    LegacyRoute(.get, "/queue/job/:id/wait") { call in
      var parameters = call.parameters
      // However long it is, nobody waits longer than the limit.
      let timeout = parameters.seconds("timeout", upTo: 1_000_000_000, mayBeZero: true) ?? .seconds(300)
      try parameters.check()
      return Wait(for: try call.job, upTo: timeout)
    } answer: { job, call in
      .json(
        .object {
          guard job.state.isTerminal else {
            Separation.write(job, into: &$0)
            return $0.member("timed_out", true)
          }
          Separation.writeResult(of: job, at: call.mount, into: &$0)
        })
    }
    LegacyRoute(.post, "/queue/worker/start") { _ in
      SetWorking(.demucs, true)
    } answer: { standing, _ in
      .json(
        .object {
          $0.member("message", "Worker started")
          Separation.write(standing, into: &$0)
        })
    }
    LegacyRoute(.post, "/queue/worker/stop") { _ in
      SetWorking(.demucs, false)
    } answer: { standing, _ in
      .json(
        .object {
          $0.member("message", "Worker stopped")
          Separation.write(standing, into: &$0)
        })
    }
  }
}

extension QueueName {
  fileprivate static let demucs = QueueName("demucs")!
}

extension JobKind {
  fileprivate static let demucs = JobKind("demucs")!
}

/// What the system says of its jobs.
private enum Separation {
  /// A video or a sound as a form's file, or `{"input":"https://…"}` with the members that the service made its jobs of.
  @EventLoop
  static func submission(_ call: LegacyCall) async throws -> Submit {
    let (members, file) = try await FormReceiver.members(of: call)
    var reader = members
    // The names of its jobs' fields too: Go reads members whatever their case.
    let input =
      file ?? reader.text("input", upTo: 4096) ?? reader.text("audioPath", upTo: 4096)
      ?? reader.text("AudioPath", upTo: 4096)
    if input == nil { reader.fault("input", "is missing: a file, an https:// address or upload:upl_…") }
    let stem = reader.text("stem_type") ?? reader.text("StemType") ?? "no_vocals"
    let priority = reader.priority("priority") ?? reader.priority("Priority")
    let retries = reader.whole("max_retries", in: 0...99)
    let source = try reader.require(input)
    var submission = JobSubmission(
      queue: .demucs, kind: .demucs,
      payload: .object {
        $0.member("input", source)
        $0.member("stem", stem)
      })
    if let priority {
      submission.priority = priority
      submission.namesPriority = true
    } else if let most = call.identity.maxPriority, most >= vip.level {
      // Its VIPs are those whose token lets them ask for more than others.
      submission.priority = vip
    }
    submission.maxAttempts = retries.map { $0 + 1 }
    submission.reuses = call.settings.reusableKinds.contains(submission.kind)
    return Submit(submission)
  }

  private static let vip = Priority(8)!

  static func write(_ job: Job, into writer: inout JSONWriter) {
    writer.member("job_id", job.id.description)
    writer.member("status", job.state.amongFive)
  }

  static func writeResult(of job: Job, at mount: LegacyMount, into writer: inout JSONWriter) {
    write(job, into: &writer)
    switch job.state {
    case .completed: writer.member("result", job.result.map { result(of: job, at: mount, $0) } ?? .emptyObject)
    case .failed, .cancelled:
      writer.member("error", job.failure?.message ?? "The job was \(job.state.rawValue).")
    default: break
    }
  }

  private static func result(of job: Job, at mount: LegacyMount, _ result: JSONText) -> JSONText {
    let text = mount.showingFiles(of: job.id, at: "/queue/job/\(job.id)/files", in: result.description)
    return JSONText(unchecked: Array(text.utf8))
  }

  /// Of an answer with the result: 202 while there is none yet.
  static func status(of job: Job) -> Int {
    switch job.state {
    case .completed: 200
    case .failed: 500
    case .cancelled: 409
    default: 202
    }
  }

  /// `"priority_10":0`, all ten or those that are not empty.
  static func write(_ levels: [Int: Int], all: Bool, into writer: inout JSONWriter) {
    for level in 1...10 {
      let count = levels[level] ?? 0
      if all || count > 0 {
        writer.member(named: "priority_\(level)", JSONText(unchecked: Array(String(count).utf8)))
      }
    }
  }

  static func write(
    _ standing: (queue: QueueStatus, workers: [WorkerInfo]), into writer: inout JSONWriter
  ) {
    let (queue, workers) = standing
    writer.member("is_running", queue.mode.serves && workers.contains { $0.report.mode == .running })
    writer.member("max_workers", min(4, ProcessInfo.processInfo.activeProcessorCount))
    writer.member("max_concurrent", queue.settings.concurrency ?? workers.slots)
    writer.member("active_workers", queue.running)
    writer.object("queue_status") { write(queue.levels, all: false, into: &$0) }
  }
}
