import Jobs

/// What a broker should do, said as plainly as possible: one array in the order of acceptance, no
/// indexes, no time.
///
/// Time is in the steps instead: a lease runs out when a step says so, a retry is due at once or
/// never. So the same model judges a broker whose clock is ours and one whose clock is Redis's.
struct BrokerModel {
  /// The parts of a job that a broker and the model must agree on.
  struct Entry: Equatable, CustomStringConvertible {
    let id: JobID
    let queue: QueueName
    let user: String
    let priority: Priority
    let maxAttempts: Int
    var state = JobState.queued
    var attempt = 0
    var lost = 0
    var permille: Int?
    var isCancelling = false
    var failure: String?
    var place: Int?

    var description: String {
      """
      \(id) \(queue) p\(priority.level) \(state) \(attempt)/\(maxAttempts) lost \(lost) \
      at \(permille ?? -1) cancelling \(isCancelling) failure \(failure ?? "-") place \(place ?? 0)
      """
    }
  }

  private(set) var entries: [Entry] = []
  private var keys: [String: (request: String, index: Int)] = [:]
  /// The number of the lease in force or last in force, by index.
  private var leases: [Int: Int] = [:]
  /// The index of the job that each lease ever given was of.
  private var owners: [Int: Int] = [:]
  /// Whether that lease ended its job.
  private var endings: Set<Int> = []
  private var lastLease = 0

  let maxLost: Int

  init(maxLost: Int) { self.maxLost = maxLost }

  /// Every job, newest first, with its place.
  var listing: [Entry] {
    var listed = entries
    for queue in Set(entries.map(\.queue)) {
      for (place, index) in line(of: queue).enumerated() { listed[index].place = place + 1 }
    }
    return listed.reversed()
  }

  func index(of id: JobID) -> Int? { entries.firstIndex { $0.id == id } }

  /// The waiting jobs of a queue, next first.
  private func line(of queue: QueueName) -> [Int] {
    entries.indices.filter { entries[$0].queue == queue && entries[$0].state == .queued }
      .sorted { (-entries[$0].priority.level, $0) < (-entries[$1].priority.level, $1) }
  }

  /// The id of the job the request leads to, and whether it is a replay; nil for a refused key.
  mutating func submit(_ request: JobRequest) -> (id: JobID, isReplay: Bool)? {
    if index(of: request.id) != nil { return (request.id, true) }
    if let key = request.idempotencyKey {
      let scope = "\(request.user)/\(key)"
      if let used = keys[scope] {
        return used.request == request.fingerprint ? (entries[used.index].id, true) : nil
      }
      keys[scope] = (request.fingerprint, entries.count)
    }
    entries.append(
      Entry(
        id: request.id, queue: request.queue, user: request.user, priority: request.priority,
        maxAttempts: request.maxAttempts ?? 3))
    return (request.id, false)
  }

  /// The jobs that are taken, each with its attempt and the number of its lease.
  mutating func lease(
    from queues: [QueueName], limit: Int
  ) -> [(id: JobID, attempt: Int, lease: Int)] {
    var taken: [(id: JobID, attempt: Int, lease: Int)] = []
    for queue in queues {
      for index in line(of: queue).prefix(limit - taken.count) {
        lastLease += 1
        leases[index] = lastLease
        owners[lastLease] = index
        entries[index].state = .running
        entries[index].attempt += 1
        entries[index].permille = nil
        taken.append((entries[index].id, entries[index].attempt, lastLease))
      }
    }
    return taken
  }

  private func holder(_ lease: Int) -> Int? {
    guard let index = owners[lease], leases[index] == lease, entries[index].state == .running
    else { return nil }
    return index
  }

  func standing(of lease: Int) -> LeaseStanding {
    guard let index = holder(lease) else { return .lost }
    return entries[index].isCancelling ? .cancelRequested : .held
  }

  mutating func report(permille: Int, under lease: Int) -> LeaseStanding {
    if let index = holder(lease) {
      entries[index].permille = max(permille, entries[index].permille ?? 0)
    }
    return standing(of: lease)
  }

  /// `isDue`: the retry of a failure may begin at once, and the broker was made to notice.
  mutating func settle(_ lease: Int, _ settlement: Settlement, isDue: Bool) -> SettlementOutcome {
    guard let index = holder(lease) else {
      guard let index = owners[lease], endings.contains(lease) else { return .leaseLost }
      return .settled(entries[index].state)
    }
    switch settlement {
    case .complete:
      entries[index].permille = 1000
      end(index, .completed, nil)
    case .cancel(let failure): end(index, .cancelled, failure.code)
    case .fail where entries[index].isCancelling, .release where entries[index].isCancelling:
      end(index, .cancelled, "cancelled")
    case .release:
      entries[index].attempt -= 1
      requeue(index)
      return .settled(.queued)
    case .fail(let failure, let retry):
      guard retry != .never, entries[index].attempt < entries[index].maxAttempts else {
        end(index, .failed, failure.code)
        break
      }
      entries[index].failure = failure.code
      if isDue { requeue(index) } else { entries[index].state = .retrying }
      return .settled(.retrying)
    }
    endings.insert(lease)
    return .settled(entries[index].state)
  }

  /// Nil for an unknown id; else whether the job's worker is to be told.
  mutating func cancel(_ id: JobID) -> Bool? {
    guard let index = index(of: id) else { return nil }
    if entries[index].state == .running {
      entries[index].isCancelling = true
      return true
    }
    if !entries[index].state.isTerminal { end(index, .cancelled, "cancelled") }
    return false
  }

  /// The leases `overdue` have run out, longest ago first.
  mutating func reap(overdue: [Int]) -> MaintenanceReport {
    var report = MaintenanceReport()
    for index in overdue.compactMap(holder) {
      entries[index].lost += 1
      if entries[index].isCancelling {
        end(index, .cancelled, "cancelled")
        report.cancelled.append(entries[index].id)
      } else if entries[index].lost >= maxLost {
        end(index, .failed, "lost")
        report.failed.append(entries[index].id)
      } else {
        entries[index].attempt -= 1
        requeue(index)
        report.requeued.append(entries[index].id)
      }
    }
    return report
  }

  private mutating func requeue(_ index: Int) {
    entries[index].state = .queued
    entries[index].permille = nil
  }

  private mutating func end(_ index: Int, _ state: JobState, _ failure: String?) {
    entries[index].state = state
    entries[index].isCancelling = false
    entries[index].failure = failure
  }
}

extension BrokerModel.Entry {
  /// The same parts of a job as a broker tells it. Why an earlier attempt failed is only compared
  /// where it must be told: while the job waits for the next one, and at its end.
  init(_ job: Job) {
    self.init(
      id: job.id, queue: job.queue, user: job.user, priority: job.priority,
      maxAttempts: job.maxAttempts, state: job.state, attempt: job.attempt,
      lost: job.lostDeliveries,
      permille: job.progress.percent.map { Int(($0 * 10).rounded()) },
      isCancelling: job.isCancelling, failure: job.failure?.code, place: job.queuePosition)
  }

  /// Without what need not agree.
  var comparable: BrokerModel.Entry {
    var entry = self
    if state == .queued || state == .running { entry.failure = nil }
    return entry
  }
}
