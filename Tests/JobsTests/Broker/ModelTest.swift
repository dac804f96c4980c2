import EventLoop
import Jobs
import Support
import Testing

/// Random lives of many jobs, on a broker and on ``BrokerModel``, compared after each step.
///
/// A failure names its seed and step; the same seed gives the same run. Add a failing seed as a test
/// of its own, under the sentence that it breaks.
@Suite("Every broker does what the model does", .timeLimit(.minutes(5)))
struct ModelTest {
  @Test("on random sequences of operations", arguments: Backend.allCases, 1...20)
  func randomSequence(_ backend: Backend, _ seed: UInt64) async throws {
    try await backend.withBroker { broker, time in
      try await ModelRun(broker: broker, time: time, seed: seed).run(steps: 300)
    }
  }
}

/// One run: makes up operations, does them on both sides, compares.
private final class ModelRun {
  private struct HeldLease {
    let lease: Lease
    let number: Int
  }

  private struct Deviation: Error, CustomStringConvertible {
    let description: String
  }

  private let broker: any Broker
  private let time: BrokerTime
  private let seed: UInt64
  private var random: SeededRandom
  private var model = BrokerModel(maxLost: 2)
  private var requests: [JobRequest] = []
  /// Every lease ever given: old ones are tried too.
  private var leases: [HeldLease] = []
  /// The numbers of leases that have run out, longest ago first.
  private var overdue: [Int] = []
  private var tokens: [JobID: UInt64] = [:]
  private var offsets: [JobID: UInt64] = [:]
  private var step = 0
  private var done = ""

  private static let hour = Duration.seconds(3600)
  private static let users = ["alice", "bob"]
  private static let queues: [QueueName] = [.mail, .video]

  init(broker: any Broker, time: BrokerTime, seed: UInt64) {
    self.broker = broker
    self.time = time
    self.seed = seed
    random = SeededRandom(seed: seed)
  }

  func run(steps: Int) async throws {
    var logs: [DeliveryLog] = []
    for user in Self.users {
      let log = await DeliveryLog()
      _ = try await broker.subscribe(to: .user(user)) { log.record($0) }
      logs.append(log)
    }
    _ = try await reap(limit: 1)
    for number in 1...steps {
      step = number
      try await doSomething()
      try await compareRecords()
    }
    for log in logs { try await compareEvents(log) }
  }

