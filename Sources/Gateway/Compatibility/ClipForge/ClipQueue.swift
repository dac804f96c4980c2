import Jobs

/// The types of ClipForge's queues: a queue and a kind of jobs each.
enum ClipQueueType: String, CaseIterable, Sendable {
  case ingest = "INGEST"
  case transcribe = "TRANSCRIBE"
  case vision = "VISION"
  case scoring = "SCORING"
  case render = "RENDER"
  case publish = "PUBLISH"
  case notification = "NOTIFICATION"

  /// The queue of the type that there is from the beginning.
  var queue: QueueName { QueueName(rawValue.lowercased())! }

  /// What jobs of its queues are, whatever the queue is called.
  var kind: JobKind { JobKind(rawValue.lowercased())! }

  private var description: String {
    switch self {
    case .ingest: "VOD download and chunking"
    case .transcribe: "Speech recognition processing"
    case .vision: "Scene detection and face recognition"
    case .scoring: "ML-based highlight scoring"
    case .render: "Video rendering and caption burning"
    case .publish: "Social media publishing"
    case .notification: "System notifications"
    }
  }

  /// Bull's defaults as ClipForge has them.
  var settings: QueueSettings {
    .legacy {
      $0.type = rawValue
      $0.description = description
      $0.concurrency = 1
      $0.defaults.maxAttempts = 3
      $0.defaults.retry = RetryPolicy(growth: .exponential, base: .seconds(2), cap: .seconds(86_400), jitter: 0)
      $0.defaults.timeout = .seconds(1800)
      $0.completed = Self.keeping(10)
      $0.failed = Self.keeping(50)
    }
  }

  /// The newest so many of a queue's jobs, and none that ended longer ago; nil: all of them, for ever.
  static func keeping(_ count: Int?, upTo age: Duration? = nil) -> RetentionRule {
    RetentionRule(age: age ?? ever, count: count)
  }

  /// An age that nothing is kept to.
  static let ever = Duration.seconds(10 * 365 * 86_400)
}

/// What a queue does, in ClipForge's words.
enum ClipQueueStatus: String, CaseIterable, Sendable {
  case active = "ACTIVE"
  case paused = "PAUSED"
  case draining = "DRAINING"
  /// Only ever seen, never set.
  case error = "ERROR"
}

/// A queue as ClipForge shows it.
struct ClipQueue: Sendable {
  var queue: QueueStatus
  var type: ClipQueueType
  /// What was seen of it that somebody should look at.
  var alerts: [HealthAlert]
  /// Over the last hour.
  var recent: QueueStatistics
  var workers: [WorkerInfo]

  /// Nil for queues that are none of ClipForge's.
  init?(_ queue: QueueStatus) {
    guard let type = queue.settings.type.flatMap({ ClipQueueType(rawValue: $0) }) else { return nil }
    self.queue = queue
    self.type = type
    alerts = []
    recent = QueueStatistics(minutes: 60)
    workers = []
  }

  /// Stands for the name for ever: a UUID of version 8 over its digest.
  var id: String { Self.id(of: queue.name) }

  static func id(of name: QueueName) -> String {
    let digest = ContentDigest()
    digest.add("clipforge queue \(name)".utf8)
    var digits = Array(digest.finish().prefix(32))
    (digits[12], digits[16]) = ("8", "a")
    guard let id = UploadID("upl_" + String(digits)) else { preconditionFailure("a digest without digits") }
    return id.uuid
  }

  var status: ClipQueueStatus {
    switch queue.mode {
    case .paused: .paused
    case .draining, .drainingBacklog: .draining
    case .active: isErring ? .error : .active
    }
  }

  private var isErring: Bool { alerts.contains { [.errorRate, .idle, .noWorker].contains($0.condition) } }
  var isOverloaded: Bool { alerts.contains { $0.condition == .backlog } }
  var isHealthy: Bool { status != .error && !isOverloaded }

  /// The counts, in Bull's words: what waits in a paused queue is `paused`.
  var counts: [(name: StaticString, count: Int)] {
    func count(_ states: JobState...) -> Int { states.reduce(0) { $0 + (queue.counts[$1] ?? 0) } }
    let waiting = count(.queued, .blocked)
    let isPaused = queue.mode == .paused
    return [
      ("waiting", isPaused ? 0 : waiting), ("active", count(.running)), ("completed", count(.completed)),
      ("failed", count(.failed)), ("delayed", count(.scheduled, .retrying)), ("paused", isPaused ? waiting : 0),
    ]
  }
}

