import Foundation
import Support
import Testing

/// Jobs that end at once, under watchers whose network, gateway, Redis or token goes at any moment. `make chaos` runs
/// them in full: FANFARE_CHAOS_MINUTES, and FANFARE_CHAOS_SEED for the moments of a run before.
@Suite("Chaos among watchers") struct WatcherChaosTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let minutes = environment["FANFARE_CHAOS_MINUTES"].flatMap(Double.init)
  private static let seed = environment["FANFARE_CHAOS_SEED"].flatMap(UInt64.init) ?? 1

  static let plan =
    minutes.map { WatchPlan.full(seed: seed, for: .seconds(max(30, Int($0 * 60 * 0.4)))) } ?? .short(seed: seed)

  @Test("leave no watcher with a gap, a repeat or without its one end, on any transport")
  func watchers() async throws {
    let plan = Self.plan
    let name = "chaos: watchers, seed \(plan.seed), \(plan.jobs) jobs in \(plan.duration)"
    print(name)
    let ledger = try await WatchRun.run(plan)
    let (table, violations) = await (ledger.table, ledger.violations)
    print("\(name)\n\(table)")
    #expect(violations.isEmpty, "seed \(plan.seed)")
  }
}
