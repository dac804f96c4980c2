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
    case stopGateway = "SIGSTOP of a gateway beyond the leases"
    case stopRedis = "SIGSTOP of redis-server beyond the leases"
    case killClients = "CLIENT KILL of every connection"
    case flushFunctions = "FUNCTION FLUSH"
  }

  let store: Store
  let seed: UInt64
  /// How long faults are made; settling comes on top.
  let duration: Duration
  /// What happens, as often as it is named, in each round of faults; the seed gives the order.
  let faults: [Fault]
  /// From one fault to the next, in seconds.
  let interval: ClosedRange<Double>
  let gateways: Int
  let workers: Int
  let submitters = 4
  let watchers = 3
  let slots = 5
  /// Seconds; short, so that a run sees many leases end.
  let lease = 3
  /// How many jobs may be unfinished at a time: bounds what is left to settle.
  let backlog: Int
  /// With webhooks and a history. After the death of a gateway another one takes some seconds to go on with these.
  let isFollowed: Bool

  static func redis(
    _ appendOnly: RedisServer.AppendOnly, seed: UInt64, for duration: Duration, every interval: ClosedRange<Double>,
    backlog: Int, isFollowed: Bool
  ) -> ChaosPlan {
    ChaosPlan(
      store: .redis(appendOnly), seed: seed, duration: duration,
      faults: [
        .killWorker, .killWorker, .killWorker, .killGateway, .killGateway, .killRedis, .stopWorker, .stopGateway,
        .stopRedis, .killClients, .flushFunctions,
      ], interval: interval, gateways: 2, workers: 3, backlog: backlog, isFollowed: isFollowed)
  }

  static func embedded(
    seed: UInt64, for duration: Duration, every interval: ClosedRange<Double>, backlog: Int, isFollowed: Bool
  ) -> ChaosPlan {
    ChaosPlan(
      store: .embedded, seed: seed, duration: duration, faults: [.killGateway, .killGateway, .stopGateway],
      interval: interval, gateways: 1, workers: 0, backlog: backlog,
      isFollowed: isFollowed)
  }
}
