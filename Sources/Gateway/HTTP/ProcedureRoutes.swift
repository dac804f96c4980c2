package import EventLoop
import Jobs

/// The procedures over HTTP: an address for each, and the form of its answer. What it reads is what
/// stands in the path, in the query and in the body, as the members of one request.
@EventLoop
package struct ProcedureRoutes {
  /// Where a procedure is called.
  private struct Address {
    var method: Request.Method
    var path: StaticString
    var procedure: String
    /// The member that the whole body is; nil where the body holds the members.
    var body: String?
    var status = 200
    /// How many payloads, at their limit, a body may carry.
    var payloads: Int

    init(
      _ method: Request.Method, _ path: StaticString, _ procedure: String, body: String? = nil,
      status: Int = 200, payloads: Int = 0
    ) {
      self.method = method
      self.path = path
      self.procedure = procedure
      self.body = body
      self.status = status
      self.payloads = payloads
    }
  }

  private static let addresses: [Address] = [
    Address(.get, "/v1/jobs", "job.list"),
    Address(.post, "/v1/jobs/bulk", "job.bulk"),
    Address(.delete, "/v1/jobs/:id", "job.remove"),
    Address(.get, "/v1/jobs/:id/log", "job.log"),
    Address(.get, "/v1/jobs/:id/why", "job.why"),
    Address(.get, "/v1/jobs/:id/watchers", "job.watchers"),
    // Accepted: a job that runs has yet to stop.
    Address(.post, "/v1/jobs/:id/cancel", "job.cancel", status: 202),
    Address(.post, "/v1/jobs/:id/retry", "job.retry"),
    Address(.post, "/v1/jobs/:id/redrive", "job.redrive"),
    Address(.post, "/v1/jobs/:id/promote", "job.promote"),
    Address(.post, "/v1/jobs/:id/reprioritise", "job.reprioritise"),
    // A few payloads at their limit, or a hundred small ones.
    Address(.post, "/v1/groups", "group.create", payloads: 4),
    Address(.get, "/v1/groups/:id", "group.get"),
    Address(.post, "/v1/groups/:id/close", "group.close"),
    Address(.get, "/v1/groups/:id/jobs", "group.jobs"),
    Address(.get, "/v1/queues", "queue.list"),
    Address(.get, "/v1/queues/:name", "queue.get"),
    Address(.put, "/v1/queues/:name", "queue.set", body: "settings"),
    Address(.patch, "/v1/queues/:name", "queue.patch", body: "settings"),
    Address(.delete, "/v1/queues/:name", "queue.delete"),
    Address(.post, "/v1/queues/:name/pause", "queue.pause"),
    Address(.post, "/v1/queues/:name/resume", "queue.resume"),
    Address(.post, "/v1/queues/:name/drain", "queue.drain"),
    Address(.post, "/v1/queues/:name/clear", "queue.clear"),
    Address(.get, "/v1/queues/:name/stats", "queue.stats"),
    Address(.get, "/v1/workers", "worker.list"),
    Address(.post, "/v1/workers/:id/quiet", "worker.quiet"),
    Address(.post, "/v1/workers/:id/resume", "worker.resume"),
    Address(.post, "/v1/workers/:id/start", "worker.start"),
    Address(.post, "/v1/workers/:id/stop", "worker.stop"),
    Address(.get, "/v1/schedules", "schedule.list"),
    Address(.get, "/v1/schedules/:name", "schedule.get"),
    Address(.put, "/v1/schedules/:name", "schedule.set", payloads: 1),
    Address(.delete, "/v1/schedules/:name", "schedule.remove"),
    Address(.post, "/v1/schedules/:name/enable", "schedule.enable"),
    Address(.post, "/v1/schedules/:name/disable", "schedule.disable"),
    Address(.post, "/v1/schedules/:name/run", "schedule.run"),
    Address(.get, "/v1/backups", "backup.list"),
    Address(.post, "/v1/backups", "backup.create"),
    Address(.post, "/v1/backups/:name/restore", "backup.restore"),
    Address(.post, "/v1/maintenance", "maintenance.run"),
    Address(.get, "/v1/nodes", "node.list"),
    Address(.get, "/v1/revocations", "token.revocations"),
    Address(.post, "/v1/revocations", "token.revoke"),
    Address(.get, "/v1/stats", "stats"),
    Address(.get, "/v1/health", "health"),
    Address(.delete, "/v1/feed/:consumer", "feed.forget"),
  ]

  private let procedures: Procedures
  private let payloadLimit: Int

  package init(procedures: Procedures, settings: GatewaySettings) {
    self.procedures = procedures
    payloadLimit = settings.payloadLimit
  }

  package var routes: [Route] {
    Self.addresses.map { address in
      guard let procedure = procedures[address.procedure] else {
        preconditionFailure("there is no procedure \(address.procedure)")
      }
      return Route(address.method, address.path, .counted) { [payloadLimit] call in
        // Queue settings and filters are small.
        let limit = address.payloads * payloadLimit + (64 << 10)
        let body =
          address.payloads > 0
          ? try await call.exchange.body(limit: limit, ofPayloadsUpTo: payloadLimit)
          : try await call.exchange.body(limit: limit)
        return try await Self.call(procedure, at: address, call, body)
      }
    }
  }

  private static func call(
    _ procedure: Procedure, at address: Address, _ call: Call, _ body: [UInt8]
  ) async throws -> Response {
    do throws(Problem) {
      var reader = try reader(of: body, at: address)
      for (name, value) in call.parameters {
        if reader.has(name) {
          reader.fault(name, "stands in the address already")
        } else {
          reader.add(text: value, named: name)
        }
      }
      for (name, value) in call.request.query { reader.add(text: value, named: name) }
      if address.body != nil, let version = try version(in: call.request) {
        reader.add(text: "\(version)", named: "version")
      }
      let answer = try await procedure.perform(&reader, call.identity)
      return response(to: answer, status: address.status, seesWorkers: call.identity.seesWorkers)
    } catch {
      throw error.withPointers(without: address.body)
    }
  }

  private static func reader(
    of body: [UInt8], at address: Address
  ) throws(Problem) -> MemberReader {
    guard !body.isEmpty else { return MemberReader() }
    let value = try body.json
    guard let member = address.body else { return try MemberReader(value) }
    var reader = MemberReader()
    reader.add(value, named: member)
    return reader
  }

  /// The version that `If-Match` asks for; 0, which no queue that was set has, for `If-None-Match: *`.
  private static func version(in request: Request) throws(Problem) -> Int? {
    if request.headers["if-none-match"] == "*" { return 0 }
    guard var tag = request.headers["if-match"]?[...], tag != "*" else { return nil }
    if tag.hasPrefix("W/") { tag.removeFirst(2) }
    guard tag.hasPrefix("\""), tag.hasSuffix("\""), let version = Int(tag.dropFirst().dropLast())
    else {
      throw Problem(BrokerError.changedMeanwhile)
    }
    return version
  }

  private static func response(to answer: Answer, status: Int, seesWorkers: Bool) -> Response {
    var writer = JSONWriter()
    switch answer {
    case .job(let job, let estimate):
      writer.object {
        JobDocument.write(job, estimate: estimate, showsWorker: seesWorkers, into: &$0)
        JobRoutes.writeLinks(of: job.id, into: &$0)
      }
    case .jobs(let page): writer.object { page.write(into: &$0, showsWorkers: seesWorkers) }
    case .queue(let queue, let isNew):
      return Response.json(QueueDocument.text(of: queue), status: isNew ? 201 : status)
        .with("etag", "\"\(queue.version)\"")
    case .worker(let worker): writer.object { QueueDocument.write(worker, into: &$0) }
    case .item(_, let text, let location):
      guard let location else { return .json(text, status: status) }
      return Response.json(text, status: 201).with("location", location)
    case .accepted(let acceptance): return JobRoutes.response(to: acceptance)
    case .group(let acceptance):
      writer.object { acceptance.write(into: &$0) }
      var response = Response.json(writer.text, status: acceptance.isNew ? 201 : status)
      if acceptance.isNew { response = response.with("location", "/v1/groups/\(acceptance.group.id)") }
      response.budget = acceptance.budget
      return response
    case .document(let text): return .json(text, status: status)
    case .created(let text): return .json(text, status: 201)
    case .pending(let text): return .json(text, status: 202)
    case .nothing: return Response(204)
    }
    return .json(writer.text, status: status)
  }
}

extension Identity {
  /// Which worker holds a job is for operators: its name tells of hosts.
  var seesWorkers: Bool { permissions.allows(.admin) }
}

extension [UInt8] {
  /// The body of a request, read; a fault of it is the request's.
  var json: JSONValue {
    get throws(Problem) {
      do throws(JSONError) { return try JSONDocument(bytes: self).root } catch {
        throw .invalid([.init("", "is not JSON: \(error)")])
      }
    }
  }
}

extension Problem {
  /// The same with pointers into the body, where the body was read as one member.
  fileprivate func withPointers(without member: String?) -> Problem {
    guard let member else { return self }
    var problem = self
    for index in faults.indices where faults[index].pointer.hasPrefix("/\(member)") {
      problem.faults[index].pointer.removeFirst(member.count + 1)
    }
    return problem
  }
}

extension Response {
  /// A JSON document that is true only now.
  static func json(_ text: JSONText, status: Int = 200) -> Response {
    Response(
      status, headers: [("content-type", "application/json"), ("cache-control", "no-store")],
      body: .bytes(text.bytes))
  }
}
