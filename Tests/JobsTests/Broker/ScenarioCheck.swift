import EventLoop
import Jobs
import Support
import Testing

/// What holds after any scenario, whatever it was about: counts are what is there, limits were kept,
/// and each job told its life in order and its end once a generation.
struct ScenarioCheck {
  private static let users = ["alice", "bob"]
  /// Where the jobs go that tell that all events before them have arrived.
  private static let last = QueueName("audit")!

  private let broker: any Broker
  private let logs: [String: DeliveryLog]

  /// Watches from now on.
  init(of broker: any Broker) async throws {
    self.broker = broker
    var logs: [String: DeliveryLog] = [:]
    for user in Self.users {
      let log = await DeliveryLog()
      _ = try await broker.subscribe(to: .user(user)) { log.record($0) }
      logs[user] = log
    }
    self.logs = logs
  }

  /// Looks at everything. Says nothing of a broker that was closed meanwhile.
  func check() async throws {
    guard await broker.isAvailable() else { return }
    // Nothing is to become due while it is looked at.
    _ = try await broker.maintain(limit: 1000)
    let jobs = try await broker.allJobs(matching: JobFilter(limit: 200))
    try await consistent(broker, jobs)
    try await checkStore()
    for (user, log) in logs {
      let marker = try await broker.enqueue(.example(queue: Self.last, user: user)).job.id
      let events = try await log.events { $0.contains { $0.id == marker } }
      check(events.filter { $0.id != marker }, of: jobs.filter { $0.user == user })
    }
  }

  /// Nothing is wrong in the store, as far as its audit sees.
  private func checkStore() async throws {
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: false, after: cursor, limit: 1000)
      #expect(report.findings == [])
      cursor = report.next
      // What stands alone is looked for in all of a server, which others share.
    } while cursor?.hasPrefix("keys:") == false
  }

  // MARK: Events

  private struct Life: Hashable {
    let id: JobID
    let epoch: String
  }

  private func check(_ events: [JobEvent], of jobs: [Job]) {
    let records = Dictionary(
      jobs.map { (Life(id: $0.id, epoch: $0.position.epoch), $0) }, uniquingKeysWith: { $1 })
    let lives = Dictionary(grouping: events) { Life(id: $0.id, epoch: $0.position.epoch) }
    for (life, events) in lives { check(events, until: records[life]) }
    for (life, job) in records where lives[life] == nil {
      Issue.record("\(job.id) stands at \(job.position) and never told anything")
    }
  }

  private func check(_ events: [JobEvent], until record: Job?) {
    #expect(events[0].position.offset == 1, "\(events[0].id) began to tell late")
    for (earlier, later) in zip(events, events.dropFirst()) {
      #expect(earlier.position.offset < later.position.offset, "\(earlier) came before \(later)")
      #expect(earlier.at <= later.at, "\(earlier) came before \(later)")
      if earlier.state.isTerminal {
        #expect(!later.state.isTerminal, "\(earlier.id) ended twice: \(earlier), \(later)")
        #expect(["retried", "moved"].contains(later.reason), "\(later) follows an end")
      }
      let isPossible =
        later.class == .progress
        ? earlier.state == .running && later.state == .running
        : JobTransition.allCases.contains { $0.target(from: earlier.state) == later.state }
      #expect(isPossible, "no way leads from \(earlier) to \(later)")
    }
    guard let last = events.last else { return }
    guard let record else {
      #expect(last.state.isTerminal, "\(last.id) was forgotten before its end")
      return
    }
    #expect(last.position == record.position, "\(record) does not stand at \(last)")
    #expect(last.state == record.state && last.attempt == record.attempt)
    #expect(last.isStalled == record.isStalled && last.isCancelling == record.isCancelling)
  }
}

