import Support

/// How many jobs are watched, by whom, and what is done to them meanwhile.
struct WatchPlan: Sendable {
  /// What is done at a random moment.
  enum Fault: String, CaseIterable, Sendable {
    case killSubscribers = "CLIENT KILL TYPE pubsub"
    case stopRedis = "SIGSTOP of redis-server"
    case killGateway = "SIGKILL of a gateway"
    case cutRedis = "all connections of a gateway to Redis reset"
    case deafenRedis = "all connections of a gateway to Redis half open"
    case cutBrowsers = "all connections to a gateway reset"
  }

  let seed: UInt64
  let jobs: Int
  /// Clients, by how they reach the gateway.
  let clients: [BrowserKind: Int]
  /// The time over which jobs are submitted and faults are made; settling comes on top.
  let duration: Duration
  /// What happens, evenly over that time; the seed gives the order.
  let faults: [Fault]
  /// How long Redis stands still.
  let pause: Duration
  /// How long a network is deaf one way, in milliseconds.
  let deafness: ClosedRange<Int>
  let gateways = 2
  /// How many watches may be without an end at a time, before no more jobs are submitted.
  let backlog = 500
  /// Lives of tokens, in seconds: so short that many run out in the middle of something.
  let tokens = 2...6

  /// Seconds, for the ordinary suite.
  static func short(seed: UInt64) -> WatchPlan {
    WatchPlan(
      seed: seed, jobs: 300, clients: [.socket: 8, .events: 4, .longPoll: 4, .pushEvents: 3, .pushLines: 3],
      duration: .seconds(6),
      faults: Fault.allCases + [.killSubscribers, .cutBrowsers], pause: .seconds(1), deafness: 500...2500)
  }

  /// Up to 10,000 jobs in at least this time.
  static func full(seed: UInt64, for duration: Duration) -> WatchPlan {
    let seconds = Int(duration.components.seconds)
    let rounds = max(1, seconds / 60)
    return WatchPlan(
      seed: seed, jobs: min(10_000, max(300, seconds * 42)),
      clients: [.socket: 40, .events: 16, .longPoll: 16, .pushEvents: 14, .pushLines: 14], duration: duration,
      faults: [.stopRedis]
        + (0..<rounds).flatMap { _ in
          Fault.allCases.filter { $0 != .stopRedis } + [.killSubscribers, .killSubscribers, .cutBrowsers]
        }, pause: .seconds(20), deafness: 2000...10_000)
  }
}
