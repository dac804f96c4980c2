package import EventLoop
package import Jobs

/// One thing that can be asked for by name, over a socket (`rpc`) and over HTTP alike: what it reads
/// of the request, which verb it calls, what it answers.
package struct Procedure: Sendable {
  package let name: String
  let perform: @EventLoop @Sendable (inout MemberReader, Identity) async throws(Problem) -> Answer

  init(
    _ name: String,
    perform:
      @escaping @EventLoop @Sendable (inout MemberReader, Identity) async throws(Problem)
      -> Answer
  ) {
    self.name = name
    self.perform = perform
  }
}

/// What a procedure answers, before an edge gives it its form.
package enum Answer: Sendable {
  /// Over a socket `{"job":…}`, over HTTP the job itself with its links.
  case job(Job, estimate: WaitEstimate?)
  case jobs(JobPage)
  /// Over a socket `{"queue":…}`, over HTTP the queue itself with its version as ETag.
  case queue(QueueStatus, isNew: Bool)
  /// Over a socket `{"worker":…}`, over HTTP the worker itself.
  case worker(WorkerInfo)
  /// A thing of that name: over a socket `{"<name>":…}`, over HTTP the thing itself; 201 and its address
  /// where it is new.
  case item(String, JSONText, newAt: String?)
  /// A job that was submitted: over a socket `{"job":…}`, over HTTP 202 as for any submission.
  case accepted(Acceptance)
  /// A group, with what became of the jobs that came with it: 201 over HTTP where it is new.
  case group(GroupAcceptance)
  case document(JSONText)
  /// About something new: 201 over HTTP.
  case created(JSONText)
  /// Asked for, but not there yet: 202 over HTTP.
  case pending(JSONText)
  /// Over a socket `{}`, over HTTP 204.
  case nothing
}

