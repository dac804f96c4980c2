import EventLoop

extension FallbackBroker: JobQueue {
  package func enqueue(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    if localJobs.contains(request.id) { return try await acceptLocally(request) }
    if isReachable() { return try await shared.enqueue(request) }
    // The group that it names is kept by the shared broker.
    guard request.group == nil else { throw .unavailable }
    return try await acceptLocally(request)
  }

  private func acceptLocally(_ request: JobRequest) async throws(BrokerError) -> Acceptance {
    var acceptance: Acceptance
    do throws(BrokerError) { acceptance = try await local.enqueue(request) } catch { throw told(error) }
    accepted(acceptance.job.id)
    acceptance.durability = .local
    return acceptance
  }

  package func exchange(
    _ settlements: [LeaseSettlement], for request: LeaseRequest?
  ) async throws(BrokerError) -> Exchange {
    let isLocal = settlements.map { localJobs.contains($0.lease.job) }
    let here = zip(settlements, isLocal).filter(\.1).map(\.0)
    let there = zip(settlements, isLocal).filter { !$0.1 }.map(\.0)
    let isAway = !isReachable()
    let now = ContinuousClock.now
    for one in settlements { held.end(one.lease) }
    // At once, not after a time: what ends here meanwhile is not to wait for that.
    if isAway, !there.isEmpty { throw .unavailable }
    // The one that may fail goes first: what is then repeated is settled once all the same.
    var remotely = Exchange()
    if !there.isEmpty || (!isAway && (request != nil || here.isEmpty)) {
      remotely = try await shared.exchange(there, for: isAway ? nil : request)
      if let request { held.give(remotely.jobs, for: request.duration, at: now) }
    }
    var locally = Exchange()
    if !here.isEmpty { locally = try await local.exchange(here, for: nil) }
    if isAway, let request { locally.jobs = try await takeHere(request) }
    var outcomes: [SettlementOutcome] = []
    var (first, second) = (locally.outcomes[...], remotely.outcomes[...])
    for isLocal in isLocal {
      if let outcome = isLocal ? first.popFirst() : second.popFirst() { outcomes.append(outcome) }
    }
    return Exchange(outcomes: outcomes, jobs: locally.jobs + remotely.jobs)
  }

  /// Takes local jobs. What this process runs of the shared broker's counts for a queue's concurrency, too: that
  /// broker cannot be asked for what others run.
  private func takeHere(_ request: LeaseRequest) async throws(BrokerError) -> [LeasedJob] {
    var jobs: [LeasedJob] = []
    do throws(BrokerError) {
      for queue in request.queues where jobs.count < request.limit {
        var piece = request
        piece.queues = [queue]
        piece.limit -= jobs.count
        let bound = try await local.queue(queue)?.settings.concurrency
        if let bound {
          piece.limit = min(piece.limit, bound - held.count(in: queue, at: .now) - asked[queue, default: 0])
        }
        guard piece.limit > 0 else { continue }
        asked[queue, default: 0] += piece.limit
        defer { asked[queue, default: 0] -= piece.limit }
        let taken = try await local.exchange([], for: piece).jobs
        held.give(taken, for: request.duration, at: .now)
        jobs += taken
      }
    } catch {
      // Those that were given already are not lost over the others.
      if jobs.isEmpty { throw error }
    }
    return jobs
  }

  package func waitForWork(in queues: [QueueName], upTo timeout: Duration) async {
    // The other may become the one to ask at any moment.
    await active.waitForWork(in: queues, upTo: min(timeout, .seconds(1)))
  }

  package func passOnWork(in queues: [QueueName]) async { await active.passOnWork(in: queues) }

  package func report(
    _ progress: Progress, under lease: Lease
  ) async throws(BrokerError) -> ReportAnswer {
    try await home(of: lease.job).report(progress, under: lease)
  }

  package func log(_ lines: [String], under lease: Lease) async throws(BrokerError) -> LeaseStanding {
    try await home(of: lease.job).log(lines, under: lease)
  }

  package func job(_ id: JobID) async throws(BrokerError) -> Job? {
    try await home(of: id).job(id)
  }

  package func places(of ids: [JobID]) async throws(BrokerError) -> [JobID: QueuePlace] {
    let here = ids.filter(localJobs.contains)
    let there = ids.filter { !localJobs.contains($0) }
    var places = here.isEmpty ? [:] : try await local.places(of: here)
    if !there.isEmpty, isReachable() {
      places.merge(try await shared.places(of: there)) { $1 }
    }
    return places
  }

  package func logLines(of id: JobID) async throws(BrokerError) -> [String] {
    try await home(of: id).logLines(of: id)
  }

