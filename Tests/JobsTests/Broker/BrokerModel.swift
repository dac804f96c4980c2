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
    var minutes = Minutes()
    /// The highest tag that was taken, and the tag that each user's next job gets at the earliest.
    var time: Int64 = 0
    var turns: [String: Int64] = [:]

    /// How far apart two turns of a user are.
    private static let turn: Int64 = 1_000_000

    mutating func takeTurn(of user: String) -> Int64 {
      let tag = max(time, turns[user] ?? 0)
      turns[user] = tag + Self.turn
      return tag
    }

    mutating func returnTurn(of user: String) {
      if let next = turns[user] { turns[user] = next - Self.turn }
    }
  }

  /// What a queue did lately, as far as it does not depend on how long things took.
  struct Minutes: Equatable {
    var accepted = 0
    var completed = 0
    var failed = 0
    var cancelled = 0
    var retried = 0
    var waits = 0
    var runs = 0
  }

  /// In the order of acceptance.
  var entries: [Entry] = []
  private(set) var lines: [Line] = []
  /// In the order in which they were made.
  var groups: [Group] = []
  /// Every event of every job that ever was.
  private(set) var told: [JobID: [Told]] = [:]
  /// The jobs whose changes stand in the feed, for what at their acceptance; also those that are forgotten.
  private(set) var followed: [JobID: FeedTerms] = [:]
  /// The jobs that changed, for who compares.
  var changed: Set<JobID> = []
  private var keys: [String: (request: String, id: JobID)] = [:]
  /// The job that each lease ever given was of.
  var owners: [Int: JobID] = [:]
  var lastLease = 0
  /// As large as real ones, so that ageing and both orders weigh what they do in a queue.
  private(set) var lastNumber: Int64 = 50_000_000_000_000
  private var lastEnding = 0
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
    returnTurn(of: entry)
    lastEnding += 1
    let ending = lastEnding
    change(id) {
      $0.ending = ending
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
      case .completed:
        $0.totals.completed += 1
        $0.minutes.completed += 1
      case .failed:
        $0.totals.failed += 1
        $0.minutes.failed += 1
      default:
        $0.totals.cancelled += 1
        $0.minutes.cancelled += 1
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
    prune(entry.queue, state)
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

  /// Forgets what ended first beyond the queue's bound.
  private mutating func prune(_ name: QueueName, _ state: JobState) {
    guard let bound = settings(of: name).retention(of: state).count else { return }
    let kept = entries.filter { $0.queue == name && $0.state == state }.sorted { $0.ending < $1.ending }
    for entry in kept.dropLast(bound) { forget(entry.id) }
  }

  /// What maintenance does beside what steps of their own say.
  mutating func maintain() {
    for line in lines {
      for state in [JobState.completed, .failed, .cancelled] { prune(line.name, state) }
      if waiting(in: line.name) == 0 { update(line.name) { $0.turns = [:] } }
    }
  }

  /// The place of a job in a queue by the rule of now.
  mutating func rank(_ entry: inout Entry, in name: QueueName) {
    let settings = settings(of: name)
    var base = QueueScore.base(of: entry.number, order: entry.request.order ?? settings.order)
    if settings.isFair { update(name) { base = QueueScore.half + $0.takeTurn(of: entry.user) } }
    entry.base = base
    entry.ageing = settings.ageing
    entry.rank()
  }

  /// A job goes that was not taken.
  mutating func returnTurn(of entry: Entry) {
    guard entry.state != .running, !entry.state.isTerminal, !entry.hasStarted,
      settings(of: entry.queue).isFair
    else { return }
    update(entry.queue) { $0.returnTurn(of: entry.user) }
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
    update(request.queue) {
      $0.totals.accepted += 1
      $0.minutes.accepted += 1
    }
    var entry = Entry(request: request, number: lastNumber)
    rank(&entry, in: request.queue)
    entry.delay = delay
    entry.wasFar = delay == .far
    let defaults = settings(of: request.queue).defaults
    entry.hasStartLimit = (request.startWithin ?? defaults.startWithin) != nil
    entry.hasTotalLimit = (request.totalTimeout ?? defaults.totalTimeout) != nil
    let known = parents.compactMap(\.1)
    let pending = known.filter { !$0.state.isTerminal }.map(\.id)
    entry.pending = pending.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    entries.append(entry)
    changed.insert(entry.id)
    let terms = terms(of: request)
    if !terms.isEmpty { followed[entry.id] = terms }
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
}
