import Jobs
import Logging

/// One of everything that an archive may hold, with every member set somewhere and absent elsewhere.
enum ArchiveExamples {
  static func everything() throws -> [ArchiveEntry] {
    var settings = QueueSettings()
    settings.type = "RENDER"
    settings.description = "Renders \"films\"\nand more"
    settings.concurrency = 5
    settings.userWindow = 2
    settings.maxWaiting = 1000
    settings.order = .lifo
    settings.ageing = .seconds(60)
    settings.isFair = true
    settings.defaults.maxAttempts = 4
    settings.defaults.retry = RetryPolicy(
      growth: .fixed, base: .milliseconds(1500), cap: .seconds(9), jitter: 0.25)
    settings.defaults.timeout = .seconds(7)
    settings.defaults.startWithin = .seconds(8)
    settings.defaults.totalTimeout = .seconds(9)
    settings.completed = RetentionRule(age: .seconds(1), count: 10)
    settings.webhooks = [Webhook("https://example.com/?a=\"b\"", .all), Webhook("https://example.com/c")]
    let time = Timestamp(milliseconds: 1_763_700_000_123)
    let queues: [ArchiveEntry] = [.queue(.video, settings, .draining), .queue(.mail, QueueSettings(), .active)]
    let jobs = [waiting(at: time), running(at: time), completed(at: time)].map { ArchiveEntry.job($0) }
    return try queues + schedules(at: time) + jobs + groups(at: time) + ledgers(at: time)
  }

  private static func ledgers(at time: Timestamp) -> [ArchiveEntry] {
    var whole = QueueLedger(
      queue: .video, lastFinishedAt: time, lastFailedAt: time, lastFailure: "no \"sound\"",
      virtualTime: 7_000_000, turns: ["alice": 9_000_000, "bøb": 8_000_000])
    whole.totals.accepted = 21
    whole.totals.completed = 6
    whole.totals.failed = 5
    whole.totals.cancelled = 4
    whole.totals.retried = 3
    whole.totals.lost = 2
    return [.ledger(whole), .ledger(QueueLedger(queue: .mail))]
  }

