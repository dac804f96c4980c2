import OrderedCollections

extension JobRequest {
  /// What is rarely asked for, by the names that `accept.lua` gives.
  var asked: [String: MessagePack] {
    var asked: [String: MessagePack] = [:]
    if let maxAttempts { asked["m"] = .integer(Int64(maxAttempts)) }
    if let retry { asked["rp"] = retry.messagePack }
    if let timeout { asked["to"] = .duration(timeout) }
    if let order { asked["order"] = .text(order == .lifo ? "l" : "f") }
    switch start {
    case .now: break
    case .after(let delay): asked["delay"] = .duration(delay)
    case .at(let moment): asked["at"] = .integer(moment.milliseconds)
    }
    if let startWithin { asked["within"] = .duration(startWithin) }
    if let totalTimeout { asked["total"] = .duration(totalTimeout) }
    if let uniqueKey { asked["uk"] = .text(uniqueKey) }
    if let contentKey { asked["ck"] = .text(contentKey) }
    if let idempotencyKey {
      asked["key"] = .text(idempotencyKey)
      asked["fingerprint"] = .text(fingerprint)
      asked["remembered"] = .duration(RedisBroker.idempotencyLifetime)
    }
    if !dependencies.parents.isEmpty {
      let distinct = OrderedSet(dependencies.parents)
      asked["parents"] = .array(distinct.map { .text($0.key) })
      asked["rule"] = .text(dependencies.whenOneFails.letter)
    }
    if let group {
      asked["g"] = .text(group.key)
      asked["wt"] = .integer(Int64(weight))
    }
    if isRecorded { asked["hs"] = .boolean(true) }
    if !webhooks.isEmpty { asked["wb"] = webhooks.messagePack }
    return asked
  }

  /// The whole request, for what is submitted later.
  var messagePack: MessagePack {
    .map([
      "id": .text(id.key), "queue": .text(queue.description), "kind": .text(kind.description),
      "user": .text(user), "priority": .integer(Int64(priority.level)),
      "payload": .bytes(payload.bytes), "asked": .map(asked),
    ])
  }

  /// Reads what ``messagePack`` wrote.
  init?(_ value: MessagePack) {
    guard let fields = value.fields, let id = fields["id"]?.bytes.flatMap({ JobID(key: $0) }),
      let queue = fields["queue"]?.text.flatMap({ QueueName($0) }),
      let kind = fields["kind"]?.text.flatMap({ JobKind($0) }), let user = fields["user"]?.text,
      let priority = fields["priority"]?.integer.flatMap({ Priority(Int($0)) }),
      let payload = fields["payload"]?.bytes.flatMap({ JobPayload($0) }),
      let asked = fields["asked"]?.fields
    else { return nil }
    self.init(
      id: id, queue: queue, kind: kind, user: user, priority: priority)
    self.payload = payload
    order = asked["order"].map { $0.text == "l" ? .lifo : .fifo }
    start =
      asked["delay"]?.duration.map { .after($0) } ?? asked["at"]?.timestamp.map { .at($0) } ?? .now
    maxAttempts = asked["m"]?.integer.map { Int($0) }
    retry = asked["rp"].flatMap { RetryPolicy($0) }
    timeout = asked["to"]?.duration
    startWithin = asked["within"]?.duration
    totalTimeout = asked["total"]?.duration
    idempotencyKey = asked["key"]?.text
    uniqueKey = asked["uk"]?.text
    contentKey = asked["ck"]?.text
    let parents = (asked["parents"]?.elements ?? []).compactMap { $0.bytes.flatMap { JobID(key: $0) } }
    let rule = ParentFailureRule.allCases.first { $0.letter == asked["rule"]?.text }
    dependencies = JobDependencies(parents: parents, whenOneFails: rule ?? .cancel)
    group = asked["g"]?.bytes.flatMap { GroupID(key: $0) }
    weight = asked["wt"]?.integer.map { Int($0) } ?? 1
    isRecorded = asked["hs"] != nil
    webhooks = [Webhook](asked["wb"])
  }
}
