import EventLoop
import Jobs

/// Asks the broker, and tells its refusal as a problem.
@EventLoop
func solving<Answer>(
  _ ask: @EventLoop () async throws(BrokerError) -> Answer
) async throws(Problem) -> Answer {
  do throws(BrokerError) { return try await ask() } catch { throw Problem(error) }
}

extension PayloadStore {
  /// Asks the broker for a job, as ``submit(_:callbackOf:to:isKept:)`` does; a refusal is a problem.
  @EventLoop
  func submitting<Answer>(
    _ request: JobRequest, callbackOf group: GroupID? = nil,
    to ask: @EventLoop (JobRequest) async throws(BrokerError) -> Answer,
    isKept: (Answer) -> Bool
  ) async throws(Problem) -> Answer {
    do throws(SubmissionFault) {
      return try await submit(request, callbackOf: group, to: ask, isKept: isKept)
    } catch {
      switch error {
      case .broker(let error): throw Problem(error)
      case .store(.noSpace):
        throw Problem(.storageFull, status: 507, detail: "There is no room for the payload.")
      case .store: throw Problem(.internalError, status: 500, detail: "The payload cannot be kept.")
      }
    }
  }

  /// The job that answers a request: a new one, or an earlier one.
  @EventLoop
  func enqueue(_ request: JobRequest, on broker: any Broker) async throws(Problem) -> Acceptance {
    try await submitting(request) { request async throws(BrokerError) in
      try await broker.enqueue(request)
    } isKept: {
      $0.job.id == request.id
    }
  }
}