  package var warnings: [String] { shared.warnings + local.warnings }

  package func isAvailable() async -> Bool {
    if isReachable(), await shared.isAvailable() { return true }
    return await local.isAvailable()
  }
}

extension FallbackBroker: JobControl {
  package func cancel(
    _ id: JobID, reason: String?, forced: Bool
  ) async throws(BrokerError) -> Job {
    try await home(of: id).cancel(id, reason: reason, forced: forced)
  }

  package func retry(_ id: JobID, delay: Duration) async throws(BrokerError) -> Job {
    try await home(of: id).retry(id, delay: delay)
  }

  package func redrive(_ id: JobID, to queue: QueueName) async throws(BrokerError) -> Job {
    do throws(BrokerError) { return try await home(of: id).redrive(id, to: queue) } catch { throw told(error) }
  }

  package func promote(_ id: JobID) async throws(BrokerError) -> Job {
    try await home(of: id).promote(id)
  }

  package func reprioritise(_ id: JobID, to priority: Priority) async throws(BrokerError) -> Job {
    try await home(of: id).reprioritise(id, to: priority)
  }

  package func remove(_ id: JobID) async throws(BrokerError) -> Bool {
    try await home(of: id).remove(id)
  }

  package func maintain(
    limit: Int, _ rules: LossRules
  ) async throws(BrokerError) -> MaintenanceReport {
    let report = try await local.maintain(limit: limit, rules)
    return isReachable() ? try await shared.maintain(limit: limit, rules) : report
  }
}

/// Groups and schedules are kept by the shared broker alone.
extension FallbackBroker: JobGroups {
  package func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup {
    try await shared.create(request)
  }

  package func close(_ group: GroupID) async throws(BrokerError) -> JobGroup {
    try await shared.close(group)
  }

  package func group(_ id: GroupID) async throws(BrokerError) -> JobGroup? {
    try await shared.group(id)
  }

  package func jobs(
    of group: GroupID, limit: Int, cursor: String?
  ) async throws(BrokerError) -> JobPage {
    try await shared.jobs(of: group, limit: limit, cursor: cursor)
  }
}

extension FallbackBroker: ScheduleBook {
  @discardableResult
  package func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp? {
    try await shared.put(schedule, next: next)
  }

  package func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool {
    try await shared.remove(name)
  }

  package func schedules() async throws(BrokerError) -> [ScheduleStatus] {
    try await shared.schedules()
  }

  package func fire(
    _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
  ) async throws(BrokerError) -> JobID? {
    try await shared.fire(name, due: due, request: request, next: next)
  }
}

extension FallbackBroker: BrokerAudit {
  /// Of the shared broker: what is kept here is on its way there.
  package func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport {
    try await shared.audit(repairs: repairs, after: cursor, limit: limit)
  }
}

extension FallbackBroker: BrokerArchive {
  /// What is kept here, then what the shared broker holds, if it is there. A job that is handed over meanwhile
  /// comes from both, and is missed by neither. Queues are the shared broker's, or as they were last seen there.
  package func archive(
    after cursor: String?, limit: Int
  ) async throws(BrokerError) -> ArchivePage {
    // Whose page it is, and that broker's own place.
    let place = cursor.map { $0.dropFirst() }.flatMap { $0.isEmpty ? nil : String($0) }
    var page: ArchivePage
    if cursor?.first == "s" {
      page = try await shared.archive(after: place, limit: limit)
      page.next = page.next.map { "s" + $0 }
    } else {
      page = try await local.archive(after: place, limit: limit)
      let hasTheirs = isReachable()
      page.entries = page.entries.compactMap { entry in
        if case .queue = entry, hasTheirs { return nil }
        return shown(entry)
      }
      page.next = page.next.map { "l" + $0 } ?? (hasTheirs ? "s" : nil)
    }
    return page
  }

  package var isWhole: Bool { isReachable() }

  package func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport {
    try await shared.restore(entries)
  }

  package func discard(_ ids: [JobID]) async throws(BrokerError) { try await shared.discard(ids) }
}

extension FallbackBroker: RequestBudget {
  package func spendRequests(
    of user: String, upTo count: Int, within lead: Duration, limit: Int, window: Duration
  ) async throws(BrokerError) -> (count: Int, standing: BudgetStanding) {
    try await active.spendRequests(of: user, upTo: count, within: lead, limit: limit, window: window)
  }

  package func spendRequest(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try await active.spendRequest(of: user, limit: limit, window: window)
  }

  package func requestBudget(
    of user: String, limit: Int, window: Duration
  ) async throws(BrokerError) -> BudgetStanding {
    try await active.requestBudget(of: user, limit: limit, window: window)
  }
}
