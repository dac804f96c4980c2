/// The form of an archive in a backup: one object a line, `{"job":{…}}`, `{"queue":{…}}` and so on.
///
/// Times and durations are milliseconds. What workers and submitters wrote (payload, result, details) stands as a
/// string, so that it comes back byte for byte. Names that are absent were nil.
extension ArchiveEntry {
  package var json: JSONText {
    var writer = JSONWriter(reserving: 1024)
    writer.object { line in
      switch self {
      case .queue(let name, let settings, let mode):
        line.object("queue") {
          $0.member("name", name.description)
          $0.member("mode", mode.rawValue)
          settings.write(into: &$0)
        }
      case .schedule(let status):
        line.object("schedule") { status.write(into: &$0) }
      case .group(let group, let callback):
        line.object("group") { object in
          group.write(into: &object)
          if let callback { object.object("callback_request") { callback.write(into: &$0) } }
        }
      case .job(let snapshot):
        line.object("job") { snapshot.write(into: &$0) }
      case .ledger(let ledger):
        line.object("ledger") { ledger.write(into: &$0) }
      case .revocation(let revocation):
        line.object("revocation") {
          $0.member("subject", revocation.subject.key)
          $0.member("at", revocation.at)
          $0.member("until", revocation.until)
        }
      }
    }
    return writer.text
  }

  /// Reads one line; throws what is wrong with it.
  package init(reading line: JSONValue) throws(ArchiveFault) {
    if let queue = line["queue"] {
      self = .queue(
        try queue.name("name") { QueueName($0) }, try QueueSettings(reading: queue),
        try queue.name("mode") { QueueMode(rawValue: $0) })
    } else if let schedule = line["schedule"] {
      self = .schedule(try ScheduleStatus(reading: schedule))
    } else if let group = line["group"] {
      var callback: JobRequest?
      if let request = group["callback_request"] { callback = try JobRequest(reading: request) }
      self = .group(try JobGroup(reading: group), callback: callback)
    } else if let job = line["job"] {
      self = .job(try JobSnapshot(reading: job))
    } else if let ledger = line["ledger"] {
      self = .ledger(try QueueLedger(reading: ledger))
    } else if let revocation = line["revocation"] {
      guard let at = revocation.time("at"), let until = revocation.time("until") else {
        throw ArchiveFault(member: "revocation", "does not say from when and until when")
      }
      self = .revocation(
        Revocation(try revocation.name("subject") { Revocation.Subject(key: $0) }, at: at, until: until))
    } else {
      throw ArchiveFault(
        member: "", "is neither a queue, a schedule, a group, a job, a ledger nor a revocation")
    }
  }
}

// MARK: Queues

extension QueueSettings {
  func write(into writer: inout JSONWriter) {
    writer.member("type", type)
    writer.member("description", description)
    writer.member("concurrency", concurrency)
    writer.member("user_window", userWindow)
    writer.member("max_waiting", maxWaiting)
    writer.member("order", order.rawValue)
    writer.member("ageing", ageing)
    writer.member("fair", isFair)
    writer.object("defaults") {
      $0.member("max_attempts", defaults.maxAttempts)
      defaults.retry?.write(into: &$0)
      $0.member("timeout", defaults.timeout)
      $0.member("start_within", defaults.startWithin)
      $0.member("total_timeout", defaults.totalTimeout)
    }
    writer.object("keep") { keep in
      keep.object("completed") { completed.write(into: &$0) }
      keep.object("failed") { failed.write(into: &$0) }
      keep.object("cancelled") { cancelled.write(into: &$0) }
    }
    webhooks.write("webhooks", into: &writer)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    self.init()
    type = value["type"]?.string
    description = value["description"]?.string
    concurrency = value["concurrency"]?.int
    userWindow = value["user_window"]?.int
    maxWaiting = value["max_waiting"]?.int
    order = try value.name(optional: "order") { QueueOrder(rawValue: $0) } ?? order
    ageing = value.duration("ageing")
    isFair = value["fair"]?.bool ?? false
    if let given = value["defaults"] {
      defaults.maxAttempts = given["max_attempts"]?.int ?? defaults.maxAttempts
      defaults.retry = try RetryPolicy(optional: given)
      defaults.timeout = given.duration("timeout")
      defaults.startWithin = given.duration("start_within")
      defaults.totalTimeout = given.duration("total_timeout")
    }
    completed = try RetentionRule(optional: value["keep"]?["completed"]) ?? completed
    failed = try RetentionRule(optional: value["keep"]?["failed"]) ?? failed
    cancelled = try RetentionRule(optional: value["keep"]?["cancelled"]) ?? cancelled
    webhooks = try [Webhook](optional: value["webhooks"])
  }
}

extension RetentionRule {
  func write(into writer: inout JSONWriter) {
    writer.member("age", age)
    writer.member("count", count)
  }

  init?(optional value: JSONValue?) throws(ArchiveFault) {
    guard let value else { return nil }
    guard let age = value.duration("age") else {
      throw ArchiveFault(member: "keep", "has no age")
    }
    self.init(age: age, count: value["count"]?.int)
  }
}

