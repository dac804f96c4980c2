import EventLoop
import Jobs

/// Adds a job to a queue, with Bull's options.
struct AddClipJob: LegacyVerb {
  private let id: String
  private let data: JSONText
  private let priority: Priority?
  private let delay: Duration
  private let attempts: Int?
  private let retry: RetryPolicy?
  private let timeout: Duration?

  init(to id: String, _ members: MemberReader) throws(Problem) {
    self.id = id
    var members = members
    members.require("data")
    let data = members.value("data")
    if data != nil, data?.object == nil { members.fault("data", "must be an object") }
    let options = members.part("options") { part in
      let options = (
        part.whole("priority", in: 0...2_097_152), part.whole("delay", in: 0...JobSubmission.year * 1000),
        part.whole("attempts", in: 0...100), part.backoff("backoff"),
        part.whole("timeout", in: 1...JobSubmission.week * 1000)
      )
      part.acceptRest()
      return options
    }
    self.data = try members.require(data).text
    let (priority, delay, attempts, retry, timeout) = options ?? (nil, nil, nil, nil, nil)
    // Bull's 1 is the most urgent; its 0 is no priority, which goes first there.
    self.priority = priority.flatMap { Priority(min(10, max(1, 11 - $0))) }
    self.delay = .milliseconds(delay ?? 0)
    // Bull tries once whatever it is told.
    self.attempts = attempts.map { max(1, $0) }
    self.retry = retry
    self.timeout = timeout.map { .milliseconds($0) }
  }

  func carryOut(for call: LegacyCall) async throws -> Job {
    let queue = try await call.clipQueue(id)
    var submission = JobSubmission(queue: queue.queue.name, kind: queue.type.kind, payload: data)
    if let priority { submission.priority = priority }
    if delay > .zero { submission.start = .after(delay) }
    submission.maxAttempts = attempts
    submission.retry = retry
    submission.timeout = timeout
    let job = try await Submit(submission).carryOut(for: call).job
    // With its data, however large.
    return await call.engine.jobs.shown(job)
  }

  static func job(of answer: Job) -> Job? { answer }
}

/// A job of a queue, by our id or by that which Bull gave it before it was imported; one of another queue is not found.
struct FindClipJob: LegacyVerb {
  private let queue: String
  private let job: String

  init(_ queue: String, _ job: String) {
    self.queue = queue
    self.job = job
  }

  func carryOut(for call: LegacyCall) async throws -> Job {
    let queue = try await call.clipQueue(queue).queue.name
    let id = JobID(job) ?? JobID(bull: job, in: queue.description)
    let job = try await ShowWhole(id).carryOut(for: call)
    guard job.queue == queue else { throw Problem.jobNotFound }
    return job
  }

  static func job(of answer: Job) -> Job? { answer }
}

/// Removes a job of a queue; answers whether it is gone. One that runs is cancelled first.
struct RemoveClipJob: LegacyVerb {
  private let find: FindClipJob

  init(_ queue: String, _ job: String) { find = FindClipJob(queue, job) }

  func carryOut(for call: LegacyCall) async throws -> Bool {
    let job = try await find.carryOut(for: call)
    switch try await Control(job.id, .remove).carryOut(for: call) {
    case .removed(let isGone): return isGone
    case .job: preconditionFailure("a removal that leaves the job")
    }
  }
}
