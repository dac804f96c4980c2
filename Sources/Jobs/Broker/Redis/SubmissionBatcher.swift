import EventLoop
import Redis

/// Sends submissions together that come while earlier ones are under way: one script for many costs Redis half of
/// what many scripts do.
///
/// Nobody waits for company: a submission that finds fewer than two calls under way goes at once. What comes
/// meanwhile goes with the next call, when one of them is answered, in the order in which it came.
@EventLoop
final class SubmissionBatcher {
  private struct Waiting {
    let request: JobRequest
    let continuation: LoopContinuation<Result<RedisValue, BrokerError>>
  }

  /// Two, so that Redis works on one while the answers to the other are read.
  private static let callLimit = 2
  /// Redis serves nobody else during a call: this many keep it below a millisecond.
  private static let requestLimit = 32
  private static let byteLimit = 256 << 10

  private let send: @EventLoop ([JobRequest]) async throws(BrokerError) -> [RedisValue]
  private var waiting: [Waiting] = []
  private var callsUnderWay = 0

  /// `send` answers each of the requests, in their order.
  init(_ send: @escaping @EventLoop ([JobRequest]) async throws(BrokerError) -> [RedisValue]) {
    self.send = send
  }

  /// What the script answered to this one. Throws where the call failed that it went with; it may then have
  /// been accepted all the same.
  func answer(to request: JobRequest) async throws(BrokerError) -> RedisValue {
    guard callsUnderWay < Self.callLimit else {
      return try await EventLoop.suspend { continuation in
        waiting.append(Waiting(request: request, continuation: continuation))
      }.get()
    }
    callsUnderWay += 1
    defer { callEnded() }
    return try await send([request])[0]
  }

  private func callEnded() {
    callsUnderWay -= 1
    guard !waiting.isEmpty else { return }
    var bytes = 0
    let count = waiting.prefix(Self.requestLimit).prefix { one in
      defer { bytes += one.request.payload.bytes.count }
      return bytes < Self.byteLimit
    }.count
    let batch = Array(waiting[..<count])
    waiting.removeFirst(count)
    callsUnderWay += 1
    Task { @EventLoop in
      do throws(BrokerError) {
        let answers = try await send(batch.map(\.request))
        for (one, answer) in zip(batch, answers) { one.continuation.resume(returning: .success(answer)) }
      } catch {
        for one in batch { one.continuation.resume(returning: .failure(error)) }
      }
      callEnded()
    }
  }
}
