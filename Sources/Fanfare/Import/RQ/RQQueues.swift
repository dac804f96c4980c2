import EventLoop
import Foundation
import Gateway
import Jobs
import Redis

/// The queues of RQ (1.x to 3.x), as its workers find them.
@EventLoop
final class RQQueues: ForeignQueues {
  nonisolated let system = "rq"
  private let redis: RedisClient

  init(_ redis: RedisClient) { self.redis = redis }

  func names() async throws -> [String] {
    let keys = try await redis.ask("SMEMBERS", ["rq:queues"]).elements ?? []
    return keys.compactMap(\.text).filter { $0.hasPrefix(Self.prefix) }.map { String($0.dropFirst(Self.prefix.count)) }
      .sorted()
  }

  func jobs(in queue: String, withFailed: Bool) async throws -> [ForeignJobs] {
    // What RQ calls ready waits as the rest does: its parents have ended, and it is not in the list yet.
    var jobs = [
      ForeignJobs(place: .waiting, ids: try await redis.texts("LRANGE", Self.key(of: queue, at: .waiting))),
      ForeignJobs(place: .ready, ids: try await redis.texts("ZRANGE", Self.key(of: queue, at: .ready))),
      ForeignJobs(place: .scheduled, ids: try await redis.texts("ZRANGE", Self.key(of: queue, at: .scheduled))),
    ]
    let deferred = try await redis.texts("ZRANGE", Self.key(of: queue, at: .deferred))
    jobs.append(ForeignJobs(place: .deferred, ids: try await parentsFirst(deferred)))
    if withFailed {
      jobs.append(ForeignJobs(place: .failed, ids: try await redis.texts("ZRANGE", Self.key(of: queue, at: .failed))))
    }
    return jobs
  }

  func others(in queue: String) async throws -> [(state: String, count: Int)] {
    let running =
      try await redis.count("ZCARD", "rq:wip:\(queue)") + redis.count("LLEN", "\(Self.prefix)\(queue):intermediate")
    return [("running", running)]
  }

  func job(
    _ id: String, in queue: String, at place: ForeignPlace, _ rules: ImportRules
  ) async throws -> ForeignJob {
    let fields = try await redis.hash(Self.key(ofJob: id))
    guard !fields.isEmpty else { throw ForeignJobFault("its record is gone") }
    var job = try RQJob(fields).job(rules)
    if place == .scheduled {
      guard let score = try await redis.ask("ZSCORE", [Self.key(of: queue, at: place), id]).text.flatMap(Double.init)
      else { throw ForeignJobFault("it is not scheduled any more") }
      job.start = .at(Timestamp(milliseconds: Int64(score * 1000)))
    }
    if place != .deferred { job.parents = [] }
    return job
  }

  func remove(_ id: String, from queue: String, at place: ForeignPlace) async throws -> ForeignRemoval {
    let fields = try await redis.hash(Self.key(ofJob: id))
    let parents = RQJob.parents(in: fields)
    let group = fields["group_id"].map { String(decoding: $0, as: UTF8.self) } ?? ""
    var keys = [
      Self.key(of: queue, at: place), Self.key(ofJob: id), "\(Self.key(ofJob: id)):dependents",
      "rq:job::\(id):dependencies", "rq:results:\(id)", "rq:executions:\(id)", "rq:group:\(group)",
    ]
    keys += parents.map { "\(Self.key(ofJob: $0)):dependents" }
    let answer = try await redis.run(Self.removal, keys: keys, [id, place == .waiting ? "list" : "set"]).text
    return ForeignRemoval(answer)
  }

  func standing(of id: String) async throws -> ForeignStanding {
    switch try await redis.ask("HGET", [Self.key(ofJob: id), "status"]).text {
    case "finished": .completed
    case nil: .unknown
    default: .unfinished
    }
  }

  /// RQ's ids are UUIDs where nobody chose others: ours is then the same but for its third group.
  nonisolated func id(of job: String, in queue: String) -> JobID {
    JobID(imported: job) ?? JobID(standingFor: "rq \(job)")
  }

  /// Deferred jobs that wait for each other, in an order in which each comes behind those that it waits for.
  private func parentsFirst(_ ids: [String]) async throws -> [String] {
    var waiting: [(id: String, parents: Set<String>)] = []
    for id in ids {
      let parents = RQJob.parents(in: try await redis.hash(Self.key(ofJob: id)))
      waiting.append((id, Set(parents)))
    }
    var order: [String] = []
    var left = Set(ids)
    while !waiting.isEmpty {
      let free = waiting.filter { $0.parents.isDisjoint(with: left) }
      // Those that wait for each other in a ring can never run; they are told one by one.
      guard !free.isEmpty else { return order + waiting.map(\.id) }
      order += free.map(\.id)
      left.subtract(free.map(\.id))
      waiting.removeAll { !left.contains($0.id) }
    }
    return order
  }

  // MARK: Keys

  private nonisolated static let prefix = "rq:queue:"

  private nonisolated static func key(ofJob id: String) -> String { "rq:job:\(id)" }

  private nonisolated static func key(of queue: String, at place: ForeignPlace) -> String {
    switch place {
    case .waiting: prefix + queue
    case .ready: "rq:ready:\(queue)"
    default: "rq:\(place.rawValue):\(queue)"
    }
  }

  /// KEYS: where it waits, its hash, its dependents, its dependencies, its results, its runs, its group, then the
  /// dependents of each job that it waits for. ARGV: its id; `list` or `set`.
  private nonisolated static let removal = """
    local found
    if ARGV[2] == "list" then
      found = redis.call("LREM", KEYS[1], 1, ARGV[1])
    else
      found = redis.call("ZREM", KEYS[1], ARGV[1])
    end
    if found == 0 then
      if redis.call("EXISTS", KEYS[2]) == 1 then return "taken" end
      return "gone"
    end
    redis.call("DEL", KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
    for i = 7, #KEYS do redis.call("SREM", KEYS[i], ARGV[1]) end
    return "removed"
    """
}

extension ForeignRemoval {
  /// By the word that a script answers with.
  init(_ word: String?) {
    switch word {
    case "removed": self = .removed
    case "taken": self = .taken
    default: self = .gone
    }
  }
}
