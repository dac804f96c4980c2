import EventLoop
import Jobs

/// Asks the broker, and tells its refusal as a problem.
@EventLoop
func solving<Answer>(
  _ ask: @EventLoop () async throws(BrokerError) -> Answer
) async throws(Problem) -> Answer {
  do throws(BrokerError) { return try await ask() } catch { throw Problem(error) }
}
