/// Every key and channel of a partition, with its type and its lifetime.
///
/// All carry the hash tag `{p<partition>}` and so lie in one slot of a Redis Cluster, where one
/// script may touch them. The scripts get the names from here (``constants``).
struct RedisKeys: Hashable, Sendable {
  /// What every key begins with, the hash tag included. Scripts are given it as their one KEYS, by
  /// which a cluster finds the node.
  let tag: String
  let partition: Int
  private let prefix: String

  /// How many leases one step extends after a silence.
  static let pardons = 1000

  /// Keys below `prefix`; braces in it would move them to other slots.
  init(prefix: String, partition: Int) {
    precondition(!prefix.contains { $0 == "{" || $0 == "}" }, "a key prefix holds no braces")
    self.prefix = prefix
    self.partition = partition
    tag = "\(prefix){p\(partition)}"
  }

  /// The names by which scripts call keys; the rest of a key (id, queue, user) is appended.
  enum Family: String, CaseIterable {
    /// Hash: the records of all jobs by id (`record.lua`). A record goes when the job is forgotten.
    case jobs = "j"
    /// String, one a job with a payload over 512 bytes. Goes with the record.
    case payloads = "d:"
    /// String, one a running job that reported: offset, permille, moment, report. Gone with the attempt.
    case progress = "n:"
    /// String, one a job with a result or failure over 512 bytes. Goes with the record.
    case results = "r:"
    /// List, one a job that logged: its newest lines. Goes with the record.
    case logs = "g:"
    /// Hash: queues by name (`queue.lua`). An entry goes when the queue is deleted.
    case queues = "q"
    /// Set: deleted queues that have ended jobs yet. Gone when empty.
    case deletedQueues = "dq"
    /// Hash, one a queue: its counters (`counts.lua`). Goes with the queue.
    case counters = "c:"
    /// Hash, one a queue and minute: what was done then. Expires after 25 hours.
    case minutes = "h:"
    /// Sorted set, one a queue: waiting jobs by score. Gone when empty.
    case waiting = "w:"
    /// List, one a queue: a token or none, for BLPOP. Gone when empty.
    case wake = "k:"
    /// Sorted set: jobs that are scheduled or wait for a retry, by the ms when they are due. Gone when
    /// empty.
    case due = "z"
    /// Sorted set: jobs whose time is limited, by the ms when the next limit is passed. Gone when empty.
    case limits = "t"
    /// Sorted set, one a queue and one a queue and user, with a space between: jobs that wait for others,
    /// and jobs that wait for a place in their user's window, by score. Gone when empty.
    case blockedJobs = "b:"
    /// Sorted set, one a queue, all scores 0: users with jobs that wait for a place. Gone when empty.
    case parkedUsers = "bu:"
    /// Hash: queues whose window was widened, and the user up to whom that was carried out. Gone when
    /// empty.
    case widened = "bw"
    /// Hash, one a queue: how many jobs of each user are queued or run. Gone when empty.
    case admitted = "ua:"
    /// Sorted set, one a fair queue: users by the tag that their next job gets at the earliest (`fair.lua`).
    /// Gone when nothing waits.
    case fair = "ft:"
    /// Sorted set, one a job others wait for: those, by sequence. Gone when the job has ended.
    case children = "p:"
    /// Sorted set: state and id of jobs that ended while many waited for them. Gone when empty.
    case endedParents = "pe"
    /// Sorted set: running jobs, by the ms when the lease ends. Gone when empty.
    case leases = "l"
    /// Sorted set, one a state and queue: ended jobs by the µs of their end. Gone when empty.
    case finished = "f"
    /// Hash: the sequence and the number of the last accepted job, the ms of the last reaping. Stays.
    case numbers = "s"
    /// Sorted set: the chunks of the listing of all jobs. Gone when empty.
    case index = "x"
    /// Hash, one a chunk: up to 128 ids by number. Gone when empty.
    case indexChunks = "x:"
    /// Sorted set, one a user: the chunks of the user's listing. Gone when empty.
    case users = "u:"
    /// Set of integers, one a chunk and user: up to 256 numbers. Gone when empty.
    case userChunks = "uc:"
    /// Sorted set: jobs that came from an archive, by sequence. An entry goes with the record.
    case restored = "y"
    /// Sorted set, one a user: the same of the user's jobs. Gone when empty.
    case usersRestored = "y:"
    /// String, one a used key (`claims.lua`): a job's id. Goes when the key is free; one of idempotency
    /// after 24 hours. List, one a content key that more jobs have: those behind the first. Goes with the first.
    case claims = "i:"
    /// Hash: schedules by name, each packed, with when it fires next, when it did last, and the job then.
    /// An entry goes with the schedule.
    case schedules = "sc"
    /// Stream: the feed, numbered from 0-1 (`feed_change.lua`). An entry goes when all consumers have passed it, or by the bound.
    case feed = "fd"
    /// Hash: consumers of the feed, each packed (`feed.lua`). An entry goes with the consumer.
    case feedConsumers = "fdc"
    /// String, one a group (`group.lua`). Goes a while after its end, or when nothing has come of it.
    case groups = "gr:"
    /// Sorted set, one a group: its jobs by sequence. Goes with the group.
    case groupJobs = "gj:"
    /// String, one a group that waits for its end with a callback: the request. Goes when it is submitted.
    case groupCallbacks = "gc:"
    /// Sorted set, all scores 0: every group. Gone when empty.
    case groupIndex = "gi"
    /// Sorted set: groups that have ended, or have nothing to wait for, by the ms when they go. Gone when
    /// empty.
    case groupEnds = "gz"
    /// Hash: what workers say of themselves. An entry goes with the worker.
    case workers = "wk"
    /// Sorted set: workers by the ms when they were heard of. An entry goes with the worker.
    case workersSeen = "wz"
    /// Hash: what workers are wanted to be. An entry goes with the worker.
    case workersWanted = "wm"
    /// Set, one a worker: the jobs it holds leases of. Gone when empty.
    case workerJobs = "wj:"
    /// Hash: when tokens were declared void, ms, by subject (`revoke.lua`). An entry goes when it is over.
    case revoked = "rv"
    /// Sorted set: the same subjects, by the ms until when it is remembered. Gone when empty.
    case revocationEnds = "rz"
    /// Hash: what gateways say of themselves. An entry goes with the gateway.
    case nodes = "nd"
    /// Sorted set: gateways by the ms until when they are listed. Gone when empty.
    case nodeEnds = "nz"
    /// Channel that every gateway listens to: what they tell each other.
    case control = "ct"
    /// Channel, one a gateway: what is told to it alone.
    case nodeControl = "ct:"
    /// Channel, one a broker's user: what it publishes to see whether it hears it.
    case canary = "cy:"
    /// Channel, one a job: its events.
    case jobEvents = "v:"
    /// Channel, one a user: the events of the user's jobs.
    case userEvents = "e:"
    /// Channel, one a group: the group as it stands.
    case groupEvents = "ge:"
    /// Channel, one a worker: what it is told.
    case directives = "dt:"
    /// Channel that every node of the broker listens to, so that its connection is never without.
    case heartbeat = "hb"

