import EventLoop
import Redis

/// Sends requests of one kind together that come together: one script for many costs Redis half of what many
/// scripts do.
///
/// What is asked in one turn of the loop goes in one call, in the order in which it came; it would not have
/// left before the turn's end anyhow. While two calls are under way what comes waits for one of them to be
/// answered, and goes with the next: no answer is older than its request.
@EventLoop
final class CallBatcher<Request: Sendable, Answer: Sendable> {
  private struct Waiting {
    let request: Request
    let continuation: LoopContinuation<Result<Answer, BrokerError>>
  }

  /// Two, so that Redis works on one while the answers to the other are read.
  private let callLimit = 2
  /// Redis serves nobody else during a call: this many keep it below a millisecond.
  private let requestLimit = 32
  private let byteLimit = 256 << 10

  private let size: @EventLoop (Request) -> Int
  private let send: @EventLoop ([Request]) async throws(BrokerError) -> [Answer]
  private var waiting: [Waiting] = []
  private var callsUnderWay = 0
  private var isFlushDue = false

  /// `send` answers each of the requests, in their order; `size` is how many bytes one has.
  init(
    size: @escaping @EventLoop (Request) -> Int = { _ in 0 },
    _ send: @escaping @EventLoop ([Request]) async throws(BrokerError) -> [Answer]
  ) {
    self.size = size
    self.send = send
  }

  /// What the script answered to this one. Throws where the call failed that it went with; it may then have
  /// been accepted all the same.
  func answer(to request: Request) async throws(BrokerError) -> Answer {
    try await EventLoop.suspend { continuation in
      waiting.append(Waiting(request: request, continuation: continuation))
      flushLater()
    }.get()
  }

  /// Behind everything that is ready to run now: who was just answered may have more to submit.
  private func flushLater() {
    guard !isFlushDue, !waiting.isEmpty, callsUnderWay < callLimit else { return }
    isFlushDue = true
    Task { @EventLoop in
      isFlushDue = false
      while !waiting.isEmpty, callsUnderWay < callLimit { call(with: nextBatch()) }
    }
  }

  private func nextBatch() -> [Waiting] {
    var bytes = 0
    let count = waiting.prefix(requestLimit).prefix { one in
      defer { bytes += size(one.request) }
      return bytes < byteLimit
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
