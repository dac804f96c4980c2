import EventLoop
import Foundation
import Jobs
import Support
import Testing

/// Random lives of many jobs, on a broker and on ``BrokerModel``, compared after each step.
///
/// A failure names its seed and step; the same seed gives the same run. Add a failing seed as a test
/// of its own, under the sentence that it breaks. `MODEL_SEEDS=50` in the environment makes it fifty seeds.
@Suite("Every broker does what the model does", .timeLimit(.minutes(10)))
struct ModelTest {
  private static let seeds = ProcessInfo.processInfo.environment["MODEL_SEEDS"].flatMap { UInt64($0) } ?? 3

  @Test("on random sequences of operations", arguments: Backend.allCases, 1...seeds)
  func randomSequence(_ backend: Backend, _ seed: UInt64) async throws {
    try await backend.withUncheckedBroker { broker, time in
      try await ModelRun(broker: broker, time: time, seed: seed).run(steps: 2200)
    }
  }
}
