import EventLoop
import Foundation
import Jobs
import Redis
import Support

/// One run of many who watch jobs that end at once: load, faults, and when all has settled, what each saw.
@EventLoop
final class WatchRun {
  let plan: WatchPlan
  let ledger = ChaosLedger()
  let fleet: WatchFleet
  private(set) var isOver = false
  /// No more faults: what is lacking now is lacking for ever.
  private(set) var isCalm = false
  private var browsers: [(browser: Browser, transport: any BrowserTransport)] = []
  private var random: SeededRandom
  private var begin = ContinuousClock.now
  private var taken = 0
  private var watches = 0
  private var ends = 0
  /// Told whenever something has ended.
  private let steps = Arrivals<Void>()
  private var repairs: [Task<Void, any Error>] = []

  private init(_ plan: WatchPlan) async throws {
    self.plan = plan
    random = SeededRandom(seed: plan.seed)
    for name in Self.names { ledger.count(name, by: 0) }
    fleet = try await WatchFleet(plan, ledger)
  }

  /// In the order in which they are read; what else happens stands behind them.
  private static let names =
    ["clients"] + BrowserKind.allCases.map { "  \($0.rawValue)" } + [
      "jobs", "jobs watched, each by each", "events and records taken", "events, live", "snapshots",
      "snapshots, live", "recovered, behind", "recovered, at the top", "resets", "places lost (2500)",
      "places lost (2501)", "connections", "connections that could not be made", "disconnects",
    ]
    + [
      "cut by the client", "reset", "ended on the way", "silent: half open", "closed with 3005", "closed with 3010",
      "closed with 3012",
    ].map { "  of them \($0)" } + [
      "disconnects between a submit and its reply", "disconnects between a subscribe and its reply",
      "streams cut by the client",
    ] + WatchPlan.Fault.allCases.map(\.rawValue) + ["messages of Redis's lost on their way"]

  /// Runs a plan and answers with what was seen.
  static func run(_ plan: WatchPlan) async throws -> ChaosLedger {
    let run = try await WatchRun(plan)
    do { try await run.run() } catch {
      await run.fleet.end()
      throw error
    }
    await run.fleet.end()
    return run.ledger
  }

  private func run() async throws {
    try await fleet.start()
    makeBrowsers()
    begin = .now
    let clock = LoopTimer(every: .seconds(15)) { [unowned self] in
      print("  \(ledger.acknowledged.count) jobs, \(watches - ends) watches open, \(fleet.traffic)")
    }
    let running = browsers.map { browser in Task { await browser.transport.run() } }
    try await makeFaults()
    for repair in repairs { try await repair.value }
    await settle()
    clock.stop()
    isOver = true
    for task in running { await task.value }
    judge()
    await fleet.drain()
  }

  private func makeBrowsers() {
    for kind in BrowserKind.allCases {
      for _ in 0..<(plan.clients[kind] ?? 0) {
        let number = browsers.count
        let browser = Browser(number, kind, in: self, seed: plan.seed &+ 1000 &+ UInt64(number))
        browsers.append((browser, kind.transport(of: browser)))
        ledger.count("clients")
        ledger.count("  \(kind.rawValue)")
      }
    }
  }

  // MARK: Jobs

  /// Whether one more job may be submitted now; they are spread over the time of the run.
  func takeSubmission() -> Bool {
    let part = min(1, (ContinuousClock.now - begin) / plan.duration)
    guard taken < Int(Double(plan.jobs) * part), watches - ends < plan.backlog else { return false }
    taken += 1
    return true
  }

  /// Its submitter watches a job, and up to three others do, who hear of it at once.
  func accepted(_ job: String, isStill: Bool, by submitter: Browser, _ random: inout SeededRandom) {
    ledger.acknowledge(job)
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      guard let (browser, transport) = browsers.randomElement(using: &random), browser !== submitter,
        browser.begin(job, isStill: isStill)
      else { continue }
      transport.watch(job)
    }
  }

  func began() { watches += 1 }

  /// A watcher saw an end, or was told that what it saw is void.
  func ended(by number: Int) {
    ends += number
    steps.append(())
  }

  private var isSettled: Bool { ledger.acknowledged.count == plan.jobs && ends == watches }

  // MARK: Faults

  private func makeFaults() async throws {
    let faults = plan.faults.shuffled(using: &random)
    for fault in faults {
      let interval = (plan.duration / (faults.count + 1)).milliseconds
      await pause(.milliseconds(Int64.random(in: interval / 2...interval * 3 / 2, using: &random)))
      try await make(fault)
    }
    let rest = begin + plan.duration - .now
    if rest > .zero { await pause(rest) }
  }

  private func make(_ fault: WatchPlan.Fault) async throws {
    guard let seat = fleet.seats.randomElement(using: &random) else { return }
    ledger.count(fault.rawValue)
    for (browser, _) in browsers { browser.note(fault.rawValue) }
    switch fault {
    case .killSubscribers: try await fleet.redis.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
    case .stopRedis:
      await fleet.redis.pause()
      await pause(plan.pause)
      await fleet.redis.resume()
    case .killGateway:
      await fleet.killGateway(in: seat)
      let delay = Duration.milliseconds(Int.random(in: 0...1500, using: &random))
      repairs.append(
        Task { [fleet] in
          await pause(delay)
          try await fleet.startGateway(in: seat)
        })
    case .cutRedis: seat.back.cut()
    case .deafenRedis: seat.back.afflict { [fleet] in fleet.halfOpen() }
    case .cutBrowsers: seat.front.cut()
    }
  }

  // MARK: What is found

  /// Waits until every job was acknowledged and every watcher has seen the end of each of its jobs.
  private func settle() async {
    isCalm = true
    fleet.calm()
    let start = ContinuousClock.now
    let wait = Task { [unowned self] in
      _ = try? await steps.values { [unowned self] _ in isSettled }
    }
    // As long as something ends; but not for ever.
    var seen = ends
    var looks = 0
    let patience = LoopTimer(every: .seconds(60)) { [unowned self] in
      looks += 1
      if seen != ends, looks < 5 { return seen = ends }
      ledger.violate(
        "it did not settle: \(ledger.acknowledged.count) of \(plan.jobs) jobs, \(ends) of \(watches) ends")
      wait.cancel()
    }
    await wait.value
    patience.stop()
    ledger.count("milliseconds until all had settled", by: Int((ContinuousClock.now - start).milliseconds))
  }

  private func judge() {
    ledger.count("jobs", by: ledger.acknowledged.count)
    ledger.count("messages of Redis's lost on their way", by: fleet.lost)
    ledger.count("jobs watched, each by each", by: watches)
    ledger.count(
      "events and records taken", by: browsers.flatMap(\.browser.streams.values).reduce(0) { $0 + $1.items.count })
    for kind in WatchedStream.Fault.Kind.allCases { ledger.count(kind.rawValue, by: 0) }
    let owners = browsers.flatMap { browser, _ in browser.streams.keys.map { ($0, browser) } }
    var streams: [WatchedStream] = []
    var names: [String] = []
    for (job, browser) in owners {
      guard let stream = browser.streams[job] else { continue }
      streams.append(stream)
      names.append(browser.name)
    }
    for (index, fault) in WatchedStream.faults(in: streams) {
      ledger.count(fault.kind.rawValue)
      ledger.violate(
        "seed \(plan.seed): \(names[index]): \(streams[index].job): \(fault.kind.rawValue): \(fault.sentence)")
    }
  }
}
