import Jobs

/// What a broker should do, said as plainly as possible: jobs in one array, queues in another, no
/// indexes, no time.
///
/// Time is in the steps instead: a lease runs out when a step says so, a start or a retry is due at once
/// or never. So the same model judges a broker whose clock is ours and one whose clock is Redis's.
struct BrokerModel {
  /// A queue, with what it has done.
  struct Line: Equatable {
    let name: QueueName
    var settings = QueueSettings()
    var version = 0
    var mode = QueueMode.active
    var totals = QueueTotals()
  }

  /// In the order of acceptance.
  private(set) var entries: [Entry] = []
  private(set) var lines: [Line] = []
  /// In the order in which they were made.
  var groups: [Group] = []
  /// Every event of every job that ever was.
  private(set) var told: [JobID: [Told]] = [:]
  /// The jobs that changed, for who compares.
  var changed: Set<JobID> = []
  private var keys: [String: (request: String, id: JobID)] = [:]
  /// The job that each lease ever given was of.
  private var owners: [Int: JobID] = [:]
  private var lastLease = 0
  private var lastNumber: Int64 = 0
  /// What each worker that was heard of is wanted to be.
  var workers: [WorkerID: WorkerMode] = [:]

  let maxLost: Int

  init(maxLost: Int) { self.maxLost = maxLost }

  // MARK: Looking

  func index(of id: JobID) -> Int? { entries.firstIndex { $0.id == id } }

  subscript(id: JobID) -> Entry? { index(of: id).map { entries[$0] } }

  func line(of name: QueueName) -> Line? { lines.first { $0.name == name } }

  func settings(of name: QueueName) -> QueueSettings { line(of: name)?.settings ?? QueueSettings() }

  /// The queued jobs of a queue, next first.
  func queued(in name: QueueName) -> [Entry] {
    entries.filter { $0.queue == name && $0.state == .queued }.sorted { $0.score < $1.score }
  }

  func count(_ state: JobState, in name: QueueName) -> Int {
    entries.count { $0.queue == name && $0.state == state }
  }

  func waiting(in name: QueueName) -> Int {
    [JobState.scheduled, .blocked, .queued, .retrying].reduce(0) { $0 + count($1, in: name) }
  }

  /// How many jobs of a user wait or run in a queue.
  func held(by user: String, in name: QueueName) -> Int {
    entries.count { $0.user == user && $0.queue == name && [.queued, .running].contains($0.state) }
  }

  func hasRoom(_ user: String, in name: QueueName) -> Bool {
    settings(of: name).userWindow.map { held(by: user, in: name) < $0 } ?? true
  }

  func maxAttempts(of entry: Entry) -> Int {
    entry.request.maxAttempts ?? settings(of: entry.queue).defaults.maxAttempts
  }

  /// Every job, newest first, with its place and what its queue says of it.
  var listing: [Entry.Seen] {
    var places: [JobID: Int] = [:]
    for line in lines {
      for (place, entry) in queued(in: line.name).enumerated() { places[entry.id] = place + 1 }
    }
    return entries.reversed().map { Entry.Seen($0, place: places[$0.id], maxAttempts: maxAttempts(of: $0)) }
  }

  /// One job, likewise; nil for an unknown one.
  func seen(_ id: JobID) -> Entry.Seen? {
    guard let entry = self[id] else { return nil }
    let place = queued(in: entry.queue).firstIndex { $0.id == id }.map { $0 + 1 }
    return Entry.Seen(entry, place: place, maxAttempts: maxAttempts(of: entry))
  }

  // MARK: Steps

  mutating func change(_ id: JobID, _ change: (inout Entry) -> Void) {
    guard let index = index(of: id) else { preconditionFailure("a change of an unknown job") }
    changed.insert(id)
    change(&entries[index])
  }

  mutating func tell(_ id: JobID, _ reason: String? = nil) {
    guard let entry = self[id] else { preconditionFailure("an event of an unknown job") }
    told[id, default: []].append(Told(state: entry.state, attempt: entry.attempt, reason: reason))
  }

  mutating func update(_ name: QueueName, _ change: (inout Line) -> Void) {
    if !lines.contains(where: { $0.name == name }) { lines.append(Line(name: name)) }
    guard let index = lines.firstIndex(where: { $0.name == name }) else { return }
    change(&lines[index])
  }

