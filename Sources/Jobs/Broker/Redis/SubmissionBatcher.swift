import EventLoop
import Redis

/// Sends submissions together that come together: one script for many costs Redis half of what many scripts do.
///
/// What is submitted in one turn of the loop goes in one call, in the order in which it came; it would not have
/// left before the turn's end anyhow. While two calls are under way what comes waits for one of them to be
/// answered, and goes with the next.
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
  private var isFlushDue = false

  /// `send` answers each of the requests, in their order.
  init(_ send: @escaping @EventLoop ([JobRequest]) async throws(BrokerError) -> [RedisValue]) {
    self.send = send
  }

  /// What the script answered to this one. Throws where the call failed that it went with; it may then have
  /// been accepted all the same.
  func answer(to request: JobRequest) async throws(BrokerError) -> RedisValue {
    try await EventLoop.suspend { continuation in
      waiting.append(Waiting(request: request, continuation: continuation))
      flushLater()
    }.get()
  }

  /// Behind everything that is ready to run now: who was just answered may have more to submit.
  private func flushLater() {
    guard !isFlushDue, !waiting.isEmpty, callsUnderWay < Self.callLimit else { return }
    isFlushDue = true
    Task { @EventLoop in
      isFlushDue = false
      while !waiting.isEmpty, callsUnderWay < Self.callLimit { call(with: nextBatch()) }
    }
  }

  private func nextBatch() -> [Waiting] {
    var bytes = 0
    let count = waiting.prefix(Self.requestLimit).prefix { one in
      defer { bytes += one.request.payload.bytes.count }
      return bytes < Self.byteLimit
    }.count
    defer { waiting.removeFirst(count) }
    return Array(waiting[..<count])
  }

  private func call(with batch: [Waiting]) {
    callsUnderWay += 1
    Task { @EventLoop in
      do throws(BrokerError) {
        let answers = try await send(batch.map(\.request))
        for (one, answer) in zip(batch, answers) { one.continuation.resume(returning: .success(answer)) }
      } catch {
        for one in batch { one.continuation.resume(returning: .failure(error)) }
      }
      callsUnderWay -= 1
      flushLater()
    }
  }
}
