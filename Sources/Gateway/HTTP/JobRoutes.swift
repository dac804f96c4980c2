package import EventLoop
import Jobs

/// `/v1/jobs`, where HTTP has forms of its own: waiting, entity tags, idempotency keys. The other verbs
/// are ``ProcedureRoutes``.
@EventLoop
package struct JobRoutes {
  private let environment: SessionEnvironment
  private var verbs: JobVerbs { environment.verbs }

  package init(environment: SessionEnvironment) { self.environment = environment }

  package var routes: [Route] {
    [
      Route(.post, "/v1/jobs", .counted, handler: submit),
      Route(.get, "/v1/jobs/:id", .counted, handler: show),
      Route(.get, "/v1/jobs/:id/result", .counted, handler: result),
    ]
  }

  private func submit(_ call: Call) async throws -> Response {
    try verbs.require(.submit, of: call.identity)
    // A payload at its limit, and the little around it.
    let limit = environment.settings.payloadLimit
    let body = try await call.exchange.body(limit: limit + (16 << 10), ofPayloadsUpTo: limit)
    let submission = try JobSubmission(
      reading: try body.json, idempotencyKey: idempotencyKey(of: call.request),
      settings: environment.settings)
    let acceptance = try await verbs.submit(submission, by: call.identity)
    var job = acceptance.job
    let wait = preferredWait(of: call.request)
    if let wait, !job.state.isTerminal, call.identity.permissions.allows(.read) {
      job = try await JobWaiter.wait(
        for: .end, on: job.id, known: job, upTo: wait, by: call, in: environment)
    }
    var response = Self.response(to: acceptance, as: job)
    if acceptance.match == .idempotencyKey { response.headers.append(("idempotency-replayed", "true")) }
    if let wait { response.headers.append(preferenceApplied(wait)) }
    return response
  }

  /// With `wait`: until it differs from `If-None-Match` where that is given, until it has ended
  /// otherwise; at the end of the wait 304, or the job as it stands.
  private func show(_ call: Call) async throws -> Response {
    let id = try call.jobID
    let known = call.request.headers["if-none-match"].map { EntityTag.positions(in: $0) }
    let preferred = preferredWait(of: call.request)
    var job: Job
    if let wait = try parameterWait(of: call.request) ?? preferred {
      job = try await JobWaiter.wait(
        for: known.map { .change(from: $0) } ?? .end, on: id, upTo: wait, by: call,
        in: environment)
    } else {
      job = try await verbs.job(id, for: call.identity)
    }
    var headers: [(name: String, value: String)] = [
      ("etag", EntityTag.text(of: job.position)), ("cache-control", "no-cache"),
    ]
    if let preferred { headers.append(preferenceApplied(preferred)) }
    if known?.contains(where: { Recovery(of: $0, at: job.position) == .upToDate }) == true {
      return Response(304, headers: headers)
    }
    job = await verbs.shown(job)
    let estimate = await verbs.estimate(for: job)
    var writer = JSONWriter()
    writer.object {
      JobDocument.write(
        job, estimate: estimate, showsWorker: call.identity.seesWorkers, into: &$0)
      Self.writeLinks(of: id, into: &$0)
    }
    return Response(
      200, headers: headers + [("content-type", "application/json")], body: .bytes(writer.bytes))
  }

  private func result(_ call: Call) async throws -> Response {
    let job = try await verbs.job(try call.jobID, for: call.identity)
    guard job.state == .completed else {
      let failure = job.failure.map { " \($0.code): \($0.message)" } ?? ""
      throw Problem(
        .conflict, status: 409,
        detail: "There is no result: the job is \(job.state.rawValue).\(failure)")
    }
    var writer = JSONWriter()
    writer.element(job.result ?? .emptyObject)
    return .json(writer.text)
  }

  /// The answer to a submission, with the job as it stands by now. Accepted, not done; done already only for
  /// who waited or asks again.
  static func response(to acceptance: Acceptance, as job: Job? = nil) -> Response {
    var job = job ?? acceptance.job
    var writer = JSONWriter()
    writer.object {
      job.payload = nil
      $0.member("job", JobDocument.text(of: job))
      $0.member("match", acceptance.match?.rawValue)
      if acceptance.durability == .local { $0.member("durability", acceptance.durability.rawValue) }
      writeLinks(of: job.id, into: &$0)
    }
    return Response(
      job.state.isTerminal ? 200 : 202,
      headers: [("location", "/v1/jobs/\(job.id)"), ("content-type", "application/json")],
      body: .bytes(writer.bytes))
  }

  static func writeLinks(of id: JobID, into writer: inout JSONWriter) {
    writer.object("links") {
      $0.member("self", "/v1/jobs/\(id)")
      $0.member("events", "/v1/jobs/\(id)/events")
      $0.member("result", "/v1/jobs/\(id)/result")
      $0.member("cancel", "/v1/jobs/\(id)/cancel")
      $0.member("why", "/v1/jobs/\(id)/why")
      $0.member("websocket", "/connection/websocket")
    }
  }

  /// The header's key; the draft wants it quoted, most clients do not
  /// (draft-ietf-httpapi-idempotency-key-header).
  private func idempotencyKey(of request: Request) throws(Problem) -> String? {
    guard var key = request.headers["idempotency-key"] else { return nil }
    if key.count >= 2, key.hasPrefix("\""), key.hasSuffix("\"") {
      key = String(key.dropFirst().dropLast())
    }
    guard (1...255).contains(key.utf8.count) else {
      throw .invalid([.init("", "Idempotency-Key must be 1 to 255 bytes")])
    }
    return key
  }

  private func parameterWait(of request: Request) throws(Problem) -> Duration? {
    guard let text = request.parameter("wait") else { return nil }
    guard let seconds = Int(text), seconds >= 0 else {
      throw .invalid([.init("/wait", "must be a whole number of seconds")])
    }
    return min(.seconds(seconds), environment.settings.longPollLimit)
  }

  /// `Prefer: wait=30` (RFC 7240 §4.3).
  private func preferredWait(of request: Request) -> Duration? {
    guard let prefer = request.headers["prefer"] else { return nil }
    for preference in prefer.split(separator: ",") {
      let parts = preference.split(separator: "=").map { $0.filter { $0 != " " && $0 != "\"" } }
      if parts.count == 2, parts[0].lowercased() == "wait", let seconds = Int(parts[1]),
        seconds >= 0
      {
        return min(.seconds(seconds), environment.settings.longPollLimit)
      }
    }
    return nil
  }

  private func preferenceApplied(_ wait: Duration) -> (name: String, value: String) {
    ("preference-applied", "wait=\(wait.milliseconds / 1000)")
  }
}

/// The entity tag of a job: its cursor; weak, because a place in a queue changes without an event.
enum EntityTag {
  static func text(of position: StreamPosition) -> String { "W/\"\(position.cursor)\"" }

  /// The positions that an `If-None-Match` names (RFC 9110 §13.1.2): the tags of answers, or cursors of another
  /// transport between quotes. Anything else names none, so that the answer is the job as it is, at once.
  static func positions(in header: String) -> [Recovery.Request] {
    header.split(separator: ",").compactMap { element in
      var tag = element.drop { $0 == " " }
      while tag.last == " " { tag.removeLast() }
      if tag.hasPrefix("W/") { tag.removeFirst(2) }
      guard tag.count > 2, tag.hasPrefix("\""), tag.hasSuffix("\"") else { return nil }
      return Recovery.Request(cursor: tag.dropFirst().dropLast())
    }
  }
}