  /// Brings a job to where it waits, now that nothing but its user's window keeps it.
  mutating func admit(_ id: JobID, _ reason: String? = nil) {
    guard let entry = self[id] else { return }
    let isFree = hasRoom(entry.user, in: entry.queue)
    change(id) { $0.state = isFree ? .queued : .blocked }
    tell(id, reason)
  }

  /// Queues parked jobs as far as their user has room.
  mutating func fill(_ user: String, in name: QueueName) {
    while hasRoom(user, in: name),
      let first = entries.filter({ $0.isParked && $0.user == user && $0.queue == name })
        .min(by: { $0.score < $1.score })
    {
      change(first.id) { $0.state = .queued }
      tell(first.id)
    }
  }

  mutating func forget(_ id: JobID) {
    if let entry = self[id] { keepCount(of: entry) }
    entries.removeAll { $0.id == id }
    changed.insert(id)
  }

  mutating func drop(_ name: QueueName) { lines.removeAll { $0.name == name } }

  /// Ends drains that are over.
  mutating func settleDown() {
    for line in lines {
      let running = count(.running, in: line.name)
      let isOver =
        switch line.mode {
        case .draining: running == 0
        case .drainingBacklog: running + waiting(in: line.name) == 0
        case .active, .paused: false
        }
      if isOver { update(line.name) { $0.mode = .paused } }
    }
  }

  mutating func end(_ id: JobID, _ state: JobState, _ failure: String?) {
    guard let entry = self[id] else { return }
    change(id) {
      $0.state = state
      $0.failure = failure
      $0.isCancelling = false
      $0.isStalled = false
      $0.delay = .none
      $0.pending = []
    }
    tell(id)
    update(entry.queue) {
      switch state {
      case .completed: $0.totals.completed += 1
      case .failed: $0.totals.failed += 1
      default: $0.totals.cancelled += 1
      }
    }
    finishGroup(of: entry)
    for child in entries.filter({ $0.pending.contains(id) }).map(\.id) {
      // A child of this one and of another child has ended with that.
      guard let waiting = self[child], waiting.pending.contains(id) else { continue }
      switch (state, waiting.request.dependencies.whenOneFails) {
      case (.completed, _), (_, .run):
        change(child) { $0.pending.removeAll { $0 == id } }
        if waiting.pending == [id] { free(child) }
      case (_, .cancel): end(child, .cancelled, "parent_failed")
      case (_, .fail): end(child, .failed, "parent_failed")
      }
    }
    if entry.isDoomed { forget(id) }
    if settings(of: entry.queue).retention(of: state).count == 0 {
      for kept in entries where kept.queue == entry.queue && kept.state == state { forget(kept.id) }
    }
    fill(entry.user, in: entry.queue)
  }

  /// A child whose parents have ended.
  mutating func free(_ id: JobID) {
    guard let entry = self[id] else { return }
    if entry.delay == .none {
      admit(id)
    } else {
      change(id) { $0.state = .scheduled }
      tell(id)
    }
  }

  func base(_ number: Int64, _ order: QueueOrder?, in name: QueueName) -> Int64 {
    QueueScore.base(of: number, order: order ?? settings(of: name).order)
  }

  // MARK: Submitting

  /// What a submission may be answered with.
  enum Answer: Equatable {
    case accepted
    case replay([JobID], Acceptance.Match)
    case refused(BrokerError)
  }