    /// The name in Lua: `jobEvents` is `JOB_EVENTS`.
    var luaName: String {
      String(describing: self).reduce(into: "") { name, character in
        if character.isUppercase { name += "_" }
        name += character.uppercased()
      }
    }
  }

  /// What the names of this partition's functions begin with: two brokers on one Redis, below two prefixes, have
  /// functions of their own.
  var functions: String { "fanfare_\(RunningDigest.hexadecimal(of: Array(tag.utf8)).prefix(8))" }

  func key(_ family: Family, _ rest: String = "") -> String { tag + family.rawValue + rest }

  /// Where the moments of a user's requests are kept: a list in the user's own slot, so that the
  /// budgets of many users spread over a cluster. Expires with the window.
  func requests(of user: String) -> String { "\(prefix){u:\(user)}q" }

  func channel(_ channel: Channel) -> String {
    switch channel {
    case .job(let id): key(.jobEvents, id.key)
    case .user(let user): key(.userEvents, user)
    case .group(let id): key(.groupEvents, id.key)
    }
  }

  /// What the names in capitals stand for in the scripts, as Lua writes it.
  var constants: [String: String] {
    var constants = [
      "HALF": "\(QueueScore.half)", "BAND": "\(QueueScore.bandStep)",
      // What a turn is worth in a fair queue.
      "TURN": "1000000",
      // How many leases one step extends after a silence.
      "PARDONS": "\(Self.pardons)",
      // Sequences count microseconds from there, in ms.
      "BEGINNING": "\(Timestamp(sequence: 0).milliseconds)",
      "FEED_BOUND": "\(FeedEntry.standardBound)", "FEED_RESULT": "\(FeedEntry.resultLimit)",
      "WEBHOOK": "\"\(JobKind.webhook)\"",
      "GROUP_RETENTION": "\(JobGroup.retention.milliseconds)",
    ]
    for (name, failure) in [
      ("NOT_STARTED_IN_TIME", JobFailure.notStartedInTime), ("TOTAL_TIMEOUT", .totalTimeout),
    ] {
      constants[name] = "\"\(String(decoding: failure.packed, as: UTF8.self))\""
    }
    for family in Family.allCases { constants[family.luaName] = "\"\(tag)\(family.rawValue)\"" }
    for state in JobState.allCases {
      constants[state.rawValue.uppercased()] = "\"\(state.letter)\""
    }
    return constants
  }
}
