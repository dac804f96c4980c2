import Foundation
import Support
import Testing

/// Crashes at random moments under load. `make chaos` runs them for minutes: FANFARE_CHAOS_MINUTES, and
/// FANFARE_CHAOS_SEED for the moments of a run before.
@Suite("Chaos") struct ChaosTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let minutes = environment["FANFARE_CHAOS_MINUTES"].flatMap(Double.init)
  private static let seed = environment["FANFARE_CHAOS_SEED"].flatMap(UInt64.init) ?? 1

  /// The part of the whole time that one plan has.
  private static func duration(_ part: Double, inTests: Double) -> Duration {
    .seconds(minutes.map { $0 * 60 * part } ?? inTests)
  }

  private static let interval = minutes == nil ? 0.2...0.8 : 0.3...1.8
  private static let backlog = minutes == nil ? 25 : 100

  static let plans: [(name: String, plan: ChaosPlan)] = [
    (
      "Redis, appendfsync always",
      .redis(
        .always, seed: seed, for: duration(0.45, inTests: 5), every: interval, backlog: backlog,
        isFollowed: minutes != nil)
    ),
    (
      "Redis, appendfsync everysec",
      .redis(
        .everysec, seed: seed &+ 1, for: duration(0.35, inTests: 5), every: interval, backlog: backlog,
        isFollowed: false)
    ),
    (
      "the embedded broker",
      .embedded(seed: seed &+ 2, for: duration(0.2, inTests: 3), every: 0.8...3, backlog: backlog, isFollowed: true)
    ),
  ]

  @Test(
    "loses nothing, runs nothing twice at once, tells every end once and webhooks and the history all, whoever is killed",
    arguments: plans.indices)
  func crashes(_ index: Int) async throws {
    let (name, plan) = Self.plans[index]
    print("chaos: \(name), seed \(plan.seed), \(plan.duration)")
    let ledger = try await ChaosRun.run(plan)
    let (table, violations) = await (ledger.table, ledger.violations)
    print("chaos: \(name), seed \(plan.seed), \(plan.duration)\n\(table)")
    #expect(violations.isEmpty, "seed \(plan.seed)")
  }
}
