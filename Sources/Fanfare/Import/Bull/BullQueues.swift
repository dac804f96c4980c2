import EventLoop
import Gateway
import Jobs
import Redis

/// The queues of Bull (3, 4) and of BullMQ (1 to 6), as their workers find them.
///
/// Both keep a hash for each job and lists of their ids, of which the last is the next. BullMQ has urgent jobs in a
/// sorted set of their own, Bull in the one list; a queue of BullMQ that is paused waits where it waited, or in `paused`.
@EventLoop
final class BullQueues: ForeignQueues {
  nonisolated let system = "bull"
  private let redis: RedisClient
  private let prefix: String

  init(_ redis: RedisClient, prefix: String = "bull") {
    self.redis = redis
    self.prefix = prefix
  }

  func names() async throws -> [String] {
    var names: Set<String> = []
    for mark in ["id", "meta", "meta-paused"] {
      for key in try await redis.keys(matching: "\(prefix):*:\(mark)") {
        names.insert(String(key.dropFirst(prefix.count + 1).dropLast(mark.count + 1)))
      }
    }
    // Keys of jobs have one part more, and Bull's queues no colon in their names.
    return names.filter { !$0.contains(":") }.sorted()
  }

  func jobs(in queue: String, withFailed: Bool) async throws -> [ForeignJobs] {
    var jobs: [ForeignJobs] = []
    for place in [ForeignPlace.paused, .waiting] {
      // Older BullMQ puts a mark among the ids, which no job has.
      let ids = try await redis.texts("LRANGE", key(queue, place.bullWord)).reversed().filter { !$0.hasPrefix("0:") }
      jobs.append(ForeignJobs(place: place, ids: ids))
    }
    for place in [ForeignPlace.prioritized, .delayed] + (withFailed ? [.failed] : []) {
      jobs.append(ForeignJobs(place: place, ids: try await redis.texts("ZRANGE", key(queue, place.bullWord))))
    }
    return jobs
  }

  func others(in queue: String) async throws -> [(state: String, count: Int)] {
    [
      ("running", try await redis.count("LLEN", key(queue, "active"))),
      ("waiting for children", try await redis.count("ZCARD", key(queue, "waiting-children"))),
    ]
  }

  func job(
    _ id: String, in queue: String, at place: ForeignPlace, _ rules: ImportRules
  ) async throws -> ForeignJob {
    let fields = try await redis.hash(key(queue, id))
    guard !fields.isEmpty else { throw ForeignJobFault("its record is gone") }
    var job = try BullJob(fields).job(in: queue, rules)
    if place == .delayed {
      guard let score = try await redis.ask("ZSCORE", [key(queue, "delayed"), id]).text.flatMap(Double.init) else {
        throw ForeignJobFault("it is not delayed any more")
      }
      // Twelve bits below the milliseconds keep jobs of one moment in their order.
      job.start = .at(Timestamp(milliseconds: Int64(score / 4096)))
    }
    return job
  }

  func remove(_ id: String, from queue: String, at place: ForeignPlace) async throws -> ForeignRemoval {
    let key = key(queue, id)
    let fields = try await redis.hash(key)
    let deduplication = fields["deid"].map { String(decoding: $0, as: UTF8.self) } ?? ""
    let keys =
      [
        self.key(queue, place.bullWord), key, "\(key):lock", self.key(queue, "priority"),
        self.key(queue, "de:\(deduplication)"), self.key(queue, "events"), self.key(queue, "meta"),
      ] + ["logs", "dependencies", "processed", "failed", "unsuccessful"].map { "\(key):\($0)" }
    let answer = try await redis.run(Self.removal, keys: keys, [id, place.isBullList ? "list" : "set", place.bullWord])
    return ForeignRemoval(answer.text)
  }

  /// Jobs of Bull wait for none but children, and those with children stay.
  func standing(of id: String) async throws -> ForeignStanding { .unknown }

  nonisolated func id(of job: String, in queue: String) -> JobID { JobID(bull: job, in: queue, prefix: prefix) }

  private func key(_ queue: String, _ rest: String) -> String { "\(prefix):\(queue):\(rest)" }

  /// KEYS: where it waits, its hash, its lock, Bull's index of priorities, its mark against repeats, the stream of
  /// events, the queue's settings, then all else that is kept of it. ARGV: its id; `list` or `set`; where it waits.
  /// A list is searched from its end, where the next job stands.
  private nonisolated static let removal = """
    local found
    if redis.call("EXISTS", KEYS[3]) == 1 then return "taken" end
    if ARGV[2] == "list" then
      found = redis.call("LREM", KEYS[1], -1, ARGV[1])
    else
      found = redis.call("ZREM", KEYS[1], ARGV[1])
    end
    if found == 0 then
      if redis.call("EXISTS", KEYS[2]) == 1 then return "taken" end
      return "gone"
    end
    if redis.call("TYPE", KEYS[4]).ok == "zset" then redis.call("ZREM", KEYS[4], ARGV[1]) end
    if redis.call("GET", KEYS[5]) == ARGV[1] then redis.call("DEL", KEYS[5]) end
    redis.call("DEL", KEYS[2], unpack(KEYS, 8))
    if redis.call("EXISTS", KEYS[6]) == 1 then
      local length = redis.call("HGET", KEYS[7], "opts.maxLenEvents") or 10000
      redis.call("XADD", KEYS[6], "MAXLEN", "~", length, "*", "event", "removed", "jobId", ARGV[1], "prev", ARGV[3])
    end
    return "removed"
    """
}

extension ForeignPlace {
  /// As Bull's keys have it.
  fileprivate var bullWord: String { self == .waiting ? "wait" : rawValue }
  fileprivate var isBullList: Bool { self == .waiting || self == .paused }
}
