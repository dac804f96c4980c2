import Redis

/// The scripts of a partition, assembled from `Sources/Jobs/Lua`.
///
/// A line `--- @include "x"` stands for the text of x, once a script: an include names what it needs
/// itself. `keys` is written by ``RedisKeys``. Names of keys are constants in the text, not arguments: a
/// call carries only what differs from the last.
struct RedisScripts: Sendable {
  let beat, cancel, clear, control, deleteQueue, direct, enqueue, exchange, expire, extend, list,
    log, places, promote, prune, queues, read, reap, report, setQueue, spendRequest,
    statistics, upcoming, workers: RedisScript

  init(keys: RedisKeys) {
    func script(_ name: String, _ bytes: [UInt8]) -> RedisScript {
      var source = Self.assemble(bytes, preamble: keys.preamble)
      if Self.servesWithoutMemory.contains(name) { source = Self.firstWrite + source }
      return RedisScript(name: name, source: source)
    }
    beat = script("beat", PackageResources.beat_lua)
    cancel = script("cancel", PackageResources.cancel_lua)
    clear = script("clear", PackageResources.clear_lua)
    control = script("control", PackageResources.control_lua)
    deleteQueue = script("delete_queue", PackageResources.delete_queue_lua)
    direct = script("direct", PackageResources.direct_lua)
    enqueue = script("enqueue", PackageResources.enqueue_lua)
    exchange = script("exchange", PackageResources.exchange_lua)
    expire = script("expire", PackageResources.expire_lua)
    extend = script("extend", PackageResources.extend_lua)
    list = script("list", PackageResources.list_lua)
    log = script("log", PackageResources.log_lua)
    places = script("places", PackageResources.places_lua)
    promote = script("promote", PackageResources.promote_lua)
    prune = script("prune", PackageResources.prune_lua)
    queues = script("queues", PackageResources.queues_lua)
    read = script("read", PackageResources.read_lua)
    reap = script("reap", PackageResources.reap_lua)
    report = script("report", PackageResources.report_lua)
    setQueue = script("set_queue", PackageResources.set_queue_lua)
    spendRequest = script("spend_request", PackageResources.spend_request_lua)
    statistics = script("statistics", PackageResources.statistics_lua)
    upcoming = script("upcoming", PackageResources.upcoming_lua)
    workers = script("workers", PackageResources.workers_lua)
  }

  var all: [RedisScript] {
    [
      beat, cancel, clear, control, deleteQueue, direct, enqueue, exchange, expire, extend,
      list, log, places, promote, prune, queues, read, reap, report, setQueue,
      spendRequest, statistics, upcoming, workers,
    ]
  }

  private static let includes: [String: [UInt8]] = [
    "includes/bucket": PackageResources.bucket_lua,
    "includes/change": PackageResources.change_lua,
    "includes/claims": PackageResources.claims_lua,
    "includes/counts": PackageResources.counts_lua,
    "includes/describe": PackageResources.describe_lua,
    "includes/describe_queue": PackageResources.describe_queue_lua,
    "includes/extend_leases": PackageResources.extend_leases_lua,
    "includes/failure": PackageResources.failure_lua,
    "includes/fair": PackageResources.fair_lua,
    "includes/finish": PackageResources.finish_lua,
    "includes/forget": PackageResources.forget_lua,
    "includes/index": PackageResources.index_lua,
    "includes/lease_jobs": PackageResources.lease_jobs_lua,
    "includes/now": PackageResources.now_lua,
    "includes/outcome": PackageResources.outcome_lua,
    "includes/pack": PackageResources.pack_lua,
    "includes/place": PackageResources.place_lua,
    "includes/progress": PackageResources.progress_lua,
    "includes/promote_due": PackageResources.promote_due_lua,
    "includes/queue": PackageResources.queue_lua,
    "includes/record": PackageResources.record_lua,
    "includes/reopen": PackageResources.reopen_lua,
    "includes/retain": PackageResources.retain_lua,
    "includes/running": PackageResources.running_lua,
    "includes/score": PackageResources.score_lua,
    "includes/settle_job": PackageResources.settle_job_lua,
    "includes/states": PackageResources.states_lua,
    "includes/uuid": PackageResources.uuid_lua,
    "includes/wake": PackageResources.wake_lua,
    "includes/window": PackageResources.window_lua,
  ]

  /// What ends work or keeps it going, and so must not be refused while Redis has no memory left; new jobs are.
  private static let servesWithoutMemory: Set<String> = [
    "beat", "cancel", "clear", "exchange", "expire", "extend", "prune", "reap",
  ]

  /// Redis refuses a script's first writing command that may need memory, and none after one that was let
  /// through: this one needs none, and does nothing, since no key has the bare name of the partition.
  private static let firstWrite = "redis.call('PERSIST', KEYS[1])\n"

  /// A script with what it includes in its place.
  static func assemble(_ script: [UInt8], preamble: String) -> String {
    var included: Set<String> = []
    func expand(_ bytes: [UInt8]) -> [String] {
      String(decoding: bytes, as: UTF8.self)
        .split(separator: "\n", omittingEmptySubsequences: false).flatMap { line in
          guard line.hasPrefix("--- @include \""), line.hasSuffix("\"") else { return [String(line)] }
          let name = String(line.dropFirst(14).dropLast())
          guard included.insert(name).inserted else { return [] }
          if name == "keys" { return [preamble] }
          guard let bytes = includes[name] else {
            preconditionFailure("a script includes \(name), which is not there")
          }
          return expand(bytes)
        }
    }
    // A local is found at once, a field of a global is looked up twice at each call.
    return (["local call = redis.call"] + expand(script)).joined(separator: "\n")
  }
}
