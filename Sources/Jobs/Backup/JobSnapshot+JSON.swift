extension JobDependencies {
  func write(into writer: inout JSONWriter) {
    guard !parents.isEmpty else { return }
    writer.array("parents") { list in for parent in parents { list.element(parent.description) } }
    writer.member("when_one_fails", whenOneFails.rawValue)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    self.init()
    guard let list = value["parents"]?.array else { return }
    for element in list {
      guard let parent = element.string.flatMap({ JobID($0) }) else {
        throw ArchiveFault(member: "parents", "names a job that is none")
      }
      parents.append(parent)
    }
    whenOneFails = try value.name("when_one_fails") { ParentFailureRule(rawValue: $0) }
  }
}

extension JobRequest {
  func write(into writer: inout JSONWriter) {
    writer.member("id", id.description)
    writer.member("queue", queue.description)
    writer.member("kind", kind.description)
    writer.member("user", user)
    writer.member("payload", payload.description)
    writer.member("priority", priority.level)
    writer.member("order", order?.rawValue)
    if case .after(let delay) = start { writer.member("delay", delay) }
    if case .at(let time) = start { writer.member("at", time) }
    writer.member("max_attempts", maxAttempts)
    retry?.write(into: &writer)
    writer.member("timeout", timeout)
    writer.member("start_within", startWithin)
    writer.member("total_timeout", totalTimeout)
    writer.member("idempotency_key", idempotencyKey)
    writer.member("unique_key", uniqueKey)
    writer.member("content_key", contentKey)
    dependencies.write(into: &writer)
    writer.member("group", group?.description)
    writer.member("weight", weight)
    FeedTerms(isRecorded: isRecorded, webhooks: webhooks).write(into: &writer)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    guard let payload = try value.payload("payload") else {
      throw ArchiveFault(member: "payload", "is missing")
    }
    self.init(
      id: try value.name("id") { JobID($0) }, queue: try value.name("queue") { QueueName($0) },
      kind: try value.name("kind") { JobKind($0) },
      user: try value.name("user") { $0 })
    self.payload = payload
    guard let priority = Priority(try value.number("priority")) else {
      throw ArchiveFault(member: "priority", "is not 1 to 10")
    }
    self.priority = priority
    order = try value.name(optional: "order") { QueueOrder(rawValue: $0) }
    if let delay = value.duration("delay") { start = .after(delay) }
    if let time = value.time("at") { start = .at(time) }
    maxAttempts = value["max_attempts"]?.int
    retry = try RetryPolicy(optional: value)
    timeout = value.duration("timeout")
    startWithin = value.duration("start_within")
    totalTimeout = value.duration("total_timeout")
    idempotencyKey = value["idempotency_key"]?.string
    uniqueKey = value["unique_key"]?.string
    contentKey = value["content_key"]?.string
    dependencies = try JobDependencies(reading: value)
    group = try value.name(optional: "group") { GroupID($0) }
    weight = value["weight"]?.int ?? 1
    let feed = try FeedTerms(reading: value)
    isRecorded = feed.isRecorded
    webhooks = feed.webhooks
  }
}

extension JobFailure {
  func write(_ name: StaticString, into writer: inout JSONWriter) {
    writer.object(name) {
      $0.member("code", code)
      $0.member("message", message)
    }
  }

  init?(optional value: JSONValue?) throws(ArchiveFault) {
    guard let value else { return nil }
    self.init(
      code: try value.name("code") { $0 }, message: try value.name("message") { $0 })
  }
}