extension RetryPolicy {
  func write(into writer: inout JSONWriter) {
    writer.object("retry") {
      $0.member("growth", growth.rawValue)
      $0.member("base", base)
      $0.member("cap", cap)
      $0.member("jitter", number: jitter)
    }
  }

  /// The member `retry`; nil where it is absent.
  init?(optional value: JSONValue) throws(ArchiveFault) {
    guard let retry = value["retry"] else { return nil }
    guard let base = retry.duration("base"), let cap = retry.duration("cap"),
      let jitter = retry["jitter"]?.double
    else { throw ArchiveFault(member: "retry", "is incomplete") }
    self.init(
      growth: try retry.name("growth") { Growth(rawValue: $0) }, base: base, cap: cap,
      jitter: jitter)
  }
}

extension QueueLedger {
  func write(into writer: inout JSONWriter) {
    writer.member("queue", queue.description)
    writer.object("totals") {
      $0.member("accepted", totals.accepted)
      $0.member("completed", totals.completed)
      $0.member("failed", totals.failed)
      $0.member("cancelled", totals.cancelled)
      $0.member("retried", totals.retried)
      $0.member("lost", totals.lost)
    }
    writer.member("last_finished_at", lastFinishedAt)
    writer.member("last_failed_at", lastFailedAt)
    writer.member("last_failure", lastFailure)
    writer.member("virtual_time", virtualTime)
    guard !turns.isEmpty else { return }
    writer.array("turns") { list in
      for (user, tag) in turns.sorted(by: { $0.key < $1.key }) {
        list.object {
          $0.member("user", user)
          $0.member("tag", tag)
        }
      }
    }
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    self.init(
      queue: try value.name("queue") { QueueName($0) }, lastFinishedAt: value.time("last_finished_at"),
      lastFailedAt: value.time("last_failed_at"), lastFailure: value["last_failure"]?.string,
      virtualTime: Int64(try value.number("virtual_time")))
    guard let counts = value["totals"] else { throw ArchiveFault(member: "totals", "is missing") }
    totals.accepted = try counts.number("accepted")
    totals.completed = try counts.number("completed")
    totals.failed = try counts.number("failed")
    totals.cancelled = try counts.number("cancelled")
    totals.retried = try counts.number("retried")
    totals.lost = try counts.number("lost")
    for turn in value["turns"]?.array ?? [] {
      turns[try turn.name("user") { $0 }] = Int64(try turn.number("tag"))
    }
  }
}

// MARK: Schedules and groups

extension ScheduleStatus {
  func write(into writer: inout JSONWriter) {
    writer.member("name", schedule.name.description)
    writer.member("cron", schedule.cron.description)
    writer.member("time_zone", schedule.timeZone)
    writer.member("enabled", schedule.isEnabled)
    writer.object("request") { schedule.request.write(into: &$0) }
    writer.member("next", next)
    writer.member("last_fired_at", lastFiredAt)
    writer.member("last_job", lastJob?.description)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    let text = try value.name("cron") { $0 }
    let cron: CronExpression
    do throws(CronExpression.Fault) { cron = try CronExpression(text) } catch {
      throw ArchiveFault(member: "cron", error.description)
    }
    guard let request = value["request"] else {
      throw ArchiveFault(member: "request", "is missing")
    }
    self.init(
      schedule: Schedule(
        name: try value.name("name") { ScheduleName($0) }, cron: cron,
        timeZone: try value.name("time_zone") { $0 }, request: try JobRequest(reading: request),
        isEnabled: value["enabled"]?.bool ?? true),
      next: value.time("next"), lastFiredAt: value.time("last_fired_at"),
      lastJob: try value.name(optional: "last_job") { JobID($0) })
  }
}

extension JobGroup {
  func write(into writer: inout JSONWriter) {
    writer.member("id", id.description)
    writer.member("user", user)
    writer.member("name", name)
    writer.member("state", state.rawValue)
    writer.object("counts") { object in
      for (state, count) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        object.member(named: state.rawValue, JSONText(unchecked: Array("\(count)".utf8)))
      }
    }
    writer.member("weight", weight)
    writer.member("weighted_permille", weightedPermille)
    writer.member("created_at", createdAt)
    writer.member("finished_at", finishedAt)
    writer.member("callback", callback?.description)
    writer.member("offset", position.offset)
    writer.member("epoch", position.epoch)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    self.init(
      id: try value.name("id") { GroupID($0) }, user: try value.name("user") { $0 },
      name: value["name"]?.string, state: try value.name("state") { State(rawValue: $0) },
      counts: try value.counts("counts"), weight: try value.number("weight"),
      weightedPermille: try value.number("weighted_permille"),
      createdAt: Timestamp(milliseconds: Int64(try value.number("created_at"))),
      finishedAt: value.time("finished_at"),
      callback: try value.name(optional: "callback") { JobID($0) },
      position: StreamPosition(
        offset: UInt64(max(0, try value.number("offset"))), epoch: try value.name("epoch") { $0 }))
  }
}
