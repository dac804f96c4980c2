import EventLoop
import Jobs

// S2, the RQ video generator: a Flask service that makes a video of images and a sound.
// docs/compatibility.md has a row for each line of its contract.

extension LegacyAPI {
  static let videoGenerator = LegacyAPI(
    name: "video_generator", port: 5000,
    dialect: LegacyDialect(.failure, words: [.jobNotFound: "Job not found", .notFound: "Not found"]),
    queues: [
      (
        .videos, .slideshow,
        .legacy {
          $0.description = "Videos of images and a sound"
          $0.defaults.maxAttempts = 1
          $0.defaults.timeout = .seconds(600)
          // RQ's own: how long a result, and a failed job, are kept.
          $0.completed = RetentionRule(age: .seconds(500))
          $0.failed = RetentionRule(age: .seconds(365 * 86_400))
        }
      )
    ],
    variables: [LegacyVariable("REDIS_URL", "broker.url"), LegacyVariable("PORT", "gateway.port")],
    hasSynchronousMode: true,
    greeting: { redis, isSynchronous, address in
      let mode: String? =
        switch (redis, isSynchronous) {
        case (nil, true): "No REDIS_URL found - running without queue (synchronous mode)"
        case (_?, true): "Running without queue (synchronous mode)"
        case (let redis?, false): "Connected to Redis Queue: \(redis)"
        case (nil, false): nil
        }
      return [mode, "Server starting at: \(address)"].compactMap(\.self)
    },
    workerGreeting: { redis in
      [
        "RQ Worker starting...", "Connected to Redis: \(redis)",
        "Listening on queues: \(QueueName.videos), \(QueueName.default)",
      ]
    }
  ) {
    LegacyRoute(.post, "/upload") { _ in
      AddToSession(field: .images)
    } answer: { session, call in
      .json(.object { $0.write(session, naming: "images", at: call.mount) })
    }
    LegacyRoute(.post, "/upload_audio") { _ in
      AddToSession(field: .audio)
    } answer: { session, call in
      .json(.object { $0.write(session, naming: "audio", at: call.mount) })
    }
    LegacyRoute(.post, "/generate_video") { call in
      try await GenerateVideo(from: call.members())
    } answer: { job, call in
      // Who waits and is asked away by a gateway that ends is told where to go on.
      guard call.mount.isSynchronous, job.state.isTerminal else {
        return .json(
          .object {
            $0.member("success", true)
            $0.member("job_id", job.id.description)
            $0.member("message", "Video generation started in background")
            $0.member("status_url", call.mount.address("/job_status/\(job.id)"))
            $0.member("estimated_time", "30 seconds")
          })
      }
      guard job.state == .completed else {
        return .json(
          .object {
            $0.member("success", false)
            $0.member("error", job.failure?.message ?? "The job is \(job.state.rawValue).")
          }, status: 500)
      }
      return .json(.object { $0.writeVideo(of: job, at: call.mount) })
    }
    LegacyRoute(.get, "/job_status/:id") {
      Show(try $0.importedJob)
    } answer: { job, call in
      .json(.object { $0.writeStatus(of: job, at: call.mount) })
    }
    LegacyRoute(.get, "/download/:id") {
      SendArtifact(of: try $0.importedJob)
    } answer: { file, _ in
      file
    }
  }
}

extension QueueName {
  /// The second of its queues is ours too: `default`.
  fileprivate static let videos = QueueName("video_generation")!
}

extension JobKind {
  fileprivate static let slideshow = JobKind("slideshow")!
}

/// Adds files to a session, which begins with its first.
private struct AddToSession: LegacyVerb {
  enum Field { case images, audio }

  var field: Field

  struct Answer: Sendable {
    var session: SessionFolder
    var added: [Upload]
    var count: Int
  }

  func carryOut(for call: LegacyCall) async throws -> Answer {
    let form = try await ReceiveFiles().carryOut(for: call)
    let name = form.fields["session_id"] ?? call.request.parameter("session_id")
    var faults: [Problem.Fault] = []
    let session = name.map { SessionFolder($0) } ?? SessionFolder()
    if session == nil { faults.append(.init("/session_id", "must be a UUID")) }
    if form.files.isEmpty { faults.append(.init("", "holds no file")) }
    guard faults.isEmpty, let session else { throw Problem.invalid(faults) }
    let uploads = form.files.map(\.upload)
    let owner = call.identity.user
    do throws(ArtifactError) {
      // Only images make the film; a sound is named by its own id.
      if field == .images {
        for upload in uploads { try await call.engine.files.add(upload.id, to: session, of: owner) }
      }
      return Answer(
        session: session, added: uploads,
        count: try await call.engine.files.uploads(in: session, of: owner).count)
    } catch { throw Problem(error) }
  }
}

/// Has a video made of a session's images.
private struct GenerateVideo: LegacyVerb {
  private let session: SessionFolder
  private let audio: UploadID?
  private let duration: Double
  private let transition: String
  private let resolution: String
  private let priority: Priority?

  /// The most images that a video is made of.
  private static let imageLimit = 200

