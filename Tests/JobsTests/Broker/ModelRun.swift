import EventLoop
import Jobs
import Support

/// One run: makes up operations, does them on a broker and on the model, compares.
final class ModelRun {
  struct HeldLease {
    let lease: Lease
    let number: Int
  }

  struct Deviation: Error, CustomStringConvertible {
    let description: String
  }

  let broker: any Broker
  let time: BrokerTime
  private let seed: UInt64
  var random: SeededRandom
  var model = BrokerModel(maxLost: 2)
  var requests: [JobRequest] = []
  /// Every lease ever given: old ones are tried too.
  var leases: [HeldLease] = []
  var tokens: [JobID: UInt64] = [:]
  var offsets: [JobID: UInt64] = [:]
  private var step = 0
  var done = "" {
    didSet { trail = trail.suffix(5) + ["\(step) \(done)"] }
  }
  private var trail: [String] = []
  var groupWatches: [GroupID: GroupWatch] = [:]
  var feed: FeedWatch

  static let hour = Duration.seconds(3600)
  /// Shorter than any wait of a step.
  static let moment = Duration.milliseconds(1)
  static let users = ["alice", "bob", "carol"]
  /// The last is for children: it never has a window, so that it does not matter which goes on first.
  static let queues: [QueueName] = [.mail, .video, .default]
  static let workers: [WorkerID] = [.a, .b]

  init(broker: any Broker, time: BrokerTime, seed: UInt64) {
    self.broker = broker
    self.time = time
    self.seed = seed
    random = SeededRandom(seed: seed)
    feed = FeedWatch(random: SeededRandom(seed: seed &+ 1000))
  }

  func run(steps: Int) async throws {
    var logs: [DeliveryLog] = []
    for user in Self.users {
      let log = await DeliveryLog()
      _ = try await broker.subscribe(to: .user(user)) { log.record($0) }
      logs.append(log)
    }
    _ = try await maintain()
    try await broker.register(.bills, bound: 1_000_000)
    if seed.isMultiple(of: 2) {
      var settings = QueueSettings()
      settings.isFair = true
      _ = try await broker.set(.video, to: settings, ifVersion: nil)
      _ = model.set(.video, to: settings, ifVersion: nil)
    }
    for number in 1...steps {
      step = number
      try await doSomething()
      // All of it now and then, what changed each time.
      if number.isMultiple(of: 16) || number == steps {
        try await compareRecords()
      } else {
        try await compareChanges()
      }
      if number.isMultiple(of: 4) || number == steps {
        try await compareQueues()
        try await compareGroups()
      }
      if number.isMultiple(of: 16) { try await readFeed() }
    }
    try await readWholeFeed()
    try await compareEvents(logs)
    try await comparePublications()
  }

  private func doSomething() async throws {
    switch Int.random(in: 0..<218, using: &random) {
    case 0..<40: try await submit()
    case 40..<43: try await resubmit()
    case 43..<78: try await exchange()
    case 78..<84: try await clear()
    case 84..<90: try await extend()
    case 90..<100: try await report()
    case 100..<104: try await stall()
    case 104..<110: try await abandon()
    case 110..<130: try await settle()
    case 130..<138: try await cancel()
    case 138..<146: try await retry()
    case 146..<152: try await redrive()
    case 152..<158: try await promote()
    case 158..<164: try await reprioritise()
    case 164..<169: try await remove()
    case 169..<175: try await clear()
    case 175..<183: try await set()
    case 183..<191: try await setMode()
    case 191..<193: try await delete()
    case 200..<205: try await createGroup()
    case 205..<212: try await closeGroup()
    case 212..<218: try await fire()
    default: try await direct()
    }
  }

  func flip(_ parts: Int) -> Bool { Int.random(in: 0..<parts, using: &random) == 0 }

  func pick<Value>(_ values: [Value], or other: Value) -> Value {
    values.randomElement(using: &random) ?? other
  }

  /// Mostly a job on record; now and then one that is not.
  func pickJob(_ condition: (BrokerModel.Entry) -> Bool = { _ in true }) -> JobID {
    flip(30)
      ? pick(requests.map(\.id), or: JobID())
      : pick(model.entries.filter(condition).map(\.id), or: JobID())
  }

  // MARK: Submitting

