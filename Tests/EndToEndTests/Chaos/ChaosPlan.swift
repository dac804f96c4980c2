import Foundation
import Support

/// How long a chaos run is, what it runs on, and from which seed its moments come.
struct ChaosPlan: Sendable {
  /// What the jobs are kept in.
  enum Store: Sendable {
    case redis(RedisServer.AppendOnly)
    /// One `fanfare serve` with its own workers.
    case embedded
  }

  /// What is done to a fleet at a random moment.
  enum Fault: String, CaseIterable, Sendable {
    case killWorker = "SIGKILL of a worker"
    case killGateway = "SIGKILL of a gateway"
    case killRedis = "SIGKILL of redis-server"
    case stopWorker = "SIGSTOP of a worker beyond its lease"
    case killClients = "CLIENT KILL of every connection"
    case flushScripts = "SCRIPT FLUSH"
  }

  let store: Store
  let seed: UInt64
  /// How long faults are made; settling comes on top.
  let duration: Duration
  /// The faults, as often as they are to be drawn against each other.
  let faults: [Fault]
  /// From one fault to the next.
  let interval: ClosedRange<Double>

  let gateways: Int
  let workers: Int
  let submitters = 4
  let watchers = 3
  let slots = 5
  /// Short, so that a run sees many leases end.
  let lease = 4

  static func redis(
    _ appendOnly: RedisServer.AppendOnly, seed: UInt64, for duration: Duration
  ) -> ChaosPlan {
    ChaosPlan(
      store: .redis(appendOnly), seed: seed, duration: duration,
      faults: [
        .killWorker, .killWorker, .killWorker, .killGateway, .killGateway, .killRedis, .stopWorker, .killClients,
        .flushScripts,
      ], interval: 0.3...1.8, gateways: 2, workers: 3)
  }

  static func embedded(seed: UInt64, for duration: Duration) -> ChaosPlan {
    ChaosPlan(
      store: .embedded, seed: seed, duration: duration, faults: [.killGateway], interval: 1...4, gateways: 1, workers: 0
    )
  }
}
