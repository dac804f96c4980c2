package import EventLoop
import Jobs

/// `/v1/jobs/{id}/events` and `/v1/groups/{id}/events`: a job or a group as server-sent events.
@EventLoop
package struct EventStreamRoutes {
  private let environment: SessionEnvironment

  package init(environment: SessionEnvironment) { self.environment = environment }

  package var routes: [Route] {
    [
      Route(.get, "/v1/jobs/:id/events", .counted) { call in
        try await stream(.job(call.jobID), to: call)
      },
      Route(.get, "/v1/groups/:id/events", .counted) { call in
        guard let id = call.parameters["id"].flatMap({ GroupID($0) }) else { throw Problem.groupNotFound }
        return try await stream(.group(id), to: call)
      },
    ]
  }

  /// Streams what comes after the cursor in `Last-Event-ID`, beginning with what the client lacks.
  ///
  /// Ends after the event that tells the end; a client that comes back after it gets 204, which tells an
  /// `EventSource` to stay away.
  private func stream(_ subject: Subject, to call: Call) async throws -> Response {
    let request = Self.cursor(in: call.request)
    let interval = try Self.interval(in: call.request)
    let events = EventStream(.events, for: call.identity, in: environment)
    let opening = try await environment.open(subject.channel, for: events, as: call.identity)
    guard let record = opening.record else { preconditionFailure("\(subject) has no record") }
    events.add(opening)
    let recovery = opening.recovery(of: request)
    if call.exchange.isClosed || (recovery == .upToDate && record.hasEnded) {
      events.close()
      return Response(204)
    }
    opening.subscription.minimumInterval = interval
    switch recovery {
    case .upToDate: break
    case .fresh: events.append(Publication(record))
    case .catchUp:
      opening.countRecovery()
      events.append(Publication(record))
    case .lost:
      events.append(Self.reset(of: subject))
      events.append(Publication(record))
    }
    return events.response(to: call)
  }

  /// What the client has; a cursor that is none is one of nothing we know.
  private static func cursor(in request: Request) -> Recovery.Request? {
    guard let text = request.headers["last-event-id"], !text.isEmpty else { return nil }
    return Recovery.Request(cursor: text) ?? .unreadable
  }

  private static func interval(in request: Request) throws(Problem) -> Duration {
    guard let text = request.parameter("interval") else { return .zero }
    guard let milliseconds = Int(text), Subscription.intervals.contains(milliseconds) else {
      let bounds = Subscription.intervals
      throw .invalid([
        .init("/interval", "must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
      ])
    }
    return .milliseconds(milliseconds)
  }

  /// That what the client knows is of no stream that is here: it forgets it, and the record follows. Without an id,
  /// so that a client which is cut off before the record is told again.
  private static func reset(of subject: Subject) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.member("event", "reset")
      switch subject {
      case .job(let id): $0.member("id", id.description)
      case .group(let id): $0.member("id", id.description)
      }
    }
    return PreparedFrame(raw: Array("event: reset\ndata: ".utf8) + writer.bytes + Array("\n\n".utf8))
  }
}
