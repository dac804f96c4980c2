import Jobs

/// Something at a gateway that can be followed to its end: a document, and the events that came since laid
/// over it.
protocol Watched {
  var channel: String { get }
  /// Where to resume; nil before anything is known.
  var position: StreamPosition? { get set }
  /// Nothing more is to come.
  var hasEnded: Bool { get }
  /// Lays a document or an event over what is known. False, and nothing is changed, for one that is older.
  mutating func merge(_ value: JSONValue, offset: Int?) -> Bool
}

/// Follows one job or group to its end, across lost connections and restarts of the gateway.
struct RecordWatch<Record: Watched> {
  let server: ServerAddress
  let token: String
  /// How long the gateway may be away at a stretch.
  let patience: Duration
  /// Hears each change: the record as it now is, and the words of the event or document.
  let changed: (Record, JSONText) -> Void
  /// Hears that nothing new is known, some times a second: time to redraw what depends on time.
  let idle: (Record) -> Void
  /// Hears why the connection was lost, and in how long it is tried again.
  let lost: (ClientError, Duration) -> Void

  /// Returns the record at its end. `record` may already know something; `client` is a session to begin
  /// with, if there is one.
  ///
  /// Throws what makes trying again useless: a final close code, a refusal, Ctrl-C, a gateway that has
  /// been away for longer than `patience`. On the first connection everything is final.
  func follow(
    _ record: Record, with client: GatewayClient? = nil
  ) throws(ClientError) -> Record {
    var record = record
    var client = client
    var policy = ReconnectPolicy()
    var lostAt: ContinuousClock.Instant?
    while true {
      do throws(ClientError) {
        let session = if let client { client } else { try GatewayClient(server, token: token) }
        client = nil
        try subscribe(session, &record)
        lostAt = nil
        if try drain(session, &record, stands: { policy.succeed() }) { return record }
        // A gateway that takes back what it gave, at once and again, is asked less and less often.
        try Interrupt.pause(policy.nextDelay())
      } catch {
        guard error.isTemporary, record.position != nil else { throw error }
        let since = lostAt ?? .now
        lostAt = since
        guard since.duration(to: .now) < patience else { throw error }
        let delay = policy.nextDelay()
        lost(error, delay)
        try Interrupt.pause(delay)
      }
    }
  }

  /// The snapshot, then what was missed.
  private func subscribe(_ session: GatewayClient, _ record: inout Record) throws(ClientError) {
    let result = try session.subscribe(to: record.channel, since: record.position)
    let epoch = result["epoch"]?.string
    if let snapshot = result["data"], snapshot.object != nil { take(snapshot, into: &record) }
    for publication in result["publications"]?.array ?? [] {
      take(publication: publication, into: &record)
    }
    if record.position == nil, let epoch {
      let offset = result["offset"]?.int.flatMap(UInt64.init(exactly:)) ?? 0
      record.position = StreamPosition(offset: offset, epoch: epoch)
    }
  }

  /// True at the end, false when the subscription has to be made anew. Calls `stands` when anything, be it
  /// silence, shows that the subscription was more than an answer.
  private func drain(
    _ session: GatewayClient, _ record: inout Record, stands: () -> Void
  ) throws(ClientError) -> Bool {
    while !record.hasEnded {
      guard let push = try session.nextPush(until: .now + .milliseconds(250)) else {
        stands()
        idle(record)
        continue
      }
      guard push.channel == record.channel else { continue }
      if let publication = push.publication {
        stands()
        take(publication: publication, into: &record)
      }
      if let code = push.unsubscribed {
        // From 2500 on the gateway asks to subscribe again; below it means it.
        guard code >= 2500 else { throw .closed(code: 3503, reason: "the subscription was ended") }
        return false
      }
    }
    return true
  }

  private func take(publication: JSONValue, into record: inout Record) {
    guard let data = publication["data"] else { return }
    let offset = publication["offset"]?.int.flatMap(UInt64.init(exactly:))
    // What is known already, as sent behind the document of something that has ended.
    if offset == record.position?.offset, record.hasEnded {
      return
    }
    if record.merge(data, offset: publication["offset"]?.int) { changed(record, data.text) }
  }

  private func take(_ snapshot: JSONValue, into record: inout Record) {
    if record.merge(snapshot, offset: nil) { changed(record, snapshot.text) }
  }
}
