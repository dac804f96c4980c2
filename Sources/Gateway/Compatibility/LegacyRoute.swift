package import EventLoop
package import Jobs

/// One address of an older system: what is read of a request, the verb that this is, and how its answer is put.
package struct LegacyRoute: Sendable {
  package let method: Request.Method
  /// As the system's documents have it, without its prefix: `/job_status/:id`.
  package let path: StaticString
  package let admission: Route.Admission
  /// Whether the gateway's own listener answers it too, where the system has one of its own: it was an address of
  /// several of its services.
  package let isEverywhere: Bool
  let perform: @EventLoop @Sendable (LegacyCall) async throws -> Response

  /// `read` makes the verb of the request and throws what is wrong with it; `answer` puts what came of it.
  package init<Verb: LegacyVerb>(
    _ method: Request.Method, _ path: StaticString, _ admission: Route.Admission = .counted,
    isEverywhere: Bool = false,
    read: @escaping @EventLoop @Sendable (LegacyCall) async throws -> Verb,
    answer: @escaping @EventLoop @Sendable (Verb.Answer, LegacyCall) throws -> Response
  ) {
    self.method = method
    self.path = path
    self.admission = admission
    self.isEverywhere = isEverywhere
    perform = { call in
      let outcome: Verb.Answer
      do { outcome = try await read(call).carryOut(for: call) } catch {
        // One that may have been accepted all the same keeps what came along.
        if let problem = error as? Problem, (400..<500).contains(problem.status) { await call.discardReceived() }
        throw error
      }
      var response = try answer(outcome, call)
      if let job = Verb.job(of: outcome) {
        response.headers += call.mount.headers(about: job)
        response.isAskedAgain = method == .get && !job.state.isTerminal
      }
      return response
    }
  }
}

/// Something that an older system asks of ours. The only way to the engine: each is a verb of ours.
package protocol LegacyVerb: Sendable {
  associatedtype Answer: Sendable

  @EventLoop func carryOut(for call: LegacyCall) async throws -> Answer

  /// The job that the answer is about, whose state and live stream are told beside it.
  static func job(of answer: Answer) -> Job?
}

extension LegacyVerb {
  package static func job(of answer: Answer) -> Job? { nil }
}