  private func submit() async throws {
    var delay = BrokerModel.Delay.none
    var request = JobRequest.example(
      queue: pick(Array(Self.queues.dropLast()), or: .mail), user: pick(Self.users, or: "alice"),
      priority: Priority(Int.random(in: 4...6, using: &random)) ?? .normal,
      key: flip(3) ? "k\(Int.random(in: 0..<6, using: &random))" : nil)
    request.maxAttempts = flip(2) ? nil : Int.random(in: 1...3, using: &random)
    if flip(4) { request.order = flip(2) ? .lifo : .fifo }
    if flip(4) { request.retry = retryPolicy() }
    if flip(4) { request.uniqueKey = "u\(Int.random(in: 0..<3, using: &random))" }
    if flip(6) { request.contentKey = "c\(Int.random(in: 0..<3, using: &random))" }
    follow(&request)
    switch Int.random(in: 0..<10, using: &random) {
    case 0:
      delay = .soon
      request.start = .after(Self.moment)
    case 1:
      delay = .far
      request.start = .after(Self.hour)
    default: break
    }
    let defaults = model.settings(of: request.queue).defaults
    if delay == .soon, defaults.startWithin != nil || defaults.totalTimeout != nil {
      // In one step due and late: which comes first, nobody promised.
      delay = .none
      request.start = .now
    }
    if delay != .soon, flip(12) { request.startWithin = Self.moment }
    if delay != .soon, flip(16) { request.totalTimeout = Self.moment }
    if flip(4) {
      request.queue = .default
      request.dependencies.whenOneFails = pick(ParentFailureRule.allCases, or: .cancel)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        request.dependencies.parents.append(pickJob { flip(3) || !$0.state.isTerminal })
      }
    }
    if flip(2), let group = pickGroup(of: request.user) {
      request.group = group
      request.weight = Int.random(in: 1...5, using: &random)
    }
    requests.append(request)
    try await submit(request, delay)
  }

  /// One by which the next attempt comes at once, or never.
  func retryPolicy() -> RetryPolicy {
    let delay = flip(2) ? Self.moment : Self.hour
    return RetryPolicy(growth: flip(2) ? .fixed : .exponential, base: delay, cap: delay, jitter: 0)
  }

  private func resubmit() async throws {
    guard let entry = model.entries.randomElement(using: &random) else { return }
    var request = entry.request
    if flip(2) { request.priority = .low }
    try await submit(request, .none)
  }

  private func submit(_ request: JobRequest, _ delay: BrokerModel.Delay) async throws {
    done = "submit \(request)"
    let before = Set(model.entries.map(\.id))
    let expected = model.submit(request, delay)
    var acceptance: Acceptance?
    var refusal: BrokerError?
    do throws(BrokerError) {
      acceptance = try await broker.enqueue(request)
    } catch {
      refusal = error
    }
    let isAsExpected =
      switch expected {
      case .accepted: acceptance?.job.id == request.id && acceptance?.match == nil
      case .replay(let ids, let match):
        acceptance?.match == match && ids.contains { $0 == acceptance?.job.id }
      case .refused(let error): refusal == error
      }
    try demand(isAsExpected, "answered \(acceptance, default: "\(refusal, default: "")"), not \(expected)")
    let isLimited = model[request.id]?.isLimited == true
    guard !before.contains(request.id), delay == .soon || isLimited else { return }
    if isLimited, flip(2) {
      // Workers may be there before the maintenance.
      try await time.pass(Self.moment * 3)
      model.passTime()
      try await exchange()
    }
    try await letTimePass()
  }

  /// A schedule submits a job, once.
  private func fire() async throws {
    var request = JobRequest.example(
      queue: pick(Array(Self.queues.dropLast()), or: .mail), user: pick(Self.users, or: "alice"),
      key: flip(2) ? "k\(Int.random(in: 0..<6, using: &random))" : nil)
    follow(&request)
    done = "fire \(request)"
    let name = ScheduleName("nightly")!
    let due = time.now()
    // One whose times stay as they were would keep its moment.
    _ = try await broker.remove(name)
    try await broker.put(Schedule(name: name, cron: try CronExpression("0 3 * * *"), request: request), next: due)
    requests.append(request)
    let expected = model.submit(request, .none)
    var fired: JobID?
    var refusal: BrokerError?
    do throws(BrokerError) {
      fired = try await broker.fire(name, due: due, request: request, next: nil)
    } catch {
      refusal = error
    }
    let isAsExpected =
      switch expected {
      case .accepted: fired == request.id
      case .replay(let ids, _): fired.map(ids.contains) ?? false
      case .refused(let error): refusal == error
      }
    try demand(isAsExpected, "fired \(fired, default: "\(refusal, default: "")"), not \(expected)")
    guard fired != nil else { return }
    let again = try await broker.fire(name, due: due, request: request, next: nil)
    try demand(again == nil, "fired again")
    if model[request.id]?.isLimited == true { try await letTimePass() }
  }

  /// What is due becomes queued, what is late fails.
  func letTimePass() async throws {
    try await time.pass(Self.moment * 3)
    model.passTime()
    model.promoteDue()
    let expired = model.expire()
    let report = try await maintain()
    try demand(Set(report.expired) == expired, "let \(report.expired) expire, not \(expired)")
  }

  @discardableResult
  func maintain(limit: Int = 1000, warning: Duration = .zero) async throws -> MaintenanceReport {
    let report = try await broker.maintain(
      limit: limit, LossRules(maxLost: model.maxLost, amnesty: Self.hour * 24, warning: warning))
    model.maintain()
    return report
  }

  func demand(_ condition: Bool, _ what: @autoclosure () -> String) throws(Deviation) {
    if !condition { throw deviation(what()) }
  }

  func deviation(_ what: String) -> Deviation {
    Deviation(description: "seed \(seed), step \(step): \(what)\n" + trail.joined(separator: "\n"))
  }
}
