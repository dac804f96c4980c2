package import Jobs

/// Something to be done to a job.
package enum JobAction: Hashable, Sendable {
  case cancel(reason: String?, isForced: Bool)
  case retry(delay: Duration)
  case redrive(to: QueueName)
  case promote
  case reprioritise(to: Priority)
  case remove

  /// The actions' names, as requests have them.
  package enum Name: String, Hashable, Sendable, CaseIterable {
    case cancel, retry, redrive, promote, reprioritise, remove
  }

  /// Reads what the action needs beside its name; nil with a fault.
  package init?(_ name: Name, from reader: inout MemberReader) {
    switch name {
    case .cancel:
      let reason = reader.text("reason", upTo: 1024)
      self = .cancel(reason: reason, isForced: reader.flag("force") ?? false)
    case .retry:
      self = .retry(
        delay: reader.seconds("delay", upTo: JobSubmission.year, mayBeZero: true) ?? .zero)
    case .redrive:
      reader.require("queue")
      guard let queue = reader.name("queue", { QueueName($0) }) else { return nil }
      self = .redrive(to: queue)
    case .promote: self = .promote
    case .reprioritise:
      reader.require("priority")
      guard let priority = reader.priority("priority") else { return nil }
      self = .reprioritise(to: priority)
    case .remove: self = .remove
    }
  }
}

extension JobAction {
  /// Whether a job is as this action would have it: nothing would be changed, and nothing refused.
  func leaves(_ job: Job) -> Bool {
    switch self {
    case .cancel(_, let isForced): job.state.isTerminal || (job.isCancelling && !isForced)
    case .reprioritise(let priority): !job.state.isTerminal && job.priority == priority
    case .retry, .redrive, .promote, .remove: false
    }
  }
}

extension Problem {
  /// That an action changed nothing about a job, and why.
  static func unchanged(_ job: Job, by action: JobAction) -> Problem {
    switch action {
    case .cancel where !job.state.isTerminal:
      Problem(.unchanged, status: 409, detail: "The job is being cancelled.")
    case .reprioritise(let priority):
      Problem(.unchanged, status: 409, detail: "The job's priority is \(priority.level).")
    default: Problem(BrokerError.wrongState(job.state))
    }
  }
}

/// What came of an action.
package enum JobActionOutcome: Hashable, Sendable {
  case job(Job)
  /// Whether the job is gone; false while a run has yet to end.
  case removed(Bool)
}

/// An action on all jobs that match, a page at a time.
package struct BulkRequest: Hashable, Sendable {
  package var action: JobAction
  package var listing: JobListing

  /// Reads `{"action":…,"filter":{…},"limit":…,"cursor":…}` and what the action needs. The filter must
  /// be there: that all jobs are meant is said by `{}`.
  package init(from reader: inout MemberReader) throws(Problem) {
    reader.require("action")
    reader.require("filter")
    let name = reader.word("action", as: JobAction.Name.self)
    let action = name.flatMap { JobAction($0, from: &reader) }
    var listing =
      reader.part("filter") { JobListing(from: &$0, withPage: false) } ?? JobListing(JobFilter())
    listing.filter.limit = reader.whole("limit", in: 1...200) ?? 100
    listing.filter.cursor = reader.text("cursor", upTo: 1000)
    try reader.finish()
    guard let action else { preconditionFailure("an action that could not be read passed as sound") }
    self.action = action
    self.listing = listing
  }
}

/// What came of a page of a bulk action.
package struct BulkReport: Hashable, Sendable {
  package struct Skipped: Hashable, Sendable {
    package var id: JobID
    package var problem: Problem
  }

  package var done: [JobID] = []
  package var skipped: [Skipped] = []
  /// Where to go on; nil after the last page.
  package var next: String?

  /// `{"done":[ids],"skipped":[{"id","code","detail"}],"cursor"}`.
  package var document: JSONText {
    var writer = JSONWriter()
    writer.object { report in
      report.array("done") { list in for id in done { list.element(id.description) } }
      report.array("skipped") { list in
        for one in skipped {
          list.object {
            $0.member("id", one.id.description)
            $0.member("code", one.problem.code.rawValue)
            $0.member("detail", one.problem.detail ?? one.problem.code.title)
          }
        }
      }
      report.member("cursor", next)
    }
    return writer.text
  }
}
