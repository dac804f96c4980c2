import EventLoop
import Jobs

/// Accepts a job.
struct Submit: LegacyVerb {
  var submission: JobSubmission

  init(_ submission: JobSubmission) { self.submission = submission }

  func carryOut(for call: LegacyCall) async throws -> Acceptance {
    var submission = submission
    submission.timeout = submission.timeout ?? call.mount.timeout
    return try await call.engine.jobs.submit(submission, by: call.identity)
  }

  static func job(of answer: Acceptance) -> Job? { answer.job }
}

/// Accepts a job and, where the system is mounted without a queue, waits for its end.
struct SubmitAndWait: LegacyVerb {
  var submission: JobSubmission

  init(_ submission: JobSubmission) { self.submission = submission }

  func carryOut(for call: LegacyCall) async throws -> Job {
    let accepted = try await Submit(submission).carryOut(for: call).job
    guard call.mount.isSynchronous, !accepted.state.isTerminal else { return accepted }
    return try await call.wait(for: accepted.id, known: accepted, upTo: .seconds(JobSubmission.week))
  }

  static func job(of answer: Job) -> Job? { answer }
}

/// A job as it stands.
struct Show: LegacyVerb {
  var id: JobID

  init(_ id: JobID) { self.id = id }

  func carryOut(for call: LegacyCall) async throws -> Job {
    try await call.engine.polled.job(id, for: call.identity)
  }

  static func job(of answer: Job) -> Job? { answer }
}

/// A job with what was asked for.
struct ShowWhole: LegacyVerb {
  var id: JobID

  init(_ id: JobID) { self.id = id }

  func carryOut(for call: LegacyCall) async throws -> Job {
    let jobs = call.engine.jobs
    return await jobs.shown(try await jobs.job(id, for: call.identity))
  }

  static func job(of answer: Job) -> Job? { answer }
}

/// A job once it has ended, or as it stands after the time.
struct Wait: LegacyVerb {
  var id: JobID
  var limit: Duration

  init(for id: JobID, upTo limit: Duration) {
    self.id = id
    self.limit = limit
  }

  func carryOut(for call: LegacyCall) async throws -> Job {
    try await call.wait(for: id, upTo: min(limit, call.mount.waitLimit))
  }

  static func job(of answer: Job) -> Job? { answer }
}

extension LegacyCall {
  /// The job once it has ended, or as it stands after `limit`, or when the client goes.
  func wait(for id: JobID, known: Job? = nil, upTo limit: Duration) async throws -> Job {
    call.exchange.expectAnswer(within: limit + .seconds(30))
    return try await JobWaiter.wait(
      for: .end, on: id, known: known, upTo: limit, by: call, in: engine.environment)
  }
}

/// Does one thing to a job.
struct Control: LegacyVerb {
  var id: JobID
  var action: JobAction

  init(_ id: JobID, _ action: JobAction) {
    self.id = id
    self.action = action
  }

  func carryOut(for call: LegacyCall) async throws -> JobActionOutcome {
    try await call.engine.jobs.control(id, action, by: call.identity)
  }

  static func job(of answer: JobActionOutcome) -> Job? {
    if case .job(let job) = answer { job } else { nil }
  }
}

/// Jobs by number, the newest first, as systems list them that have no cursors: those of several listings together.
struct List: LegacyVerb {
  var listings: [JobListing]
  var offset: Int
  var limit: Int

  /// The furthest that a listing may begin.
  static let furthest = 10_000

  func carryOut(for call: LegacyCall) async throws -> [Job] {
    var jobs: [Job] = []
    for listing in listings { jobs += try await newest(of: listing, for: call) }
    if listings.count > 1 { jobs.sort { ($0.createdAt, $0.id.description) > ($1.createdAt, $1.id.description) } }
    return Array(jobs.dropFirst(offset).prefix(limit))
  }

  private func newest(of listing: JobListing, for call: LegacyCall) async throws -> [Job] {
    var filter = listing.filter
    var jobs: [Job] = []
    repeat {
      filter.limit = min(200, offset + limit - jobs.count)
      let page = try await call.engine.jobs.jobs(JobListing(filter), for: call.identity)
      jobs += page.jobs
      filter.cursor = page.next
    } while filter.cursor != nil && jobs.count < offset + limit
    return jobs
  }
}