  private func doSomething() async throws {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<25: try await submit()
    case 25..<28: try await resubmit()
    case 28..<50: try await lease()
    case 50..<55: try await extend()
    case 55..<67: try await report()
    case 67..<87: try await settle()
    case 87..<93: try await cancel()
    case 93..<97: try await abandon()
    default: try await reap(limit: Int.random(in: 1...3, using: &random))
    }
  }

  // MARK: Operations

  private func submit() async throws {
    let isKeyed = Int.random(in: 0..<5, using: &random) == 0
    let key = isKeyed ? "k\(Int.random(in: 0..<6, using: &random))" : nil
    let request = JobRequest.example(
      queue: Self.queues.randomElement(using: &random) ?? .mail,
      user: Self.users.randomElement(using: &random) ?? "alice",
      priority: Priority(Int.random(in: 4...6, using: &random)) ?? .normal,
      maxAttempts: Int.random(in: 1...3, using: &random), key: key)
    requests.append(request)
    try await submit(request)
  }

  private func resubmit() async throws {
    guard let request = requests.randomElement(using: &random) else { return }
    try await submit(request)
  }

  private func submit(_ request: JobRequest) async throws {
    done = "submit \(request.id) for \(request.user) with key \(request.idempotencyKey ?? "none")"
    let expected = model.submit(request)
    var acceptance: Acceptance?
    do throws(BrokerError) {
      acceptance = try await broker.enqueue(request)
    } catch {
      try demand(error == .idempotencyKeyReused, "was refused: \(error)")
    }
    try demand(acceptance?.job.id == expected?.id, "was taken as \(acceptance?.job.id, default: "none")")
    try demand(acceptance?.isReplay == expected?.isReplay, "replay is wrong")
  }

  private func lease() async throws {
    let queues = Self.queues.shuffled(using: &random)
    let limit = Int.random(in: 1...3, using: &random)
    done = "lease \(limit) of \(queues)"
    let expected = model.lease(from: queues, limit: limit)
    let leased = try await broker.lease(from: queues, limit: limit, for: Self.hour, by: .a)
    try demand(leased.map(\.lease.job) == expected.map(\.id), "gave \(leased.map(\.lease.job))")
    try demand(leased.map(\.attempt) == expected.map(\.attempt), "attempts \(leased.map(\.attempt))")
    for (leased, expected) in zip(leased, expected) {
      let token = leased.lease.token
      try demand(token > tokens[leased.lease.job] ?? 0, "a token did not grow")
      tokens[leased.lease.job] = token
      leases.append(HeldLease(lease: leased.lease, number: expected.lease))
    }
  }

  /// Rather a lease in force than an old one.
  private func pickLease() -> HeldLease? {
    let held = leases.filter { model.standing(of: $0.number) != .lost }
    return Int.random(in: 0..<5, using: &random) == 0 || held.isEmpty
      ? leases.randomElement(using: &random) : held.randomElement(using: &random)
  }

  private func extend() async throws {
    let chosen = [pickLease(), pickLease()].compactMap { $0 }
    done = "extend \(chosen.map(\.lease.job))"
    let standings = try await broker.extend(chosen.map(\.lease), for: Self.hour)
    try demand(standings == chosen.map { model.standing(of: $0.number) }, "answered \(standings)")
    for lease in chosen { overdue.removeAll { $0 == lease.number } }
  }

  private func report() async throws {
    guard let lease = pickLease() else { return }
    let permille = Int.random(in: 0...999, using: &random)
    done = "report \(permille) of \(lease.lease.job)"
    let expected = model.report(permille: permille, under: lease.number)
    // A hair above the tenth, so that no rounding of the division takes it below.
    let progress = Progress(percent: Double(permille) / 10 + 0.01)
    let standing = try await broker.report(progress, under: lease.lease)
    try demand(standing == expected, "answered \(standing)")
  }

  private func settle() async throws {
    guard let lease = pickLease() else { return }
    let isDue = Bool.random(using: &random)
    let settlement: Settlement =
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4: .complete(nil)
      case 4..<7: .fail(.example, retry: .after(isDue ? .zero : Self.hour))
      case 7: .fail(.example, retry: .never)
      case 8: .release
      default: .cancel(JobFailure(code: "stopped", message: "It was stopped."))
      }
    done = "settle \(lease.lease.job) with \(settlement)"
    let expected = model.settle(lease.number, settlement, isDue: isDue)
    let outcome = try await broker.settle(lease.lease, settlement)
    try demand(outcome == expected, "answered \(outcome), not \(expected)")
    // Leasing makes a broker notice what is due.
    let nothing = try await broker.lease(from: [.default], limit: 1, for: Self.hour, by: .b)
    try demand(nothing.isEmpty, "gave \(nothing)")
  }

  private func cancel() async throws {
    let known = requests.randomElement(using: &random)?.id
    let id = Int.random(in: 0..<10, using: &random) == 0 ? JobID() : known ?? JobID()
    done = "cancel \(id)"
    let expected = model.cancel(id)
    var job: Job?
    do throws(BrokerError) {
      job = try await broker.cancel(id, reason: nil)
    } catch {
      try demand(error == .jobNotFound, "was refused: \(error)")
    }
    try demand(job?.isCancelling == expected, "cancelling: \(job?.isCancelling, default: "none")")
  }

  /// A worker goes silent and its lease runs out.
  private func abandon() async throws {
    guard let lease = pickLease() else { return }
    done = "abandon \(lease.lease.job)"
    _ = try await broker.extend([lease.lease], for: .milliseconds(1))
    if model.standing(of: lease.number) != .lost {
      overdue.removeAll { $0 == lease.number }
      overdue.append(lease.number)
    }
    try await time.pass(.milliseconds(3))
  }

  private func reap(limit: Int) async throws {
    done = "reap \(limit)"
    overdue.removeAll { model.standing(of: $0) == .lost }
    let expected = model.reap(overdue: Array(overdue.prefix(limit)))
    let report = try await broker.maintain(limit: limit, LossRules(maxLost: model.maxLost, amnesty: Self.hour * 24))
    try demand(report == expected, "answered \(report), not \(expected)")
  }

  // MARK: Comparison

  private func compareRecords() async throws {
    let jobs = try await broker.allJobs(matching: JobFilter(limit: 200))
    let found = jobs.map { BrokerModel.Entry($0).comparable }
    let expected = model.listing.map(\.comparable)
    if found != expected {
      let pairs = zip(found, expected).filter { $0 != $1 }.map { "\n  is  \($0)\n  not \($1)" }
      throw deviation("left \(found.count) jobs, not \(expected.count):\(pairs.joined())")
    }
    for job in jobs {
      try demand(job.position.offset >= offsets[job.id] ?? 1, "an offset of \(job.id) fell")
      offsets[job.id] = job.position.offset
    }
  }

  /// Each job told its life in order and its end once, and its record stands at its last event.
  private func compareEvents(_ log: DeliveryLog) async throws {
    done = "everything"
    let ids = Set(await log.events.map(\.id))
    let offsets = offsets
    // What is published last may still be on its way.
    let events = try await log.events { events in
      let last = Dictionary(events.map { ($0.id, $0.position.offset) }, uniquingKeysWith: max)
      return ids.allSatisfy { last[$0] == offsets[$0] }
    }
    for (id, own) in Dictionary(grouping: events, by: \.id) {
      for (earlier, later) in zip(own, own.dropFirst()) {
        try demand(
          earlier.position.offset < later.position.offset, "events of \(id) are out of order")
      }
      let ends = own.filter { $0.class == .state && $0.state.isTerminal }
      guard let state = model.index(of: id).map({ model.entries[$0].state }) else {
        throw deviation("an event of an unknown job")
      }
      try demand(ends.map(\.state) == (state.isTerminal ? [state] : []), "\(id) ended as \(ends)")
    }
  }

  private func demand(_ condition: Bool, _ what: @autoclosure () -> String) throws(Deviation) {
    if !condition { throw deviation(what()) }
  }

  private func deviation(_ what: String) -> Deviation {
    Deviation(description: "seed \(seed), step \(step): \(done) — \(what)")
  }
}
