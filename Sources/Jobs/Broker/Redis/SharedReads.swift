import EventLoop

/// Reads once what many ask for in one turn of the loop: whoever comes back after an outage asks for the same as
/// others do.
///
/// No answer is older than its request: who asks after the read has left has another one made.
@EventLoop
final class SharedReads<Request: Hashable & Sendable, Answer: Sendable> {
  private let read: @EventLoop (Request) async throws(BrokerError) -> Answer
  /// Who waits, beside the one that asked first and will read for all.
  private var waiting: [Request: [LoopContinuation<Result<Answer, BrokerError>>]] = [:]

  init(_ read: @escaping @EventLoop (Request) async throws(BrokerError) -> Answer) { self.read = read }

  /// What was read for this request and all equal ones of the turn. Costs a turn of the loop.
  func answer(to request: Request) async throws(BrokerError) -> Answer {
    if waiting[request] != nil {
      return try await EventLoop.suspend { waiting[request]?.append($0) }.get()
    }
    waiting[request] = []
    // Behind everything that is ready to run now.
    await EventLoop.yield()
    let others = waiting.removeValue(forKey: request) ?? []
    let result: Result<Answer, BrokerError>
    do throws(BrokerError) { result = .success(try await read(request)) } catch { result = .failure(error) }
    for other in others { other.resume(returning: result) }
    return try result.get()
  }
}