  /// A request with every member set.
  private static func request() -> JobRequest {
    var request = JobRequest(queue: .video, kind: .example, user: "alice", priority: .low)
    request.payload = .inline(
      JSONText(unchecked: Array(#"{"a": 12345678901234567890,"é":"\u0041"}"#.utf8)))
    request.order = .lifo
    request.start = .after(.seconds(3))
    request.maxAttempts = 2
    request.retry = RetryPolicy(growth: .fixed, base: .seconds(1), cap: .seconds(2), jitter: 0.5)
    request.timeout = .milliseconds(4001)
    request.startWithin = .seconds(1)
    request.totalTimeout = .seconds(2)
    request.idempotencyKey = "i"
    request.uniqueKey = "u"
    request.contentKey = "c"
    request.dependencies = JobDependencies(parents: [JobID()], whenOneFails: .fail)
    request.group = GroupID()
    request.weight = 3
    request.isRecorded = true
    request.webhooks = [Webhook("https://example.com/d", .states([.running, .failed]))]
    return request
  }

  private static func schedules(at time: Timestamp) throws -> [ArchiveEntry] {
    let whole = Schedule(
      name: ScheduleName("nightly")!, cron: try CronExpression("0 3 * * mon"),
      timeZone: "Europe/Berlin", request: request(), isEnabled: false)
    var once = request()
    once.start = .at(time)
    let bare = Schedule(
      name: ScheduleName("b")!, cron: try CronExpression("@hourly"),
      request: JobRequest(kind: .example, user: "bøb"))
    return [
      .schedule(ScheduleStatus(schedule: whole, next: time, lastFiredAt: time + .seconds(1), lastJob: JobID())),
      .schedule(
        ScheduleStatus(
          schedule: Schedule(name: ScheduleName("once")!, cron: try CronExpression("@daily"), request: once))),
      .schedule(ScheduleStatus(schedule: bare)),
    ]
  }

  private static func groups(at time: Timestamp) -> [ArchiveEntry] {
    let finished = JobGroup(
      id: GroupID(), user: "bob", name: "«all» of it\n", state: .finished,
      counts: [.completed: 2, .failed: 1], weight: 5, weightedPermille: 5000, createdAt: time,
      finishedAt: time + .seconds(1), callback: JobID(), position: StreamPosition(offset: 9, epoch: "0badcafe"))
    let closed = JobGroup(
      id: GroupID(), user: "alice", state: .closed,
      counts: Dictionary(uniqueKeysWithValues: JobState.allCases.enumerated().map { ($1, $0 + 1) }),
      weight: 40, weightedPermille: 21_500, createdAt: time,
      position: StreamPosition(offset: 1_000_000, epoch: "00000004"))
    let bare = JobGroup(
      id: GroupID(), user: "alice", createdAt: time, position: StreamPosition(offset: 0, epoch: "00000005"))
    return [
      .group(finished, callback: nil), .group(closed, callback: request()), .group(bare, callback: nil),
    ]
  }

  private static func waiting(at time: Timestamp) -> JobSnapshot {
    JobSnapshot(
      job: Job(
        id: JobID(), queue: .mail, kind: .example, user: "alice", state: .queued, createdAt: time,
        updatedAt: time, position: StreamPosition(offset: 1, epoch: "00000001"),
        payload: .emptyObject),
      sequence: 27_000_000_000_001, base: 427_000_000_000_001)
  }

  private static func running(at time: Timestamp) -> JobSnapshot {
    var job = Job(
      id: JobID(), queue: .video, kind: .example, user: "bøb", state: .running, priority: .high,
      attempt: 2, maxAttempts: 5, lostDeliveries: 1, createdAt: time, startedAt: time,
      updatedAt: time, timeout: .seconds(30), position: StreamPosition(offset: 7, epoch: "00000002"),
      payload: .inline(JSONText(unchecked: Array(#"{"line":"a\nb"}"#.utf8))))
    job.progress = Progress(
      percent: 41.5, stage: "encoding", message: "frame 9",
      details: JSONText(unchecked: Array(#"{"speed":1.0}"#.utf8)))
    job.isCancelling = true
    job.dueAt = time
    job.startBy = time
    job.endBy = time
    job.worker = .a
    job.group = GroupID()
    job.pendingParents = 1
    return JobSnapshot(
      job: job, sequence: 27_000_000_000_002, base: 42, ageing: .seconds(60), token: 27_000_000_000_003, order: .lifo,
      maxAttempts: 5, retry: RetryPolicy(), timeout: .seconds(30), startWithin: .seconds(31),
      totalTimeout: .seconds(32), idempotencyKey: "k", fingerprint: "0123456789abcdef",
      uniqueKey: "u", contentKey: "c", dependencies: JobDependencies(parents: [JobID()], whenOneFails: .run),
      weight: 4, cancellation: JobFailure(code: "cancelled", message: "not needed"),
      isRemoved: true, log: ["first", "second \"line\""],
      feed: FeedTerms(isRecorded: true, webhooks: [Webhook("https://example.com/e", .all, isOfQueue: true)]))
  }

  private static func completed(at time: Timestamp) -> JobSnapshot {
    var job = Job(
      id: JobID(), queue: .video, kind: .example, user: "carol", state: .completed, attempt: 1,
      createdAt: time, startedAt: time, finishedAt: time, updatedAt: time,
      position: StreamPosition(offset: 4, epoch: "00000003"), payload: .emptyObject)
    job.progress.percent = 100
    job.result = JSONText(unchecked: Array(#"{"bytes": 1}"#.utf8))
    return JobSnapshot(job: job, sequence: 5, base: 6)
  }
}

extension Logger {
  /// Says nothing.
  static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
}
