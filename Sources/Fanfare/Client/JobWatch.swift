import Jobs

/// Follows one job to its end, across lost connections and restarts of the gateway.
struct JobWatch {
  let server: ServerAddress
  let token: String
  /// How long the gateway may be away at a stretch.
  let patience: Duration
  /// Hears each change: the job as it now is, and the words of the event or document.
  let changed: (WatchedJob, JSONText) -> Void
  /// Hears that nothing new is known, some times a second: time to redraw what depends on time.
  let idle: (WatchedJob) -> Void
  /// Hears why the connection was lost, and in how long it is tried again.
  let lost: (ClientError, Duration) -> Void

  /// Returns the job at its end. `job` may already know something; `client` is a session to begin
  /// with, if there is one.
  ///
  /// Throws what makes trying again useless: a final close code, a refusal, Ctrl-C, a gateway that has
  /// been away for longer than `patience`. On the first connection everything is final.
  func follow(
    _ job: WatchedJob, with client: GatewayClient? = nil
  ) throws(ClientError) -> WatchedJob {
    var job = job
    var client = client
    var policy = ReconnectPolicy()
    var lostAt: ContinuousClock.Instant?
    while true {
      do throws(ClientError) {
        let session = if let client { client } else { try GatewayClient(server, token: token) }
        client = nil
        try subscribe(session, &job)
        policy.succeed()
        lostAt = nil
        if try drain(session, &job) { return job }
      } catch {
        guard error.isTemporary, job.position != nil else { throw error }
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
  private func subscribe(_ session: GatewayClient, _ job: inout WatchedJob) throws(ClientError) {
    let result = try session.subscribe(to: "job:\(job.id)", since: job.position)
    let epoch = result["epoch"]?.string
    if let snapshot = result["data"], snapshot.object != nil { take(snapshot, into: &job) }
    for publication in result["publications"]?.array ?? [] {
      take(publication: publication, into: &job)
    }
    if job.position == nil, let epoch {
      let offset = result["offset"]?.int.flatMap(UInt64.init(exactly:)) ?? 0
      job.position = StreamPosition(offset: offset, epoch: epoch)
    }
  }

  /// True at the job's end, false when the subscription has to be made anew.
  private func drain(_ session: GatewayClient, _ job: inout WatchedJob) throws(ClientError) -> Bool {
    while !job.state.isTerminal {
      guard let push = try session.nextPush(until: .now + .milliseconds(250)) else {
        idle(job)
        continue
      }
      guard push.channel == "job:\(job.id)" else { continue }
      if let publication = push.publication { take(publication: publication, into: &job) }
      if let code = push.unsubscribed {
        // From 2500 on the gateway asks to subscribe again; below it means it.
        guard code >= 2500 else { throw .closed(code: 3503, reason: "the subscription was ended") }
        return false
      }
    }
    return true
  }

  private func take(publication: JSONValue, into job: inout WatchedJob) {
    guard let data = publication["data"] else { return }
    let offset = publication["offset"]?.int.flatMap(UInt64.init(exactly:))
    // A snapshot of what is known already, as sent behind the document of a job that has ended.
    if data["event"]?.string == "snapshot", offset == job.position?.offset, job.state.isTerminal {
      return
    }
    if job.merge(data, offset: publication["offset"]?.int) { changed(job, data.text) }
  }

  private func take(_ snapshot: JSONValue, into job: inout WatchedJob) {
    if job.merge(snapshot) { changed(job, snapshot.text) }
  }
}
