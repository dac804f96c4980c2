import Jobs

extension BrokerModel {
  /// A job.
  struct Entry {
    let request: JobRequest
    /// Its place in the order of acceptance.
    let number: Int64
    var queue: QueueName
    var priority: Priority
    var base: Int64 = 0
    var score = QueueScore(base: 0, priority: .normal, ageing: nil)
    var state = JobState.blocked
    var attempt = 0
    var lost = 0
    var permille: Int?
    var isCancelling = false
    var isStalled = false
    /// It is forgotten when it ends.
    var isDoomed = false
    var failure: String?
    /// Its parents that have not ended.
    var pending: [JobID] = []
    /// When its start, or its next attempt, comes.
    var delay = Delay.none
    /// Its start was never to come: nor does the limit that counts from there.
    var wasFar = false
    var hasStarted = false
    /// The lease in force is its first start.
    var isFirstStart = false
    /// Whether its acceptance gave it limits of its time: until its start, and in all.
    var hasStartLimit = false
    var hasTotalLimit = false
    /// It passed a limit of its time, and nobody has looked yet.
    var isLate = false
    /// What a priority level was worth when it got its place; nil: priorities were strict.
    var ageing: Duration?
    /// Its number in the order in which jobs ended.
    var ending = 0
    /// The number of the lease in force, or last in force.
    var lease: Int?
    /// That lease ended it.
    var endedByLease = false
    var worker: WorkerID?

    init(request: JobRequest, number: Int64) {
      self.request = request
      self.number = number
      queue = request.queue
      priority = request.priority
    }

    var id: JobID { request.id }
    var user: String { request.user }
    /// It waits for room for its user.
    var isParked: Bool { state == .blocked && pending.isEmpty }

    /// What it fails with when it is late.
    var lateness: String { hasStartLimit ? "not_started_in_time" : "total_timeout" }
    var isLimited: Bool { hasStartLimit || hasTotalLimit }

    mutating func rank() { score = QueueScore(base: base, priority: priority, ageing: ageing) }
  }

  /// How long a job waits for its time.
  enum Delay {
    case none
    /// Until the next ``promoteDue()``.
    case soon
    /// It never comes by itself.
    case far
  }

  /// What watchers hear of a change.
  struct Told: Equatable, CustomStringConvertible {
    let state: JobState
    let attempt: Int
    let reason: String?

    var description: String { "\(state) \(attempt)" + (reason.map { " \($0)" } ?? "") }
  }
}

extension BrokerModel.Entry {
  /// The parts of a job that a broker and the model must agree on.
  struct Seen: Equatable, CustomStringConvertible {
    let id: JobID
    let queue: QueueName
    let user: String
    let priority: Int
    let state: JobState
    let attempt: Int
    let maxAttempts: Int
    let lost: Int
    let permille: Int?
    let isCancelling: Bool
    let isStalled: Bool
    let failure: String?
    let pending: Int
    let worker: WorkerID?
    var place: Int?

    var description: String {
      """
      \(id) \(queue) p\(priority) \(state) \(attempt)/\(maxAttempts) lost \(lost) at \(permille ?? -1)\
      \(isCancelling ? " cancelling" : "")\(isStalled ? " stalled" : "") failure \(failure ?? "-") \
      waits for \(pending) with \(worker?.description ?? "-") place \(place ?? 0)
      """
    }
  }
}

extension BrokerModel.Entry.Seen {
  init(_ entry: BrokerModel.Entry, place: Int?, maxAttempts: Int) {
    self.init(
      id: entry.id, queue: entry.queue, user: entry.user, priority: entry.priority.level,
      state: entry.state, attempt: entry.attempt, maxAttempts: maxAttempts, lost: entry.lost,
      permille: Self.shows(entry.state, .running, .completed) ? entry.permille : nil,
      isCancelling: entry.isCancelling, isStalled: entry.isStalled,
      failure: Self.shows(entry.state, .retrying, .failed, .cancelled) ? entry.failure : nil,
      pending: entry.pending.count, worker: entry.state == .running ? entry.worker : nil, place: place)
  }

  /// The same of a job as a broker shows it. What was reported, and why an earlier attempt failed, is
  /// only compared where it must be told.
  init(_ job: Job) {
    self.init(
      id: job.id, queue: job.queue, user: job.user, priority: job.priority.level, state: job.state,
      attempt: job.attempt, maxAttempts: job.maxAttempts, lost: job.lostDeliveries,
      permille: Self.shows(job.state, .running, .completed)
        ? job.progress.percent.map { Int(($0 * 10).rounded()) } : nil,
      isCancelling: job.isCancelling, isStalled: job.isStalled,
      failure: Self.shows(job.state, .retrying, .failed, .cancelled) ? job.failure?.code : nil,
      pending: job.pendingParents, worker: job.worker, place: job.queuePosition)
  }

  private static func shows(_ state: JobState, _ states: JobState...) -> Bool { states.contains(state) }
}

extension BrokerModel.Told {
  /// The words that must be there; of the others the state says enough.
  private static let words: Set = [
    "released", "snoozed", "lost", "cancelling", "stalled", "recovered", "promoted", "retried",
    "reprioritised", "moved",
  ]

  init(_ event: JobEvent) {
    let reason = event.reason.flatMap { Self.words.contains($0) && !event.state.isTerminal ? $0 : nil }
    self.init(state: event.state, attempt: event.attempt, reason: reason)
  }
}
