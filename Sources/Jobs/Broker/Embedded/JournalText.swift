// How values that are only read whole lie in the journal: as JSON, absent where they are nil, so that a
// file written before something could be set says that nobody set it.

extension QueueSettings {
  var journalText: String {
    var writer = JSONWriter()
    writer.object {
      $0.member("type", type)
      $0.member("description", description)
      $0.member("concurrency", concurrency)
      $0.member("user_window", userWindow)
      $0.member("max_waiting", maxWaiting)
      $0.member("order", order.rawValue)
      $0.member("ageing", ageing?.milliseconds)
      $0.fact("fair", isFair)
      $0.object("defaults") {
        $0.member("max_attempts", defaults.maxAttempts)
        $0.member("retry", defaults.retry?.journalText)
        $0.member("timeout", defaults.timeout?.milliseconds)
        $0.member("start_within", defaults.startWithin?.milliseconds)
        $0.member("total_timeout", defaults.totalTimeout?.milliseconds)
      }
      $0.object("completed", completed.write)
      $0.object("failed", failed.write)
      $0.object("cancelled", cancelled.write)
    }
    return writer.text.description
  }

  init?(journalText: String) {
    guard let root = try? JSONDocument(bytes: Array(journalText.utf8)).root else { return nil }
    self.init()
    type = root["type"]?.string
    description = root["description"]?.string
    concurrency = root["concurrency"]?.int
    userWindow = root["user_window"]?.int
    maxWaiting = root["max_waiting"]?.int
    order = root["order"]?.string.flatMap(QueueOrder.init(rawValue:)) ?? order
    ageing = root["ageing"]?.milliseconds
    isFair = root["fair"]?.bool ?? false
    let defaults = root["defaults"]
    self.defaults.maxAttempts = defaults?["max_attempts"]?.int ?? self.defaults.maxAttempts
    self.defaults.retry = defaults?["retry"]?.string.flatMap(RetryPolicy.init(journalText:))
    self.defaults.timeout = defaults?["timeout"]?.milliseconds
    self.defaults.startWithin = defaults?["start_within"]?.milliseconds
    self.defaults.totalTimeout = defaults?["total_timeout"]?.milliseconds
    completed.read(root["completed"])
    failed.read(root["failed"])
    cancelled.read(root["cancelled"])
  }
}

extension RetentionRule {
  fileprivate func write(_ writer: inout JSONWriter) {
    writer.member("age", age.milliseconds)
    writer.member("count", count)
  }

  fileprivate mutating func read(_ value: JSONValue?) {
    guard let value else { return }
    age = value["age"]?.milliseconds ?? age
    count = value["count"]?.int
  }
}

extension RetryPolicy {
  /// `growth base cap jitter`.
  var journalText: String {
    "\(growth.rawValue) \(base.milliseconds) \(cap.milliseconds) \(jitter)"
  }

  init?(journalText: String) {
    let parts = journalText.split(separator: " ")
    guard parts.count == 4, let growth = Growth(rawValue: String(parts[0])),
      let base = Int64(parts[1]), let cap = Int64(parts[2]), let jitter = Double(parts[3])
    else { return nil }
    self.init(growth: growth, base: .milliseconds(base), cap: .milliseconds(cap), jitter: jitter)
  }
}

extension JSONValue {
  fileprivate var milliseconds: Duration? { int.map { .milliseconds($0) } }
}
