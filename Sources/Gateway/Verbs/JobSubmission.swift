package import Jobs

/// What a client sends to have a job done, read and checked: all faults are told at once.
package struct JobSubmission: Sendable {
  package var queue = QueueName.default
  package var kind: JobKind
  package var payload = JSONText.emptyObject
  package var priority = Priority.normal
  /// The client said so.
  package var namesPriority = false
  package var order: QueueOrder?
  package var start = JobStart.now
  package var maxAttempts: Int?
  package var retry: RetryPolicy?
  package var timeout: Duration?
  package var startWithin: Duration?
  package var totalTimeout: Duration?
  package var idempotencyKey: String?
  package var uniqueKey: String?
  package var dependencies = JobDependencies()
  package var group: GroupID?
  package var weight = 1
  /// Who is told of its changes.
  package var webhooks: [Webhook] = []
  /// It goes into the history. Not the client's to say: the gateway's.
  package var isRecorded = false
  /// An earlier job with the same input may be the answer.
  package var reuses = false
  /// The socket that submits also watches.
  package var watches = false
  /// The floor on the time between two publications of progress to who watches; zero: none.
  package var interval = Duration.zero

  /// What a submission is for, which decides what may stand in it.
  package enum Use: Hashable, Sendable {
    /// A job of its own.
    case job
    /// The job that a schedule submits each time: when it begins is the schedule's to say, and nothing may
    /// make one firing the answer to another.
    case schedule
    /// The job that follows a group.
    case callback
    /// A job that comes with its group.
    case member

    fileprivate var refused: [String] {
      switch self {
      case .job: []
      case .schedule:
        ["delay", "at", "idempotency_key", "reuse", "watch", "interval"] + Self.belonging
      case .callback: ["idempotency_key", "reuse", "watch", "interval"] + Self.belonging
      case .member: ["group", "watch", "interval"]
      }
    }

    private static let belonging = ["depends_on", "when_parent_fails", "group", "weight"]

    fileprivate var place: String {
      switch self {
      case .job: "a job"
      case .schedule: "the job of a schedule"
      case .callback: "the callback of a group"
      case .member: "a job that comes with its group"
      }
    }
  }

  /// A job of this kind, with nothing else said.
  package init(queue: QueueName, kind: JobKind, payload: JSONText) {
    self.queue = queue
    self.kind = kind
    self.payload = payload
  }

  /// Reads the members of a submission (docs/protocol.md §Submit); `key` is the header's, where there
  /// is one.
  ///
  /// Unknown members are refused: a misspelt `priority` must not pass for a default.
  package init(
    reading value: JSONValue, idempotencyKey key: String? = nil, settings: GatewaySettings
  ) throws(Problem) {
    var reader = try MemberReader(value)
    let submission = try JobSubmission(from: &reader, for: .job, idempotencyKey: key, settings: settings)
    try reader.finish()
    guard let submission else { preconditionFailure("a submission without a kind passed as sound") }
    self = submission
  }

  /// Reads what there is of a submission and leaves the rest; nil with a fault. A payload that is too large
  /// is thrown at once.
  package init?(
    from reader: inout MemberReader, for use: Use, idempotencyKey key: String? = nil,
    settings: GatewaySettings
  ) throws(Problem) {
    for name in use.refused { reader.refuse(name, "has no place in \(use.place)") }
    reader.require("kind")
    let kind = reader.name("kind") { JobKind($0) }
    queue = reader.name("queue") { QueueName($0) } ?? .default
    // What is signed in our name is ours to say.
    if kind == .webhook { reader.fault("kind", "is the gateway's own") }
    if queue == WebhookDelivery.queue { reader.fault("queue", "is the gateway's own") }
    payload = reader.value("payload")?.text ?? .emptyObject
    // A schedule keeps its payload in the broker, whatever its jobs do.
    let limit = use == .schedule ? min(settings.payloadLimit, JobRequest.payloadLimit) : settings.payloadLimit
    if payload.bytes.count > limit { throw Problem(BrokerError.payloadTooLarge(limit: limit)) }
    namesPriority = reader.has("priority")
    priority = reader.priority("priority") ?? .normal
    order = reader.word("order")
    start = Self.start(from: &reader)
    maxAttempts = reader.whole("max_attempts", in: 1...100)
    retry = reader.retryPolicy("retry", over: .standard)
    timeout = reader.seconds("timeout", upTo: Self.week)
    startWithin = reader.seconds("start_within", upTo: Self.month)
    totalTimeout = reader.seconds("total_timeout", upTo: Self.month)
    idempotencyKey = reader.text("idempotency_key") ?? key
    if key != nil, reader.has("idempotency_key") {
      reader.fault("idempotency_key", "stands in the header already")
    }
    uniqueKey = reader.text("unique_key")
    dependencies = Self.dependencies(from: &reader)
    (group, weight) = Self.group(from: &reader, isMember: use == .member)
    webhooks = reader.webhooks("webhooks", settings.webhooks) ?? []
    reuses = reader.flag("reuse") ?? false
    if reuses, let kind, !settings.reusableKinds.contains(kind) {
      reader.fault("reuse", "is not allowed for the kind \(kind)")
    }
    watches = reader.flag("watch") ?? false
    interval = .milliseconds(reader.whole("interval", in: Subscription.intervals) ?? 0)
    if reader.has("interval"), !watches { reader.fault("interval", "needs watch") }
    guard let kind else { return nil }
    self.kind = kind
  }

  private static func start(from reader: inout MemberReader) -> JobStart {
    let delay = reader.seconds("delay", upTo: year, mayBeZero: true) ?? .zero
    let time = reader.time("at")
    if reader.has("delay"), reader.has("at") { reader.fault("at", "stands beside delay") }
    if let time { return .at(time) }
    return delay > .zero ? .after(delay) : .now
  }

  private static func dependencies(from reader: inout MemberReader) -> JobDependencies {
    let limit = JobDependencies.limit
    let parents = reader.names(
      "depends_on", wanted: "must be a list of at most \(limit) jobs' ids", upTo: limit
    ) { JobID($0) }
    let rule = reader.word("when_parent_fails", as: ParentFailureRule.self)
    if rule != nil, !reader.has("depends_on") {
      reader.fault("when_parent_fails", "needs depends_on")
    }
    return JobDependencies(parents: parents ?? [], whenOneFails: rule ?? .cancel)
  }

  private static func group(
    from reader: inout MemberReader, isMember: Bool
  ) -> (GroupID?, weight: Int) {
    let group = reader.name("group", wanted: "must be a group's id") { GroupID($0) }
    let weight = reader.whole("weight", in: 1...10_000)
    if weight != nil, !isMember, !reader.has("group") { reader.fault("weight", "needs a group") }
    return (group, weight ?? 1)
  }

  /// Bounds of durations, in seconds.
  package static let week = 604_800
  package static let month = 2_592_000
  package static let year = 31_536_000

  /// The submission as a job of this user, with a new id.
  package func request(by user: String, contentKey: String? = nil) -> JobRequest {
    JobRequest(
      queue: queue, kind: kind, user: user, payload: payload, priority: priority, order: order,
      start: start, maxAttempts: maxAttempts, retry: retry, timeout: timeout,
      startWithin: startWithin, totalTimeout: totalTimeout, idempotencyKey: idempotencyKey,
      uniqueKey: uniqueKey, contentKey: contentKey, dependencies: dependencies, group: group,
      weight: weight, isRecorded: isRecorded, webhooks: webhooks)
  }
}

extension MemberReader {
  package mutating func priority(_ name: String) -> Priority? {
    whole(name, in: 1...10).flatMap { Priority($0) }
  }

  /// `{"growth","base","cap","jitter"}`, durations in seconds; what is left out is `policy`'s.
  package mutating func retryPolicy(_ name: String, over policy: RetryPolicy) -> RetryPolicy? {
    part(name) { part in
      var read = policy
      read.growth = part.word("growth") ?? policy.growth
      read.base = part.seconds("base", upTo: JobSubmission.week, mayBeZero: true) ?? policy.base
      read.cap = part.seconds("cap", upTo: JobSubmission.week, mayBeZero: true) ?? policy.cap
      read.jitter = part.number("jitter", in: 0...1) ?? policy.jitter
      // A long fixed wait says what it wants; the standard's cap must not cut it.
      if !part.has("cap") { read.cap = max(read.cap, read.base) }
      return read
    }
  }
}
