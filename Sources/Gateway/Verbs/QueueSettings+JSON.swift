package import Jobs

/// The JSON form of a queue's settings, the same in requests and answers; durations in seconds.
extension QueueSettings {
  /// The settings with a change laid over them, as a JSON merge patch (RFC 7396): a member replaces,
  /// `null` brings back the default, objects are merged. Over ``init()`` it reads a whole document.
  ///
  /// Webhooks are checked by `rules`; nil refuses them.
  package func patched(
    with value: JSONValue, at pointer: String = "", webhooks rules: WebhookRules? = nil
  ) throws(Problem) -> QueueSettings {
    var reader = try MemberReader(value, at: pointer)
    var settings = self
    settings.reset(reader.takeNulls())
    settings.type = reader.text("type", upTo: 64) ?? settings.type
    settings.description = reader.text("description", upTo: 1024) ?? settings.description
    settings.concurrency = reader.whole("concurrency", in: 1...1_000_000) ?? settings.concurrency
    settings.userWindow = reader.whole("user_window", in: 1...1_000_000) ?? settings.userWindow
    settings.maxWaiting = reader.whole("max_waiting", in: 1...1_000_000_000) ?? settings.maxWaiting
    settings.order = reader.word("order") ?? settings.order
    settings.ageing = reader.seconds("ageing", upTo: JobSubmission.month) ?? settings.ageing
    settings.isFair = reader.flag("fair") ?? settings.isFair
    settings.webhooks = reader.webhooks("webhooks", rules) ?? settings.webhooks
    let old = settings
    settings.defaults =
      reader.part("defaults") { old.defaults.patched(from: &$0) } ?? settings.defaults
    _ = reader.part("retention") { part in
      for name in part.takeNulls() { settings.resetRetention(name) }
      settings.completed = part.part("completed") { old.completed.patched(from: &$0) } ?? settings.completed
      settings.failed = part.part("failed") { old.failed.patched(from: &$0) } ?? settings.failed
      settings.cancelled = part.part("cancelled") { old.cancelled.patched(from: &$0) } ?? settings.cancelled
    }
    try reader.finish()
    return settings
  }

  private mutating func reset(_ names: Set<String>) {
    let initial = QueueSettings()
    for name in names {
      switch name {
      case "type": type = nil
      case "description": description = nil
      case "concurrency": concurrency = nil
      case "user_window": userWindow = nil
      case "max_waiting": maxWaiting = nil
      case "order": order = initial.order
      case "ageing": ageing = nil
      case "fair": isFair = initial.isFair
      case "webhooks": webhooks = []
      case "defaults": defaults = initial.defaults
      case "retention": for state in ["completed", "failed", "cancelled"] { resetRetention(state) }
      // A name of nothing: taking nothing away is what was asked.
      default: break
      }
    }
  }

  private mutating func resetRetention(_ state: String) {
    let initial = QueueSettings()
    switch state {
    case "completed": completed = initial.completed
    case "failed": failed = initial.failed
    case "cancelled": cancelled = initial.cancelled
    default: break
    }
  }

  /// The members, into an object that is open.
  package func write(into writer: inout JSONWriter) {
    writer.member("type", type)
    writer.member("description", description)
    writer.member("concurrency", concurrency)
    writer.member("user_window", userWindow)
    writer.member("max_waiting", maxWaiting)
    writer.member("order", order.rawValue)
    writer.member("ageing", seconds: ageing)
    writer.member("fair", isFair)
    writer.object("defaults") { defaults.write(into: &$0) }
    writer.object("retention") {
      $0.object("completed") { completed.write(into: &$0) }
      $0.object("failed") { failed.write(into: &$0) }
      $0.object("cancelled") { cancelled.write(into: &$0) }
    }
    guard !webhooks.isEmpty else { return }
    writer.array("webhooks") { list in for hook in webhooks { list.object { hook.write(into: &$0) } } }
  }
}

extension JobDefaults {
  fileprivate func patched(from reader: inout MemberReader) -> JobDefaults {
    var defaults = self
    for name in reader.takeNulls() {
      switch name {
      case "max_attempts": defaults.maxAttempts = JobDefaults().maxAttempts
      case "retry": defaults.retry = nil
      case "timeout": defaults.timeout = nil
      case "start_within": defaults.startWithin = nil
      case "total_timeout": defaults.totalTimeout = nil
      default: break
      }
    }
    defaults.maxAttempts = reader.whole("max_attempts", in: 1...100) ?? defaults.maxAttempts
    defaults.retry =
      reader.retryPolicy("retry", over: defaults.retry ?? .standard) ?? defaults.retry
    defaults.timeout = reader.seconds("timeout", upTo: JobSubmission.week) ?? defaults.timeout
    defaults.startWithin =
      reader.seconds("start_within", upTo: JobSubmission.month) ?? defaults.startWithin
    defaults.totalTimeout =
      reader.seconds("total_timeout", upTo: JobSubmission.month) ?? defaults.totalTimeout
    return defaults
  }

  fileprivate func write(into writer: inout JSONWriter) {
    writer.member("max_attempts", maxAttempts)
    if let retry {
      writer.object("retry") { retry.write(into: &$0) }
    }
    writer.member("timeout", seconds: timeout)
    writer.member("start_within", seconds: startWithin)
    writer.member("total_timeout", seconds: totalTimeout)
  }
}

extension RetentionRule {
  fileprivate func patched(from reader: inout MemberReader) -> RetentionRule {
    var rule = self
    if reader.takeNulls().contains("count") { rule.count = nil }
    rule.age = reader.seconds("age", upTo: 10 * JobSubmission.year, mayBeZero: true) ?? rule.age
    rule.count = reader.whole("count", in: 0...1_000_000_000) ?? rule.count
    return rule
  }

  fileprivate func write(into writer: inout JSONWriter) {
    writer.member("age", seconds: age)
    writer.member("count", count)
  }
}

extension JSONWriter {
  /// A duration in seconds, whole where it is.
  package mutating func member(_ name: StaticString, seconds duration: Duration?) {
    guard let milliseconds = duration?.milliseconds else { return }
    if milliseconds % 1000 == 0 {
      member(name, milliseconds / 1000)
    } else {
      member(name, number: Double(milliseconds) / 1000)
    }
  }
}