  /// `isOwed`: accepted whatever the bound and mode of its queue.
  mutating func submit(_ request: JobRequest, _ delay: Delay, isOwed: Bool = false) -> Answer {
    if self[request.id] != nil { return .replay([request.id], .id) }
    let scope = request.idempotencyKey.map { "\(request.user)/\($0)" }
    if let scope, let used = keys[scope], self[used.id] != nil {
      return used.request == request.fingerprint
        ? .replay([used.id], .idempotencyKey) : .refused(.idempotencyKeyReused)
    }
    if let key = request.uniqueKey, let holder = holder(of: key, request.user, in: request.queue) {
      return .replay([holder], .uniqueKey)
    }
    if let key = request.contentKey {
      let holders = entries.filter {
        $0.request.contentKey == key && $0.user == request.user && $0.request.kind == request.kind
          && ($0.state == .completed || !$0.state.isTerminal)
      }
      if !holders.isEmpty { return .replay(holders.map(\.id), .contentKey) }
    }
    if !isOwed, let refusal = refusal(of: request.queue) { return .refused(refusal) }
    let parents = request.dependencies.parents.map { ($0, self[$0]) }
    if let unknown = parents.first(where: { $0.1 == nil }) { return .refused(.parentNotFound(unknown.0)) }
    if let refusal = groupRefusal(of: request) { return .refused(refusal) }

    if let scope { keys[scope] = (request.fingerprint, request.id) }
    lastNumber += 1
    update(request.queue) { $0.totals.accepted += 1 }
    var entry = Entry(request: request, number: lastNumber)
    entry.base = base(lastNumber, request.order, in: request.queue)
    entry.rank(by: settings(of: request.queue))
    entry.delay = delay
    entry.wasFar = delay == .far
    let known = parents.compactMap(\.1)
    let pending = known.filter { !$0.state.isTerminal }.map(\.id)
    entry.pending = pending.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    entries.append(entry)
    changed.insert(entry.id)
    let rule = request.dependencies.whenOneFails
    if rule != .run, known.contains(where: { $0.state.isTerminal && $0.state != .completed }) {
      change(request.id) { $0.state = .blocked }
      tell(request.id)
      end(request.id, rule == .fail ? .failed : .cancelled, "parent_failed")
    } else if !entry.pending.isEmpty {
      change(request.id) { $0.state = .blocked }
      tell(request.id)
    } else {
      free(request.id)
    }
    settleDown()
    return .accepted
  }

  func holder(of key: String, _ user: String, in name: QueueName) -> JobID? {
    entries.first {
      $0.request.uniqueKey == key && $0.user == user && $0.queue == name && !$0.state.isTerminal
    }?.id
  }

  /// Why a queue takes no job.
  func refusal(of name: QueueName) -> BrokerError? {
    guard let line = line(of: name) else { return nil }
    if !line.mode.accepts { return .queueDraining }
    if let limit = line.settings.maxWaiting, waiting(in: name) >= limit { return .queueFull(limit: limit) }
    return nil
  }

  // MARK: Leases

  /// The jobs that are taken, each with its attempt and the number of its lease.
  mutating func lease(
    from queues: [QueueName], limit: Int, by worker: WorkerID
  ) -> [(id: JobID, attempt: Int, lease: Int)] {
    var taken: [(id: JobID, attempt: Int, lease: Int)] = []
    for name in queues {
      guard let line = line(of: name), line.mode.serves else { continue }
      let room = line.settings.concurrency.map { max(0, $0 - count(.running, in: name)) } ?? .max
      for entry in queued(in: name).prefix(min(room, limit - taken.count)) {
        lastLease += 1
        owners[lastLease] = entry.id
        let number = lastLease
        change(entry.id) {
          $0.lease = number
          $0.worker = worker
          $0.state = .running
          $0.attempt += 1
          $0.permille = nil
          $0.hasStarted = true
        }
        tell(entry.id)
        taken.append((entry.id, entry.attempt + 1, number))
      }
    }
    return taken
  }

  func holder(_ lease: Int) -> Entry? {
    guard let id = owners[lease], let entry = self[id], entry.lease == lease, entry.state == .running
    else { return nil }
    return entry
  }

  func standing(of lease: Int) -> LeaseStanding {
    holder(lease).map { $0.isCancelling ? .cancelRequested : .held } ?? .lost
  }

  func worker(of lease: Int) -> WorkerID? { holder(lease)?.worker }

  mutating func extend(_ lease: Int) {
    guard let entry = holder(lease), entry.isStalled else { return }
    change(entry.id) { $0.isStalled = false }
    tell(entry.id, "recovered")
  }

  mutating func report(permille: Int, under lease: Int) -> LeaseStanding {
    if let entry = holder(lease) { change(entry.id) { $0.permille = max(permille, $0.permille ?? 0) } }
    return standing(of: lease)
  }

