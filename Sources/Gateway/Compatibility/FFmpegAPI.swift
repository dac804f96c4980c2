import EventLoop
import Jobs

// S3, the FFmpeg API: a FastAPI service that runs ffmpeg with its callers' arguments and leaves the output in S3.
// docs/compatibility.md has a row for each line of its contract.

extension LegacyAPI {
  static let ffmpegAPI = LegacyAPI(
    name: "ffmpeg_api", port: 8000,
    dialect: LegacyDialect(.detail, words: [.jobNotFound: "Task not found"]),
    queues: [
      (
        .ffmpeg, .ffmpeg,
        .legacy {
          $0.description = "ffmpeg with its callers' arguments"
          $0.defaults.maxAttempts = 1
          $0.defaults.timeout = .seconds(3600)
          // Failed tasks stay for inspection.
          $0.failed = RetentionRule(age: .seconds(30 * 86_400))
        }
      )
    ],
    variables: [
      LegacyVariable("NUM_WORKERS", "workers.embedded"),
      LegacyVariable("LOG_LEVEL", "log.level") { $0.lowercased() },
      LegacyVariable("S3_BUCKET", "artifacts.bucket"), LegacyVariable("AWS_REGION", "artifacts.region"),
      LegacyVariable("AWS_ACCESS_KEY_ID", "artifacts.access_key"),
      LegacyVariable("AWS_SECRET_ACCESS_KEY", "artifacts.secret_key"),
    ]
  ) {
    LegacyRoute(.post, "/ffmpeg/register") { call in
      try FFmpegTask.submission(await call.members())
    } answer: { accepted, call in
      .json(.object { $0.write(accepted.job, at: call.mount) })
    }
    LegacyRoute(.get, "/ffmpeg/status/:id") {
      Show(try $0.job)
    } answer: { job, call in
      .json(.object { $0.write(job, at: call.mount) })
    }
    LegacyRoute(.get, "/ffmpeg/outputs/:id/:name") {
      SendArtifact(try $0.file, of: try $0.job)
    } answer: { file, _ in
      file
    }
    LegacyRoute(.get, "/ffmpeg/queue/size") { _ in
      ShowQueue(.ffmpeg)
    } answer: { queue, _ in
      .json(.object { $0.member("queue_size", queue.waiting) })
    }
    LegacyRoute(.post, "/execute/:id") { call in
      Wait(for: try call.job, upTo: call.mount.waitLimit)
    } answer: { job, call in
      .json(.object { $0.write(job, at: call.mount) })
    }
  }
}

extension QueueName {
  fileprivate static let ffmpeg = QueueName("ffmpeg")!
}

extension JobKind {
  fileprivate static let ffmpeg = JobKind("ffmpeg")!
}

private enum FFmpegTask {
  static func submission(_ members: MemberReader) throws(Problem) -> Submit {
    var members = members
    members.require("command")
    members.require("input_files")
    members.require("output_filename")
    let command = members.text("command", upTo: 16 << 10)
    let output = members.text("output_filename", upTo: 255)
    let inputs = members.value("input_files")
    if let inputs, !(inputs.object?.allSatisfy { $0.value.string != nil } ?? false) {
      members.fault("input_files", "must be an object of file names and their addresses")
    }
    let priority = members.priority("priority")
    try members.check()
    guard let command, let output, let inputs else {
      preconditionFailure("a member that is missing passed as sound")
    }
    var submission = JobSubmission(
      queue: .ffmpeg, kind: .ffmpeg,
      payload: .object {
        $0.member("command", command)
        $0.member("inputs", inputs.text)
        $0.member("output", output)
      })
    if let priority {
      submission.priority = priority
      submission.namesPriority = true
    }
    return Submit(submission)
  }

  static func word(for state: JobState) -> String {
    switch state {
    case .scheduled, .blocked, .queued, .retrying: "pending"
    case .running: "running"
    case .completed: "completed"
    // It knows four words.
    case .failed, .cancelled: "failed"
    }
  }
}

extension JSONWriter {
  fileprivate mutating func write(_ job: Job, at mount: LegacyMount) {
    member("task_id", job.id.description)
    member("status", FFmpegTask.word(for: job.state))
    let made = job.result.flatMap { try? JSONDocument(bytes: $0.bytes).root }?["artifacts"]?.array?.first
    let url = made?["url"]?.string.map { mount.showingFiles(of: job.id, at: "/ffmpeg/outputs/\(job.id)", in: $0) }
    member("output_url", orNull: made?["location"]?.string ?? url)
    member(
      "error_message", orNull: job.state == .cancelled ? "cancelled" : job.state == .failed ? job.failure?.message : nil
    )
  }
}

extension JSONWriter {
  /// A member that is there whatever it holds.
  mutating func member(_ name: StaticString, orNull text: String?) {
    if let text { member(name, text) } else { member(name, JSONText.null) }
  }
}

extension JSONText {
  static let null = JSONText(unchecked: Array("null".utf8))
}
