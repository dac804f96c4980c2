import Redis

extension FeedEntry {
  /// Reads what `feed_change.lua` wrote, with a long result that was looked up.
  init(bytes: [UInt8], at place: FeedPlace, result: RedisValue, isMissing: Bool) throws(BrokerError) {
    guard let values = MessagePack.array(in: bytes), values.count == 8, let id = values[0].bytes,
      let kept = values[1].bytes, let record = RedisRecord(kept), let attempts = values[4].integer
    else { throw .corrupt("an entry of the feed has another form") }
    let outcome = values[7].bytes.map { RedisValue.bytes($0) } ?? result
    var job = try Job(
      described: .array([.bytes(id), .bytes(kept), .null, .null, .null, outcome, .null, .integer(attempts)]),
      withPayload: false)
    if let permille = values[5].integer, permille >= 0 || values[6].bytes != nil {
      job.progress = Progress(packed: values[6].bytes ?? [], permille: Int(permille))
    }
    // What tells an overdue lease is not kept.
    job.isStalled = record.state == .running && record.more["sl"] != nil
    self.init(
      place: place, job: job, previous: values[2].text.flatMap { JobState(letter: $0) },
      reason: values[3].text, terms: FeedTerms(record.more), isResultMissing: isMissing)
  }
}

extension FeedTerms {
  /// Of a record, by the names that `record.lua` gives.
  init(_ more: [String: MessagePack]) {
    self.init(isRecorded: more["hs"] != nil, webhooks: [Webhook](more["wb"]))
  }
}

extension Webhook.Events {
  /// The letters of the states, or `*`.
  var letters: String {
    switch self {
    case .all: "*"
    case .states(let states): JobState.allCases.filter(states.contains).map(\.letter).joined()
    }
  }

  init(letters: String) {
    self = letters == "*" ? .all : .states(Set(letters.compactMap { JobState(letter: String($0)) }))
  }
}

extension [Webhook] {
  /// As `record.lua` has them.
  var messagePack: MessagePack {
    .array(
      map { hook in
        let fields: [MessagePack] = [.text(hook.address), .text(hook.events.letters)]
        return .array(hook.isOfQueue ? fields + [.boolean(true)] : fields)
      })
  }

  init(_ value: MessagePack?) {
    self = (value?.elements ?? []).compactMap { hook in
      guard let fields = hook.elements, fields.count >= 2, let address = fields[0].text,
        let letters = fields[1].text
      else { return nil }
      return Webhook(address, Webhook.Events(letters: letters), isOfQueue: fields.count > 2)
    }
  }
}
