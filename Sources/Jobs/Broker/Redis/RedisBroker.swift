package import EventLoop
import Foundation
package import Logging
package import Redis

/// The broker of a fleet: jobs, leases, events and budgets in one Redis, shared by all nodes.
///
/// Each verb is one Lua script, so that a change of state, its event number and its publication are
/// one step. Redis's own crash safety is its append-only file: with `appendonly yes` what was
/// acknowledged survives the death of any client; with `appendfsync always`, that of Redis and of the
/// machine too (with `everysec` Redis may hold a write back for a second while it flushes).
@EventLoop
package final class RedisBroker: Broker {
  let keys: RedisKeys
  let scripts: RedisScripts
  let client: RedisClient
  let subscriber: RedisSubscriber
  private(set) var canary: RedisCanary! = nil
  let logger: Logger
  package private(set) var warnings: [String] = []
  private let memoryLooks: Duration
  private var memoryTimer: LoopTimer?
  private(set) lazy var submissions = CallBatcher<JobRequest, RedisValue>(
    size: { $0.payload.bytes.count },
    { [unowned self] requests throws(BrokerError) in try await submit(requests) })
  private(set) lazy var lookups = CallBatcher<JobID, Result<Job?, BrokerError>> {
    [unowned self] ids throws(BrokerError) in
    try await lookUp(ids)
  }
  private(set) lazy var listings = SharedReads<JobFilter, JobPage> {
    [unowned self] filter throws(BrokerError) in try await list(filter)
  }

  var arriving: [QueueName: QueueMode] = [:]

  // What RedisBroker+EventSource keeps.
  var watchers: [UInt64: Watcher] = [:]
  var lastWatcher: UInt64 = 0
  var reconciliation: Reconciliation?
  var reconciling: Task<Void, Never>?
  /// How long events may be lost before that is noticed.
  let unnoticed: Duration
  /// The most jobs of all users that ended during an interruption and are looked at after it.
  var missedLimit = 10_000
  var lastDecoded: (message: [UInt8], event: JobEvent)?

  /// What Redis last told of connections that it ended for their output, since its start.
  private var outputLimitLosses: Int?
  /// How often events were interrupted, and what Redis says of it.
  var losses = DeliveryReport()

  /// Hear that events are interrupted, and that they are delivered again.
  var deliveryListeners: [@EventLoop () -> Void] = []
  /// How long an idempotency key is remembered.
  nonisolated static let idempotencyLifetime = Duration.seconds(86_400)

  /// A broker on the Redis at `endpoint`, with all its keys below `prefix`; it does nothing before
  /// ``start()``. An answer later than `answersWithin` counts as a loss of the connection; what is warned of is
  /// looked at every `memoryLooks`.
  package init(
    endpoint: RedisEndpoint, prefix: String = "fanfare:", partition: Int = 0,
    answersWithin: Duration = .seconds(5), memoryLooks: Duration = .seconds(30),
    canary: (interval: Duration, patience: Duration) = (.seconds(1), .seconds(3)), logger: Logger
  ) {
    self.memoryLooks = memoryLooks
    unnoticed = answersWithin * 2 + canary.patience * 2 + .seconds(1)
    keys = RedisKeys(prefix: prefix, partition: partition)
    scripts = RedisScripts(keys: keys)
    client = RedisClient(endpoint: endpoint, answersWithin: answersWithin, logger: logger)
    subscriber = RedisSubscriber(
      endpoint: endpoint, heartbeat: keys.key(.heartbeat), silence: answersWithin * 2,
      logger: logger)
    self.logger = logger
    self.canary = RedisCanary(
      client: client, subscriber: subscriber, channel: keys.key(.canary, UUID().uuidString),
      interval: canary.interval, patience: canary.patience, logger: logger
    ) { [weak self] in self?.canaryChanged() }
  }

  /// Connects, and waits a moment for the events to be delivered. Throws `unavailable` when Redis cannot be reached now; the broker goes on trying,
  /// refuses calls meanwhile, and needs no second start.
  package func start() async throws(BrokerError) {
    subscriber.onLive = { [weak self] in
      self?.canary.connectionRestored()
      self?.reconcile()
      // Another Redis may stand there by now.
      Task { [weak self] in
        await self?.lookAtOutputLimits()
        await self?.lookAtMemoryPolicy()
      }
    }
    subscriber.onLost = { [weak self] in self?.sourceLost() }
    subscriber.start()
    canary.start()
    // Whoever runs Redis may change it at any time.
    memoryTimer = LoopTimer(every: memoryLooks) { [weak self] in
      Task { [weak self] in await self?.lookAtMemoryPolicy() }
    }
    do { try await client.start() } catch { throw BrokerError(error) }
    try await requireFunctions()
    await lookAtMemoryPolicy()
    await subscriber.waitUntilLive(upTo: .seconds(1))
  }

  /// Gives Redis the functions, refuses one that knows none, and takes away those of other versions of this broker: a
  /// gateway that still runs one gives them to Redis again when it misses them.
  private func requireFunctions() async throws(BrokerError) {
    do throws(RedisError) {
      let info = try await client.send(RedisCommand("INFO", "server")).text ?? ""
      let version = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("redis_version:") }
      if let version = version?.dropFirst("redis_version:".count), let major = Int(version.prefix { $0 != "." }),
        major < 7
      {
        throw RedisError.refused(RedisFailure("Redis 7.0 or newer is needed, this one is \(version)"))
      }
      let list = RedisCommand("FUNCTION", "LIST", "LIBRARYNAME", "\(keys.functions)_*")
      let libraries = try await client.send(list).elements ?? []
      let there = Set(libraries.compactMap { $0.elements?.dropFirst().first?.text })
      let others = there.subtracting(scripts.all.map(\.name))
      for name in others { _ = try await client.send(RedisCommand("FUNCTION", "DELETE", name)) }
      try await client.provide(scripts.all.filter { !there.contains($0.name) })
    } catch .refused(let failure) where failure.meansUnavailable {
      // It takes none at present; each is given again when it is missed.
      logger.warning("Redis does not take functions now", metadata: ["error": "\(failure)"])
    } catch { throw BrokerError(error) }
  }

  /// Warns of a Redis that would make room by throwing jobs away. INFO, since hosted ones often forbid CONFIG.
  private func lookAtMemoryPolicy() async {
    guard let answer = try? await client.send(RedisCommand("INFO", "memory")), let text = answer.text,
      let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("maxmemory_policy:") })
    else { return }
    let policy = line.dropFirst("maxmemory_policy:".count)
    let found =
      policy == "noeviction"
      ? [] : ["Redis throws jobs away when its memory is full: maxmemory-policy is \(policy), not noeviction."]
    if found != warnings { for warning in found { logger.warning("\(warning)") } }
    warnings = found
  }

  /// Looks how often Redis itself ended a connection because it did not take its output: a subscriber's among them
  /// would have been too slow. Known from Redis 7.2 on.
  private func lookAtOutputLimits() async {
    guard let text = try? await client.send(RedisCommand("INFO", "stats")).text,
      let losses = Self.outputLimitLosses(in: text)
    else { return }
    if let known = outputLimitLosses, losses > known {
      self.losses.endedForOutput(losses - known, at: .now)
      logger.error(
        "Redis ended connections whose output was over its limit (client-output-buffer-limit)",
        metadata: ["count": "\(losses - known)"])
    }
    outputLimitLosses = losses
  }

  /// The count in an answer to INFO; nil where the server does not tell.
  nonisolated static func outputLimitLosses(in info: String) -> Int? {
    let name = "client_output_buffer_limit_disconnections:"
    return info.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name) }
      .flatMap { Int($0.dropFirst(name.count)) }
  }

  /// Whether there is a connection now: what is asked is at least sent.
  package var isReachable: Bool { client.isConnected }

  package func isAvailable() async -> Bool {
    do {
      _ = try await client.send(RedisCommand("PING"))
      return true
    } catch { return false }
  }

  package func close() async {
    memoryTimer = nil
    reconciling?.cancel()
    canary.close()
    subscriber.close()
    client.close()
    watchers = [:]
  }

  /// Calls a function of the partition; `arguments` appends what follows its key.
  func run(
    _ function: RedisFunction, _ arguments: (inout RedisCommand) -> Void
  ) async throws(BrokerError) -> RedisValue {
    do {
      return try await client.call(function) { command in
        command.append("1")
        command.append(keys.tag)
        arguments(&command)
      }
    } catch .refused(let failure) {
      throw .corrupt("\(function.name): \(failure.description)")
    } catch { throw BrokerError(error) }
  }
}

extension BrokerError {
  /// What a failure of Redis means to who asked the broker.
  init(_ error: RedisError) {
    self =
      switch error {
      case .unavailable: .unavailable
      case .refused(let failure): .corrupt(failure.description)
      }
  }
}