  /// `isDue`: the retry of a failure may begin at once; ``maintain()`` then queues it.
  mutating func settle(_ lease: Int, _ settlement: Settlement, isDue: Bool) -> SettlementOutcome {
    defer { settleDown() }
    guard let entry = holder(lease) else {
      guard let id = owners[lease], let entry = self[id], entry.lease == lease, entry.endedByLease
      else { return .leaseLost }
      return .settled(entry.state)
    }
    change(entry.id) { $0.endedByLease = true }
    switch settlement {
    case .complete:
      change(entry.id) { $0.permille = 1000 }
      end(entry.id, .completed, nil)
      return .settled(.completed)
    case .cancel(let failure):
      end(entry.id, .cancelled, entry.isCancelling ? "cancelled" : failure.code)
      return .settled(.cancelled)
    case .fail where entry.isCancelling, .release where entry.isCancelling, .snooze where entry.isCancelling:
      end(entry.id, .cancelled, "cancelled")
      return .settled(.cancelled)
    case .release:
      comeBack(entry.id, "released")
      return .settled(.queued)
    case .snooze:
      change(entry.id) {
        $0.state = .scheduled
        $0.attempt -= 1
        $0.delay = isDue ? .soon : .far
        $0.isStalled = false
        $0.endedByLease = false
      }
      tell(entry.id, "snoozed")
      fill(entry.user, in: entry.queue)
      return .settled(.scheduled)
    case .fail(let failure, let retry):
      guard retry != .never, entry.attempt < maxAttempts(of: entry) else {
        end(entry.id, .failed, failure.code)
        return .settled(.failed)
      }
      change(entry.id) {
        $0.state = .retrying
        $0.failure = failure.code
        $0.delay = isDue ? .soon : .far
        $0.isStalled = false
        $0.endedByLease = false
      }
      tell(entry.id)
      update(entry.queue) { $0.totals.retried += 1 }
      fill(entry.user, in: entry.queue)
      return .settled(.retrying)
    }
  }

  /// Back to its old place, the attempt uncounted.
  private mutating func comeBack(_ id: JobID, _ reason: String) {
    change(id) {
      $0.state = .queued
      $0.attempt -= 1
      $0.isStalled = false
      $0.endedByLease = false
    }
    tell(id, reason)
  }

  // MARK: Time

  /// Queues what is due.
  mutating func promoteDue() {
    for entry in entries where entry.delay == .soon {
      change(entry.id) { $0.delay = .none }
      if entry.state != .blocked { admit(entry.id) }
    }
    settleDown()
  }

  /// Fails the jobs that had to start at once and did not.
  mutating func expire() -> Set<JobID> {
    let late = entries.filter {
      $0.request.startWithin != nil && !$0.hasStarted && !$0.wasFar
        && [.scheduled, .blocked, .queued, .retrying].contains($0.state)
    }
    for entry in late where self[entry.id]?.state == entry.state {
      end(entry.id, .failed, "not_started_in_time")
    }
    settleDown()
    return Set(late.map(\.id))
  }

  /// The lease is shown as about to run out; the job, if that is news.
  mutating func stall(_ lease: Int) -> JobID? {
    guard let entry = holder(lease), !entry.isStalled else { return nil }
    change(entry.id) { $0.isStalled = true }
    tell(entry.id, "stalled")
    return entry.id
  }

  /// The leases `overdue` have run out, longest ago first.
  mutating func reap(overdue: [Int]) -> MaintenanceReport {
    var report = MaintenanceReport()
    for (lease, entry) in overdue.compactMap({ lease in holder(lease).map { (lease, $0) } }) {
      if let shown = stall(lease) { report.stalled.append(shown) }
      change(entry.id) { $0.lost += 1 }
      update(entry.queue) { $0.totals.lost += 1 }
      if entry.isCancelling {
        end(entry.id, .cancelled, "cancelled")
        report.cancelled.append(entry.id)
      } else if entry.lost + 1 >= maxLost {
        end(entry.id, .failed, "lost")
        report.failed.append(entry.id)
      } else {
        comeBack(entry.id, "lost")
        report.requeued.append(entry.id)
      }
    }
    settleDown()
    return report
  }
}
