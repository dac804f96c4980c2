/// Every key and channel of a partition, with its type and its lifetime.
///
/// All carry the hash tag `{p<partition>}` and so lie in one slot of a Redis Cluster, where one
/// script may touch them. The scripts get the names from here (``preamble``).
struct RedisKeys: Hashable, Sendable {
  /// What every key begins with, the hash tag included. Scripts are given it as their one KEYS, by
  /// which a cluster finds the node.
  let tag: String
  let partition: Int
  private let prefix: String

  /// Keys below `prefix`; braces in it would move them to other slots.
  init(prefix: String, partition: Int) {
    precondition(!prefix.contains { $0 == "{" || $0 == "}" }, "a key prefix holds no braces")
    self.prefix = prefix
    self.partition = partition
    tag = "\(prefix){p\(partition)}"
  }

  /// The names by which scripts call keys; the rest of a key (id, queue, user) is appended.
  enum Family: String, CaseIterable {
    /// Hash, one a job: its record, all fields short. Expires after the job ended.
    case jobs = "j:"
    /// String, one a job: the payload. Expires with the record.
    case payloads = "d:"
    /// String, one a job that reported: stage, message, details, packed. Expires with the record.
    case reports = "n:"
    /// String, one a job that ended or failed: the result, or the failure packed. Expires with the
    /// record.
    case results = "r:"
    /// List, one a job that logged: its newest lines. Expires with the record.
    case logs = "g:"
    /// Sorted set, one a queue: waiting jobs by score. Gone when empty.
    case waiting = "w:"
    /// List, one a queue: a token or none, for BLPOP. Gone when empty.
    case wake = "k:"
    /// Sorted set: jobs that wait for a retry, by the ms when it is due. Gone when empty.
    case retries = "z"
    /// Sorted set: running jobs, by the ms when the lease ends. Gone when empty.
    case leases = "l"
    /// Sorted set: all jobs by sequence. Entries go some time after the record.
    case index = "x"
    /// Sorted set, one a user: the user's jobs by sequence. Entries go some time after the record.
    case users = "u:"
    /// Sorted set: ended jobs (id, then user) by the ms when the record expires. Trimmed as others end.
    case finished = "f"
    /// String, one a used idempotency key: fingerprint, then job id. Expires after 24 hours.
    case idempotency = "i:"
    /// String: the number of the last accepted job. Never expires.
    case sequence = "s"
    /// String: the ms of the last reaping. Never expires.
    case reaped = "c"
    /// Channel, one a job: its events.
    case jobEvents = "v:"
    /// Channel, one a user: the events of the user's jobs.
    case userEvents = "e:"
    /// Channel, one a worker: ids of jobs to stop.
    case directives = "t:"
    /// Channel that every node of the broker listens to, so that its connection is never without.
    case heartbeat = "h"

    /// The name in Lua: `jobEvents` is `JOB_EVENTS`.
    var luaName: String {
      String(describing: self).reduce(into: "") { name, character in
        if character.isUppercase { name += "_" }
        name += character.uppercased()
      }
    }
  }

  func key(_ family: Family, _ rest: String = "") -> String { tag + family.rawValue + rest }

  /// Where the moments of a user's requests are kept: a list in the user's own slot, so that the
  /// budgets of many users spread over a cluster. Expires with the window.
  func requests(of user: String) -> String { "\(prefix){u:\(user)}q" }

  func channel(_ channel: Channel) -> String {
    switch channel {
    case .job(let id): key(.jobEvents, id.description)
    case .user(let user): key(.userEvents, user)
    }
  }

  /// Lua that names the keys.
  var preamble: String {
    Family.allCases.map { "local \($0.luaName) = \"\(tag)\($0.rawValue)\"" }
      .joined(separator: "\n")
  }
}