/// Every procedure there is.
@EventLoop
package final class Procedures {
  private let table: [String: Procedure]

  package init(
    jobs: JobVerbs, groups: GroupVerbs, queues: QueueVerbs, workers: WorkerVerbs,
    schedules: ScheduleVerbs, backups: BackupVerbs, status: StatusVerbs, maintenance: MaintenanceVerbs,
    tokens: TokenVerbs, nodes: NodeVerbs, settings: GatewaySettings
  ) {
    let all =
      Self.jobs(jobs) + Self.groups(groups, settings) + Self.queues(queues) + Self.workers(workers)
      + Self.schedules(schedules, settings) + Self.backups(backups) + Self.status(status)
      + Self.maintenance(maintenance) + Self.tokens(tokens) + Self.nodes(nodes)
    table = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
  }

  package subscript(_ name: String) -> Procedure? { table[name] }

  /// Sorted.
  package var names: [String] { table.keys.sorted() }

  // MARK: Jobs

  private static func jobs(_ verbs: JobVerbs) -> [Procedure] {
    let actions: [(String, JobAction.Name)] = [
      ("job.cancel", .cancel), ("job.retry", .retry), ("job.redrive", .redrive),
      ("job.promote", .promote), ("job.reprioritise", .reprioritise), ("job.remove", .remove),
    ]
    return actions.map { name, action in
      Procedure(name) { reader, identity throws(Problem) in
        let id = try reader.jobID()
        let action = JobAction(action, from: &reader)
        try reader.finish()
        guard let action else { preconditionFailure("a fault of an action was not told") }
        switch try await verbs.control(id, action, by: identity) {
        case .job(let job): return .job(job, estimate: nil)
        case .removed(let isGone):
          let document = JSONText(unchecked: Array(#"{"removed":\#(isGone)}"#.utf8))
          return isGone ? .document(document) : .pending(document)
        }
      }
    } + [
      Procedure("job.get") { reader, identity throws(Problem) in
        let id = try reader.jobID()
        try reader.finish()
        let job = try await verbs.job(id, for: identity)
        return .job(await verbs.shown(job), estimate: await verbs.estimate(for: job))
      },
      Procedure("job.list") { reader, identity throws(Problem) in
        let listing = JobListing(from: &reader)
        try reader.finish()
        return .jobs(try await verbs.jobs(listing, for: identity))
      },
      Procedure("job.why") { reader, identity throws(Problem) in
        let id = try reader.jobID()
        try reader.finish()
        return .document(try await verbs.why(id, for: identity).document)
      },
      Procedure("job.log") { reader, identity throws(Problem) in
        let id = try reader.jobID()
        try reader.finish()
        let lines = try await verbs.logLines(of: id, for: identity)
        var writer = JSONWriter()
        writer.object { object in
          object.array("lines") { list in for line in lines { list.element(line) } }
        }
        return .document(writer.text)
      },
      Procedure("job.bulk") { reader, identity throws(Problem) in
        let request = try BulkRequest(from: &reader)
        return .document(try await verbs.bulk(request, by: identity).document)
      },
    ]
  }

  // MARK: Queues

  private static func queues(_ verbs: QueueVerbs) -> [Procedure] {
    [
      Procedure("queue.list") { reader, identity throws(Problem) in
        try reader.finish()
        let queues = try await verbs.queues(for: identity)
        var writer = JSONWriter(reserving: 4096)
        writer.object { object in
          object.array("queues") { list in
            for queue in queues { list.element(QueueDocument.text(of: queue)) }
          }
        }
        return .document(writer.text)
      },
      Procedure("queue.get") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        try reader.finish()
        return .queue(try await verbs.queue(name, for: identity), isNew: false)
      },
      Procedure("queue.set") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        let version = reader.version()
        reader.require("settings")
        let value = reader.value("settings")
        try reader.finish()
        guard let value else { preconditionFailure("settings that are missing passed as sound") }
        let settings = try QueueSettings().patched(with: value, at: "/settings", webhooks: verbs.webhooks)
        let set = try await verbs.set(name, to: settings, ifVersion: version, by: identity)
        return .queue(set.queue, isNew: set.isNew)
      },
      Procedure("queue.patch") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        let version = reader.version()
        reader.require("settings")
        let value = reader.value("settings")
        try reader.finish()
        guard let value else { preconditionFailure("settings that are missing passed as sound") }
        let queue = try await verbs.patch(name, with: value, ifVersion: version, by: identity)
        return .queue(queue, isNew: false)
      },
      Procedure("queue.pause") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        try reader.finish()
        return .queue(try await verbs.pause(name, by: identity), isNew: false)
      },
      Procedure("queue.resume") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        try reader.finish()
        return .queue(try await verbs.resume(name, by: identity), isNew: false)
      },
      Procedure("queue.drain") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        let mode = reader.word("mode", as: QueueVerbs.DrainMode.self) ?? .running
        try reader.finish()
        return .queue(try await verbs.drain(name, mode, by: identity), isNew: false)
      },
      Procedure("queue.clear") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        let states = reader.words("state", as: JobState.self)
        if states?.contains(.running) == true {
          let others = JobState.allCases.filter { $0 != .running }.map(\.rawValue).joined(separator: ", ")
          reader.fault("state", "is one of \(others); what runs is cancelled, never cleared")
        }
        let limit = reader.whole("limit", in: 1...500) ?? 500
        try reader.finish()
        let cleared = try await verbs.clear(name, states, limit: limit, by: identity)
        let text = #"{"removed":\#(cleared.removed),"more":\#(cleared.hasMore)}"#
        return .document(JSONText(unchecked: Array(text.utf8)))
      },
      Procedure("queue.delete") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        try reader.finish()
        try await verbs.delete(name, by: identity)
        return .nothing
      },
      Procedure("queue.stats") { reader, identity throws(Problem) in
        let name = try reader.queueName()
        let minutes = reader.minutes()
        try reader.finish()
        let statistics = try await verbs.statistics(of: name, minutes: minutes, for: identity)
        var writer = JSONWriter()
        writer.object {
          $0.member("queue", name.description)
          QueueDocument.write(statistics, into: &$0)
        }
        return .document(writer.text)
      },
    ]
  }

  // MARK: Workers, and the whole

  private static func workers(_ verbs: WorkerVerbs) -> [Procedure] {
    let directions: [(String, WorkerMode)] = [
      ("worker.quiet", .quiet), ("worker.resume", .running), ("worker.start", .running),
      ("worker.stop", .stopping),
    ]
    return directions.map { name, mode in
      Procedure(name) { reader, identity throws(Problem) in
        let id = try reader.workerID()
        try reader.finish()
        return .worker(try await verbs.direct(id, to: mode, by: identity))
      }
    } + [
      Procedure("worker.list") { reader, identity throws(Problem) in
        try reader.finish()
        let workers = try await verbs.workers(for: identity)
        var writer = JSONWriter(reserving: 1024)
        writer.object { object in
          object.array("workers") { list in
            for worker in workers { list.object { QueueDocument.write(worker, into: &$0) } }
          }
        }
        return .document(writer.text)
      }
    ]
  }

  private static func status(_ verbs: StatusVerbs) -> [Procedure] {
    [
      Procedure("stats") { reader, identity throws(Problem) in
        let minutes = reader.minutes()
        try reader.finish()
        return .document(try await verbs.statistics(minutes: minutes, for: identity))
      },
      Procedure("health") { reader, identity throws(Problem) in
        try reader.finish()
        return .document(try await verbs.health(for: identity).document)
      },
      Procedure("feed.forget") { reader, identity throws(Problem) in
        reader.require("consumer")
        let consumer = reader.text("consumer", upTo: 64)
        try reader.finish()
        guard let consumer else { preconditionFailure("a consumer that is missing passed as sound") }
        try await verbs.forget(FeedConsumer(consumer), by: identity)
        return .nothing
      },
    ]
  }
}

extension MemberReader {
  /// The job that a request names; a malformed id is as unknown as any other.
  mutating func jobID() throws(Problem) -> JobID {
    require("id")
    guard let text = name("id", { $0 }) else { throw .invalid(faults) }
    guard let id = JobID(text) else { throw .jobNotFound }
    return id
  }

  fileprivate mutating func queueName() throws(Problem) -> QueueName {
    require("name")
    guard let queue = name("name", { QueueName($0) }) else { throw .invalid(faults) }
    return queue
  }

  fileprivate mutating func workerID() throws(Problem) -> WorkerID {
    require("id")
    guard let text = name("id", { $0 }) else { throw .invalid(faults) }
    guard let id = WorkerID(text) else { throw Problem(BrokerError.workerNotFound) }
    return id
  }

  fileprivate mutating func version() -> Int? { whole("version", in: 0...Int.max) }

  fileprivate mutating func minutes() -> Int { whole("minutes", in: 1...1440) ?? 60 }
}