  init(from members: MemberReader) throws {
    var members = members
    members.require("session_id")
    let session = members.name("session_id", wanted: "must be a UUID") { SessionFolder($0) }
    audio = members.name("audio_id", wanted: "must be a UUID") { UploadID(uuid: $0) }
    duration = members.number("duration", in: 0.1...60) ?? 3
    transition = members.text("transition", upTo: 32) ?? "none"
    resolution =
      members.name("resolution", wanted: "must be like 1920x1080, even and from 16 to 7680") {
        Self.isSize($0) ? $0 : nil
      }
      ?? "1920x1080"
    priority = members.priority("priority")
    self.session = try members.require(session)
  }

  private static func isSize(_ text: String) -> Bool {
    guard let sides = text.wholeMatch(of: /([0-9]{2,4})x([0-9]{2,4})/) else { return false }
    return [sides.1, sides.2].allSatisfy { Int($0).map { (16...7680).contains($0) && $0 % 2 == 0 } ?? false }
  }

  func carryOut(for call: LegacyCall) async throws -> Job {
    let files = call.engine.files
    let owner = call.identity.user
    let images: [UploadID]
    var hasAudio = true
    do throws(ArtifactError) {
      images = try await files.uploads(in: session, of: owner)
      if let audio { hasAudio = try await files.upload(audio, of: owner) != nil }
    } catch { throw Problem(error) }
    guard hasAudio else { throw Problem(.notFound, status: 404, detail: "Audio not found") }
    guard !images.isEmpty else { throw Problem(.notFound, status: 404, detail: "Session not found") }
    guard images.count <= Self.imageLimit else {
      throw Problem.invalid([.init("/session_id", "has more than \(Self.imageLimit) images")])
    }
    var submission = JobSubmission(
      queue: .videos, kind: .slideshow,
      payload: .object {
        $0.array("images") { list in for image in images { list.element("upload:\(image)") } }
        $0.member("audio", audio.map { "upload:\($0)" })
        $0.member("duration", number: duration)
        $0.member("transition", transition)
        $0.member("resolution", resolution)
        $0.member("session", session.description)
        $0.member("audio_name", audio?.uuid)
      })
    if let priority {
      submission.priority = priority
      submission.namesPriority = true
    }
    return try await SubmitAndWait(submission).carryOut(for: call)
  }

  static func job(of answer: Job) -> Job? { answer }
}

extension JSONWriter {
  fileprivate mutating func write(
    _ answer: AddToSession.Answer, naming field: StaticString, at mount: LegacyMount
  ) {
    member("success", true)
    member("session_id", answer.session.description)
    if let upload = answer.added.first { member("\(field)" == "audio" ? "audio_id" : "image_id", upload.id.uuid) }
    array(field) { list in
      for upload in answer.added {
        list.object {
          $0.member("id", upload.id.uuid)
          $0.member("filename", upload.name.description)
          $0.member("size", upload.size)
        }
      }
    }
    member("count", answer.count)
  }

  fileprivate mutating func writeStatus(of job: Job, at mount: LegacyMount) {
    let words = RQWords(for: job)
    member("job_id", job.id.description)
    member("status", words.status)
    member("stage", words.stage)
    member("progress", words.progress)
    switch job.state {
    case .completed: object("result") { $0.writeVideo(of: job, at: mount) }
    case .failed, .cancelled:
      member("message", job.progress.message ?? job.failure?.message ?? "The job was \(job.state.rawValue).")
      member("error", job.failure?.message ?? "The job was \(job.state.rawValue).")
    case .running: member("message", job.progress.message ?? "Job is starting...")
    case .queued: member("message", "Job is queued, waiting to start...")
    case .scheduled: member("message", "Job is scheduled, waiting for its time...")
    case .blocked: member("message", "Job is deferred, waiting for other jobs...")
    case .retrying: member("message", job.failure?.message ?? "Job will be tried again...")
    }
  }

  fileprivate mutating func writeVideo(of job: Job, at mount: LegacyMount) {
    let result = job.result.flatMap { try? JSONDocument(bytes: $0.bytes).root }
    member("success", true)
    member("video_id", job.id.description)
    member("download_url", mount.address("/download/\(job.id)"))
    member("file_size", result?["artifacts"]?.array?.first?["bytes"]?.int ?? 0)
  }
}

/// RQ's words for a job's state, and the service's own beside them.
private struct RQWords {
  var status: String
  var stage: String
  /// Percent, whole; 100 of completed jobs only.
  var progress: Int

  init(for job: Job) {
    let percent = min(99, Int(job.progress.percent ?? 0))
    (status, stage, progress) =
      switch job.state {
      case .scheduled: ("scheduled", "scheduled", 0)
      case .blocked: ("deferred", "queued", 0)
      case .queued: ("queued", "queued", 0)
      case .running: ("started", job.isCancelling ? "cancelling" : "processing", percent)
      case .retrying: ("scheduled", "retrying", percent)
      case .completed: ("finished", "completed", 100)
      case .failed: ("failed", "failed", percent)
      case .cancelled: ("canceled", "canceled", percent)
      }
  }
}
