import EventLoop
import Foundation
import Gateway
import Jobs
import Redis
import Support

/// One run: load, faults at random moments, and when all has settled, a look at everything that must hold.
@EventLoop
final class ChaosRun {
  private let plan: ChaosPlan
  private let ledger = ChaosLedger()
  private let fleet: ChaosFleet
  private let ended = Arrivals<String>()
  private var watchers: [ChaosWatcher] = []
  private var random: SeededRandom
  private var isLoading = true
  private var submitting: [Task<Void, Never>] = []
  private var watching: [Task<Void, Never>] = []
  private var repairs: [Task<Void, any Error>] = []

  private init(_ plan: ChaosPlan) async throws {
    self.plan = plan
    random = SeededRandom(seed: plan.seed)
    fleet = try await ChaosFleet(plan, ledger)
  }

  /// Runs a plan and answers with what was seen.
  static func run(_ plan: ChaosPlan) async throws -> ChaosLedger {
    let run = try await ChaosRun(plan)
    do { try await run.run() } catch {
      await run.fleet.end()
      throw error
    }
    await run.fleet.end()
    return run.ledger
  }

  private func run() async throws {
    try await fleet.start()
    try await setQueues()
    try load()
    try await makeFaults()
    isLoading = false
    for repair in repairs { try await repair.value }
    await settle()
    for watcher in watchers { watcher.stop() }
    for task in watching { await task.value }
    checkStreams()
    checkExecutions()
    await checkSurvivors()
    await fleet.drain()
    try await checkStore()
  }

  // MARK: Load

