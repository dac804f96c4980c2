package import EventLoop
import FoundationEssentials
import Jobs

/// A job or a group as server-sent events: the same publications as on a socket, with the offset as the id.
@EventLoop
package final class EventStream {
  private let environment: SessionEnvironment
  private var subscription: Subscription?
  private var stream: (any ResponseStream)?
  private var outbox = Outbox()
  private var isAwaitingFlush = false
  /// The terminal event is in the outbox: nothing comes after it.
  private var isComplete = false
  private var isClosed = false
  private var heartbeat: TimerWheel.Deadline?
  private var slowness: TimerWheel.Deadline?
  private var expiry: TimerWheel.Deadline?
  private let identity: Identity

  private init(environment: SessionEnvironment, identity: Identity) {
    self.environment = environment
    self.identity = identity
  }

  /// The answer that streams a subject's events after `known`, beginning with what the client lacks.
  ///
  /// Ends after the event that tells the end; a client that comes back after it gets 204, which tells an
  /// `EventSource` to stay away.
  package static func response(
    for subject: Subject, by call: Call, in environment: SessionEnvironment
  ) async throws -> Response {
    let known = call.request.headers["last-event-id"].flatMap { UInt64($0) }
    let events = EventStream(environment: environment, identity: call.identity)
    let subscription = try await environment.hub.join(subject.channel, events)
    var hasStarted = false
    defer { if !hasStarted { environment.hub.leave(subscription) } }
    let record = try await environment.record(of: subject, for: call.identity)
    if record.hasEnded, known == record.position.offset { return Response(204) }
    if call.exchange.isClosed { return Response(204) }
    hasStarted = true
    events.subscription = subscription
    // Until the stream starts, only the exchange knows that the client has gone.
    call.exchange.whenClosed = { events.close() }
    if known != record.position.offset { events.append(Publication(record)) }
    let lifetime = Duration.seconds(
      call.identity.expiresAt.timeIntervalSince(environment.now()))
    return Response(
      200,
      headers: [
        ("content-type", "text/event-stream"), ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
      ],
      body: .stream { stream in
        events.start(stream, after: record.position.offset, for: lifetime)
      })
  }

  private func start(
    _ stream: any ResponseStream, after offset: UInt64, for lifetime: Duration
  ) {
    guard !isClosed else { return stream.finish() }
    self.stream = stream
    guard !environment.authenticator.isVoid(identity) else { return finish() }
    environment.authenticator.hold(self, of: identity)
    stream.whenClosed = { [self] in close() }
    stream.whenDrained = { [weak self] in self?.flush() }
    stream.write(Array("retry: 2000\n\n".utf8))
    expiry = environment.wheel.schedule(after: lifetime + environment.settings.refreshGrace) {
      [weak self] in self?.finish()
    }
    subscription?.goLive(after: offset)
    scheduleHeartbeat()
    writeOut()
  }

  private func append(_ publication: Publication) {
    let key = Outbox.ProgressKey(channel: publication.channel, subject: publication.subject)
    if publication.isProgress {
      outbox.append(
        progress: publication.serverSentEvent, of: key, isConflating: stream?.isBehind ?? true)
    } else {
      outbox.append(stateChange: publication.serverSentEvent, of: key)
    }
    if publication.isTerminal { isComplete = true }
  }

  private func writeOut() {
    guard let stream else { return }
    while !outbox.isEmpty, !stream.isBehind {
      stream.write(outbox.takeBatch(limit: 64 << 10).flatMap(\.bytes))
    }
    if isComplete, outbox.isEmpty { return finish() }
    watchSlowness(of: stream)
  }

  private func watchSlowness(of stream: any ResponseStream) {
    guard stream.isBehind else {
      slowness?.cancel()
      slowness = nil
      return
    }
    guard slowness == nil else { return }
    slowness = environment.wheel.schedule(after: environment.settings.slowConsumerDeadline) {
      [weak self] in self?.finish()
    }
  }

  /// A comment now and then, so that proxies do not take silence for death.
  private func scheduleHeartbeat() {
    heartbeat = environment.wheel.schedule(after: .seconds(15)) { [weak self] in
      guard let self, let stream else { return }
      if !stream.isBehind { stream.write(Array(":\n\n".utf8)) }
      scheduleHeartbeat()
    }
  }

  private func finish() {
    stream?.finish()
    close()
  }

  private func close() {
    isClosed = true
    environment.authenticator.release(self, of: identity)
    if let subscription { environment.hub.leave(subscription) }
    subscription = nil
    stream?.whenDrained = nil
    stream?.whenClosed = nil
    stream = nil
    for deadline in [heartbeat, slowness, expiry] { deadline?.cancel() }
  }
}

extension EventStream: Subscriber {
  package func receive(_ publication: Publication) {
    guard !isClosed, !isComplete else { return }
    append(publication)
    guard !isAwaitingFlush else { return }
    isAwaitingFlush = true
    environment.flushes.add(self)
  }
}

extension EventStream: TokenHolder {
  package var heldIdentity: Identity? { isClosed ? nil : identity }

  /// The stream ends; a client that comes back is refused.
  package func tokenWasRevoked() { finish() }
}

extension EventStream: Flushable {
  package func flush() {
    isAwaitingFlush = false
    writeOut()
  }
}

/// `/v1/jobs/{id}/events` and `/v1/groups/{id}/events`.
@EventLoop
package struct EventStreamRoutes {
  private let environment: SessionEnvironment

  package init(environment: SessionEnvironment) { self.environment = environment }

  package var routes: [Route] {
    [
      Route(.get, "/v1/jobs/:id/events", .counted) { [environment] call in
        try await EventStream.response(for: .job(call.jobID), by: call, in: environment)
      },
      Route(.get, "/v1/groups/:id/events", .counted) { [environment] call in
        guard let id = call.parameters["id"].flatMap({ GroupID($0) }) else { throw Problem.groupNotFound }
        return try await EventStream.response(for: .group(id), by: call, in: environment)
      },
    ]
  }
}