/// Counts are what a listing of all jobs shows, places are 1 to the last, limits are kept.
///
/// Not for the moment after a limit was lowered below what runs.
func consistent(_ broker: any Broker, _ jobs: [Job]) async throws {
  let queues = try await broker.queues()
  #expect(queues.map(\.name.description) == queues.map(\.name.description).sorted())
  let known = Set(queues.map(\.name))
  for job in jobs where !known.contains(job.queue) {
    #expect(job.state.isTerminal, "\(job) is in a queue that is not there")
  }
  for job in jobs { check(job) }
  for queue in queues {
    #expect(try await broker.queue(queue.name) == queue)
    try await check(queue, jobs.filter { $0.queue == queue.name }, on: broker)
  }
  for (id, own) in Dictionary(grouping: jobs.filter { $0.group != nil }, by: \.group) {
    if let id, let group = try await broker.group(id) { check(group, own) }
  }
}

/// A group counts its jobs, of the ended ones perhaps more than are on record.
private func check(_ group: JobGroup, _ jobs: [Job]) {
  for state in JobState.allCases {
    let count = jobs.count { $0.state == state }
    let counted = group.counts[state] ?? 0
    #expect(state.isTerminal ? counted >= count : counted == count, "\(group) counts \(state) wrongly")
  }
  #expect((group.finishedAt != nil) == (group.state == .finished), "\(group)")
  #expect(group.state != .closed || group.pending > 0, "\(group) waits for nothing")
  #expect((0...1000 * group.weight).contains(group.weightedPermille), "\(group)")
  #expect(group.pending > 0 || group.weightedPermille == 1000 * group.weight, "\(group)")
}

private func check(_ job: Job) {
  #expect((job.finishedAt != nil) == job.state.isTerminal, "\(job)")
  #expect((job.worker != nil) == (job.state == .running), "\(job)")
  #expect((job.queuePosition != nil) == (job.state == .queued), "\(job)")
  #expect(job.state != .running || job.startedAt != nil, "\(job)")
  #expect(job.result == nil || job.state == .completed, "\(job)")
  #expect(!job.isCancelling || job.state == .running, "\(job)")
  #expect(!job.isStalled || job.state == .running, "\(job)")
  #expect(job.pendingParents == 0 || job.state == .blocked || job.state.isTerminal, "\(job)")
  #expect(job.dueAt != nil || (job.state != .scheduled && job.state != .retrying), "\(job)")
}

private func check(_ queue: QueueStatus, _ jobs: [Job], on broker: any Broker) async throws {
  let name = queue.name
  for state in JobState.allCases {
    let count = jobs.count { $0.state == state }
    #expect(queue.counts[state] ?? 0 == count, "\(name) counts \(state) wrongly")
  }
  let queued = jobs.filter { $0.state == .queued }
  #expect(queue.levels.keys.sorted() == Array(1...10))
  for level in 1...10 {
    #expect(queue.levels[level] == queued.count { $0.priority.level == level }, "\(name) at \(level)")
  }
  let places = try await broker.places(of: jobs.map(\.id))
  #expect(Set(places.keys) == Set(queued.map(\.id)))
  #expect(places.values.map(\.position).sorted() == Array(1..<queued.count + 1))
  #expect(places.values.allSatisfy { $0.queue == name })
  for job in queued { #expect(job.queuePosition == places[job.id]?.position) }
  #expect(queue.oldestQueued == queued.first { $0.queuePosition == 1 }?.createdAt)

  if let limit = queue.settings.concurrency { #expect(queue.running <= limit, "\(name)") }
  for (user, own) in Dictionary(grouping: jobs, by: \.user) {
    let held = own.count { $0.state == .queued || $0.state == .running }
    let parked = own.count { $0.state == .blocked && $0.pendingParents == 0 }
    guard let window = queue.settings.userWindow else {
      #expect(parked == 0, "\(user) is kept waiting in \(name) for nothing")
      continue
    }
    #expect(held <= window, "\(user) has more in \(name) than one may have")
    #expect(parked == 0 || held == window, "\(user) has room in \(name), and a job is kept waiting")
  }
  switch queue.mode {
  case .draining: #expect(queue.running > 0, "\(name) is drained and does not say so")
  case .drainingBacklog: #expect(queue.running + queue.waiting > 0, "\(name) is drained")
  case .active, .paused: break
  }
}