extension JobSnapshot {
  func write(into writer: inout JSONWriter) {
    writer.member("id", job.id.description)
    writer.member("queue", job.queue.description)
    writer.member("kind", job.kind.description)
    writer.member("user", job.user)
    writer.member("state", job.state.rawValue)
    writer.member("priority", job.priority.level)
    writer.member("attempt", job.attempt)
    writer.member("lost", job.lostDeliveries)
    writer.member("permille", job.progress.permille)
    if job.state == .completed { writer.fact("done", true) }
    writer.member("stage", job.progress.stage)
    writer.member("message", job.progress.message)
    writer.member("details", quoted: job.progress.details)
    writer.fact("cancelling", job.isCancelling)
    writer.member("result", quoted: job.result)
    job.failure?.write("failure", into: &writer)
    cancellation?.write("cancellation", into: &writer)
    writer.fact("remove", isRemoved)
    writer.member("created_at", job.createdAt)
    writer.member("started_at", job.startedAt)
    writer.member("finished_at", job.finishedAt)
    writer.member("updated_at", job.updatedAt)
    writer.member("due_at", job.dueAt)
    writer.member("start_by", job.startBy)
    writer.member("end_by", job.endBy)
    writer.member("worker", job.worker?.description)
    writer.member("offset", job.position.offset)
    writer.member("epoch", job.position.epoch)
    writer.member("payload", job.payload?.description)
    writer.member("sequence", sequence)
    writer.member("base", base)
    writer.member("ageing", ageing)
    writer.member("token", token)
    writer.member("order", order?.rawValue)
    writer.member("max_attempts", maxAttempts)
    retry?.write(into: &writer)
    writer.member("timeout", timeout)
    writer.member("start_within", startWithin)
    writer.member("total_timeout", totalTimeout)
    writer.member("idempotency_key", idempotencyKey)
    writer.member("fingerprint", fingerprint)
    writer.member("unique_key", uniqueKey)
    writer.member("content_key", contentKey)
    dependencies.write(into: &writer)
    writer.member("group", job.group?.description)
    writer.member("weight", weight)
    feed.write(into: &writer)
    if !log.isEmpty { writer.array("log") { list in for line in log { list.element(line) } } }
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    guard let priority = Priority(try value.number("priority")) else {
      throw ArchiveFault(member: "priority", "is not 1 to 10")
    }
    let state = try value.name("state") { JobState(rawValue: $0) }
    let dependencies = try JobDependencies(reading: value)
    var job = Job(
      id: try value.name("id") { JobID($0) }, queue: try value.name("queue") { QueueName($0) },
      kind: try value.name("kind") { JobKind($0) }, user: try value.name("user") { $0 },
      state: state, priority: priority, attempt: try value.number("attempt"),
      lostDeliveries: try value.number("lost"),
      createdAt: Timestamp(milliseconds: Int64(try value.number("created_at"))),
      updatedAt: Timestamp(milliseconds: Int64(try value.number("updated_at"))),
      position: StreamPosition(
        offset: UInt64(max(0, try value.number("offset"))), epoch: try value.name("epoch") { $0 }))
    let permille = value["permille"]?.int
    job.progress = Progress(
      percent: value["done"]?.bool == true ? 100 : permille.map { Double($0) / 10 },
      stage: value["stage"]?.string, message: value["message"]?.string,
      details: value.bytes("details"))
    job.isCancelling = value["cancelling"]?.bool ?? false
    job.result = value.bytes("result")
    job.failure = try JobFailure(optional: value["failure"])
    job.startedAt = value.time("started_at")
    job.finishedAt = value.time("finished_at")
    job.dueAt = value.time("due_at")
    job.startBy = value.time("start_by")
    job.endBy = value.time("end_by")
    job.worker = try value.name(optional: "worker") { WorkerID($0) }
    job.payload = try value.payload("payload")
    job.timeout = value.duration("timeout")
    job.pendingParents = dependencies.parents.count
    job.group = try value.name(optional: "group") { GroupID($0) }
    let maxAttempts = value["max_attempts"]?.int
    job.maxAttempts = maxAttempts ?? job.maxAttempts
    var log: [String] = []
    for element in value["log"]?.array ?? [] {
      guard let line = element.string else { throw ArchiveFault(member: "log", "holds no text") }
      log.append(line)
    }
    self.init(
      job: job, sequence: Int64(try value.number("sequence")),
      base: Int64(try value.number("base")), ageing: value.duration("ageing"),
      token: UInt64(max(0, try value.number("token"))),
      order: try value.name(optional: "order") { QueueOrder(rawValue: $0) }, maxAttempts: maxAttempts,
      retry: try RetryPolicy(optional: value), timeout: job.timeout,
      // An archive that does not say them is older: they are guessed from where they led.
      startWithin: value.duration("start_within") ?? job.startBy.map { $0 - (job.dueAt ?? job.createdAt) },
      totalTimeout: value.duration("total_timeout") ?? job.endBy.map { $0 - (job.dueAt ?? job.createdAt) },
      idempotencyKey: value["idempotency_key"]?.string, fingerprint: value["fingerprint"]?.string,
      uniqueKey: value["unique_key"]?.string, contentKey: value["content_key"]?.string,
      dependencies: dependencies, weight: value["weight"]?.int ?? 1,
      cancellation: try JobFailure(optional: value["cancellation"]),
      isRemoved: value["remove"]?.bool ?? false, log: log,
      feed: try FeedTerms(reading: value))
  }
}
