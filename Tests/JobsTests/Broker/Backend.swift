import EventLoop
import Jobs
import Logging
import Support

/// The brokers that the contract and the model are run on.
///
/// A new broker joins with a case, and every test of the contract with it.
enum Backend: String, CaseIterable, Sendable {
  case embedded, redis
  /// A Redis of its own, whose clock is moved.
  case shiftedRedis

  static let allCases: [Backend] = [.embedded, .redis]

  /// Those whose time jumps: for what takes hours.
  static let jumping: [Backend] = [.embedded, .shiftedRedis]

  /// Runs `body` with a new, empty broker and the time it lives in, looks whether all is in order
  /// (``ScenarioCheck``), and closes the broker after.
  func withBroker(_ body: (any Broker, BrokerTime) async throws -> Void) async throws {
    try await withUncheckedBroker { broker, time in
      let scenario = try await ScenarioCheck(of: broker)
      try await body(broker, time)
      try await scenario.check()
    }
  }

  /// The same for bodies that have an eye on everything themselves.
  func withUncheckedBroker(_ body: (any Broker, BrokerTime) async throws -> Void) async throws {
    switch self {
    case .embedded:
      let folder = TemporaryFolder()
      let clock = ManualClock()
      let broker = try await EmbeddedBroker.open(
        at: folder.path, clock: { clock.now }, logger: Logger(label: "test"))
      do {
        try await body(broker, .manual(clock))
      } catch {
        await broker.close()
        throw error
      }
      await broker.close()
    case .redis: try await RedisBackend.withBroker(body)
    case .shiftedRedis: try await RedisBackend.withShiftedBroker(body)
    }
  }

  /// Runs `body` with a new, empty broker, and closes it after.
  func withBroker(_ body: (any Broker) async throws -> Void) async throws {
    try await withBroker { broker, _ in try await body(broker) }
  }
}

/// A broker's time, which a test lets pass: an embedded broker's jumps, Redis's is waited for.
struct BrokerTime: Sendable {
  /// By the broker's clock, or by one that is never ahead of it by more than a call takes.
  let now: @Sendable () -> Timestamp
  /// Returns when at least this long has passed on the broker's clock.
  let pass: @Sendable (Duration) async throws -> Void

  static func manual(_ clock: ManualClock) -> BrokerTime {
    BrokerTime(now: { clock.now }, pass: { clock.advance(by: $0) })
  }

  /// For a Redis whose clock is moved, past the millisecond in which that is done.
  static func shifted(_ clock: ShiftedClock) -> BrokerTime {
    BrokerTime(now: { clock.now }, pass: { clock.advance(by: $0 + .milliseconds(2)) })
  }

  /// For a broker whose clock is the machine's: time is waited for, on the loop.
  static let real = BrokerTime(now: { .now }, pass: { try await wait(for: $0) })

  @EventLoop private static func wait(for duration: Duration) async throws {
    let passed = AsyncStream<Void>.makeStream()
    // The next whole millisecond may belong to a moment before `duration` has passed.
    let timer = LoopTimer(after: duration + .milliseconds(2)) { passed.continuation.finish() }
    for await _ in passed.stream {}
    timer.stop()
    try Task.checkCancellation()
  }
}
