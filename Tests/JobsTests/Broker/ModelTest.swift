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
  @Test("on random sequences of operations", arguments: Backend.allCases, 1...2)
  func randomSequence(_ backend: Backend, _ seed: UInt64) async throws {
    try await backend.withUnauditedBroker { broker, time in
      try await ModelRun(broker: broker, time: time, seed: seed).run(steps: 3000)
    }
  }
}