/// Which queues are listed.
struct ClipQueueFilter: Sendable {
  var type: ClipQueueType?
  var status: ClipQueueStatus?
  var limit: Int
  var offset: Int

  static let all = ClipQueueFilter(limit: .max, offset: 0)

  private init(limit: Int, offset: Int) {
    self.limit = limit
    self.offset = offset
  }

  init(_ parameters: MemberReader) throws(Problem) {
    var parameters = parameters
    type = parameters.word("type")
    status = parameters.word("status")
    limit = parameters.whole("limit", in: 1...1000) ?? 50
    offset = parameters.whole("offset", in: 0...1_000_000) ?? 0
    try parameters.check()
  }
}

/// What is to be changed about a queue.
struct ClipQueueChange: Sendable {
  var status: ClipQueueStatus?
  private var concurrency: Int?
  private var description: String?
  private var maxAttempts: Int?
  private var backoff: RetryPolicy?
  private var keepsCompleted: RetentionRule?
  private var keepsFailed: RetentionRule?

  init(status: ClipQueueStatus) { self.status = status }

  init(_ members: MemberReader) throws(Problem) {
    var members = members
    try self.init(from: &members)
    try members.check()
  }

  /// Reads what there is of it, and leaves the faults to its caller.
  init(from members: inout MemberReader) throws(Problem) {
    status = members.word("status")
    if status == .error { members.fault("status", "is never set: ERROR is what is seen of a queue") }
    concurrency = members.whole("concurrency", in: 1...1_000_000)
    description = members.text("description", upTo: 1024)
    let config = members.part("config") { part in
      let config = (
        part.whole("maxRetries", in: 0...100), part.retention("removeOnComplete"), part.retention("removeOnFail"),
        part.backoff("backoff")
      )
      // Bull's other settings pass, as they always did.
      part.acceptRest()
      return config
    }
    (maxAttempts, keepsCompleted, keepsFailed, backoff) = config ?? (nil, nil, nil, nil)
    // Bull's attempts are all tries, and there is always one.
    maxAttempts = maxAttempts.map { max(1, $0) }
  }

  func apply(to settings: inout QueueSettings) {
    settings.concurrency = concurrency ?? settings.concurrency
    settings.description = description ?? settings.description
    settings.defaults.maxAttempts = maxAttempts ?? settings.defaults.maxAttempts
    settings.defaults.retry = backoff ?? settings.defaults.retry
    settings.completed = keepsCompleted ?? settings.completed
    settings.failed = keepsFailed ?? settings.failed
  }
}

extension MemberReader {
  /// How many jobs Bull keeps: a number, `true` for none, `false` for all, or `{"count":n,"age":seconds}`.
  fileprivate mutating func retention(_ name: String) -> RetentionRule? {
    guard let value = value(name) else { return nil }
    if let keepsNone = value.bool { return ClipQueueType.keeping(keepsNone ? 0 : nil) }
    if let count = value.int, count >= 0 { return ClipQueueType.keeping(count) }
    let (count, age) = (value["count"]?.int, value["age"]?.int)
    let ages = 1...Int(ClipQueueType.ever.components.seconds)
    if count != nil || age != nil, (count ?? 0) >= 0, ages.contains(age ?? 1) {
      return ClipQueueType.keeping(count, upTo: age.map { .seconds($0) })
    }
    fault(name, "must be a number of jobs, true, false or {\"count\":jobs,\"age\":seconds}")
    return nil
  }

  /// `{"type":"exponential"|"fixed","delay":ms}`, or the delay alone.
  mutating func backoff(_ name: String) -> RetryPolicy? {
    guard let value = value(name) else { return nil }
    let delay = value.int ?? value["delay"]?.int ?? 0
    let word = value["type"]?.string ?? (value.int == nil ? "" : RetryPolicy.Growth.fixed.rawValue)
    guard let growth = RetryPolicy.Growth(rawValue: word), (0...604_800_000).contains(delay) else {
      fault(name, "must be {\"type\":\"fixed\" or \"exponential\",\"delay\":milliseconds}")
      return nil
    }
    return RetryPolicy(growth: growth, base: .milliseconds(delay), cap: .seconds(86_400 * 7), jitter: 0)
  }
}