  private func setQueues() async throws {
    let token = try fleet.token(user: "operator", permissions: [.admin])
    let client = try await JobClient.connect(to: fleet.port(&random) ?? 0, token: token)
    for (name, settings) in [
      ("narrow", #"{"concurrency":3,"order":"lifo"}"#), ("fair", #"{"fair":true,"user_window":6}"#),
    ] {
      let reply = try await client.rpc("queue.set", #"{"name":"\#(name)","settings":\#(settings)}"#)
      if reply["error"] != nil { ledger.violate("a queue could not be set: \(reply.text)") }
    }
    client.drop()
  }

  private func load() throws {
    for number in 0..<plan.watchers {
      watchers.append(try ChaosWatcher(fleet, ledger, seed: plan.seed &+ 100 &+ UInt64(number), ended: ended))
    }
    watching = watchers.map { watcher in Task { await watcher.run() } }
    for number in 0..<plan.submitters {
      let submitter = try ChaosSubmitter(
        "user\(number)", fleet, ledger, seed: plan.seed &+ 200 &+ UInt64(number)
      ) { [unowned self] in accepted($0) }
      submitting.append(
        Task { [unowned self] in
          await submitter.run(while: { isLoading }, isBusy: { unfinished > plan.backlog })
        })
    }
  }

  private var unfinished: Int { ledger.acknowledged.count - Set(ended.values).count }

  /// Every job has a watcher, every third one two.
  private func accepted(_ job: String) {
    let number = ledger.acknowledged.count
    watchers[number % watchers.count].watch(job)
    if number % 3 == 0 { watchers[(number + 1) % watchers.count].watch(job) }
  }

  // MARK: Faults

  private func makeFaults() async throws {
    let end = ContinuousClock.now + plan.duration
    var round: [ChaosPlan.Fault] = []
    while ContinuousClock.now < end {
      await pause(.seconds(Double.random(in: plan.interval, using: &random)))
      if round.isEmpty { round = plan.faults.shuffled(using: &random) }
      try await make(round.removeLast())
    }
  }

  private func make(_ fault: ChaosPlan.Fault) async throws {
    let delay = Duration.seconds(Double.random(in: 0...1.5, using: &random))
    switch fault {
    case .killWorker:
      guard let worker = fleet.takeWorker(&random) else { return }
      await worker.end()
      repair(after: delay) { [fleet] in try await fleet.startWorker() }
    case .killGateway:
      guard let gateway = fleet.takeGateway(&random) else { return }
      await gateway.end()
      repair(after: delay) { [fleet] in try await fleet.startGateway() }
    case .stopWorker:
      guard let worker = fleet.takeWorker(&random) else { return }
      ledger.stoppedWorkers.insert(String(worker.pid))
      worker.signal(SIGSTOP)
      repair(after: .seconds(plan.lease + 1) + delay) { [fleet] in
        worker.signal(SIGCONT)
        fleet.giveBack(worker: worker)
      }
    case .stopGateway:
      // Its clients hang meanwhile, and so do those whose submission it has.
      guard let gateway = fleet.takeGateway(&random) else { return }
      gateway.signal(SIGSTOP)
      repair(after: .seconds(plan.lease + 1) + delay) { [fleet] in
        gateway.signal(SIGCONT)
        fleet.giveBack(gateway: gateway)
      }
    case .stopRedis:
      guard let redis = fleet.redis else { return }
      await redis.pause()
      await pause(.seconds(plan.lease + 1) + delay)
      await redis.resume()
    case .killRedis:
      guard let redis = fleet.redis else { return }
      await redis.kill()
      // Now and then for longer than a lease.
      await pause(Int.random(in: 0..<6, using: &random) == 0 ? .seconds(plan.lease + 2) : delay)
      try await redis.restart()
    case .killClients:
      for type in ["normal", "pubsub"] {
        try await fleet.redis?.ask(RedisCommand("CLIENT", "KILL", "TYPE", type))
      }
    case .flushFunctions: try await fleet.redis?.ask(RedisCommand("FUNCTION", "FLUSH"))
    }
    ledger.count(fault.rawValue)
  }

  private func repair(after delay: Duration, _ work: @escaping @EventLoop () async throws -> Void) {
    repairs.append(
      Task {
        await pause(delay)
        try await work()
      })
  }

  // MARK: Settling

  /// Waits until every job that was acknowledged has been seen to end by all its watchers, and by who follows them.
  private func settle() async {
    let patience = LoopTimer(after: .seconds(60)) { [unowned self] in
      ledger.violate("it did not settle in 60 s")
      for task in submitting { task.cancel() }
      waiting?.cancel()
      following?.cancel()
    }
    for task in submitting { await task.value }
    let wait = Task { [unowned self] in
      _ = try? await ended.values { [unowned self] _ in
        watchers.allSatisfy { $0.streams.values.allSatisfy(\.hasEnded) }
      }
    }
    waiting = wait
    await wait.value
    let follow = Task { [fleet] in
      if let follower = fleet.follower { try await follower.settle() }
    }
    following = follow
    _ = await follow.result
    patience.stop()
  }

  private var waiting: Task<Void, Never>?
  private var following: Task<Void, any Error>?

  // MARK: What must hold

  /// Each watcher saw all changes of state, each once, up to one end.
  private func checkStreams() {
    let streams = watchers.flatMap(\.streams.values)
    for (index, fault) in WatchedStream.faults(in: streams) {
      ledger.violate("\(streams[index].job): \(fault.kind.rawValue): \(fault.sentence)")
    }
    ledger.count("streams checked", by: streams.count)
  }

  /// No two runs of a job lived at once, but below a worker that could not know.
  private func checkExecutions() {
    for entry in fleet.executions.entries {
      switch entry.word {
      case .begin: ledger.count("executions begun")
      case .end: ledger.count("executions that did their work")
      case .overlap:
        if ledger.stoppedWorkers.contains(entry.worker) {
          ledger.count("runs that met one of a stopped worker")
        } else {
          ledger.violate("two runs at once: \(entry.line)")
        }
      }
    }
  }

  /// No child process is left, once no job runs.
  private func checkSurvivors() async {
    let end = ContinuousClock.now + .seconds(5)
    var survivors = fleet.executions.survivors(in: fleet.folder)
    while !survivors.isEmpty, ContinuousClock.now < end {
      await pause(.milliseconds(100))
      survivors = fleet.executions.survivors(in: fleet.folder)
    }
    for process in survivors {
      let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      ledger.violate("process \(process) is left: \(String(decoding: words, as: UTF8.self))")
    }
  }

  /// The store holds every acknowledged job, ended, and nothing else; its counters count what is there.
  private func checkStore() async throws {
    let broker = try await fleet.broker()
    let worked = Set(fleet.executions.entries.filter { $0.word == .end }.map(\.job))
    var records: [String: Job] = [:]
    for id in ledger.acknowledged {
      guard let id = JobID(id), let job = try await broker.job(id) else {
        ledger.violate("\(id) was acknowledged and is not on record")
        continue
      }
      records[id.description] = job
      if !job.state.isTerminal { ledger.violate("\(id) is \(job.state) at the end") }
      if job.state == .completed, !worked.contains("\(id)") { ledger.violate("\(id) completed and was never run") }
      ledger.count("jobs \(job.state)\(job.failure?.code == "lost" ? " (lost)" : "")")
    }
    ledger.count("jobs acknowledged", by: ledger.acknowledged.count)
    try await fleet.follower?.check(records)
    for queue in try await broker.queues() { try await check(queue, broker) }
    try await audit(broker)
    await broker.close()
  }

  /// Nothing stands where it should not.
  private func audit(_ broker: any Broker) async throws {
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: false, after: cursor, limit: 500)
      for finding in report.findings {
        ledger.violate("the audit finds \(finding.kind.rawValue) \(finding.subject): \(finding.detail)")
      }
      ledger.count("records audited", by: report.checked)
      cursor = report.next
    } while cursor != nil
  }

  private func check(_ queue: QueueStatus, _ broker: any Broker) async throws {
    var listed: [JobState: Int] = [:]
    var filter = JobFilter(queue: queue.name, limit: 200)
    repeat {
      let page = try await broker.jobs(matching: filter)
      for job in page.jobs {
        listed[job.state, default: 0] += 1
        if job.kind != .webhook, !isKnown(job.id.description) {
          ledger.violate("\(job.id) is on record and was acknowledged to nobody")
        }
      }
      filter.cursor = page.next
    } while filter.cursor != nil
    for state in JobState.allCases where listed[state, default: 0] != queue.counts[state, default: 0] {
      ledger.violate(
        "queue \(queue.name) counts \(queue.counts[state, default: 0]) \(state), \(listed[state, default: 0]) are listed"
      )
    }
    let totals = queue.totals
    for (name, total, found) in [
      ("accepted", totals.accepted, listed.values.reduce(0, +)),
      ("completed", totals.completed, listed[.completed] ?? 0),
      ("failed", totals.failed, listed[.failed] ?? 0), ("cancelled", totals.cancelled, listed[.cancelled] ?? 0),
    ] where total != found {
      ledger.violate("queue \(queue.name) says it has \(name) \(total) jobs, \(found) are on record")
    }
    ledger.count("jobs found in listings", by: listed.values.reduce(0, +))
  }

  private lazy var known = Set(ledger.acknowledged)
  private func isKnown(_ id: String) -> Bool { known.contains(id) }
}
