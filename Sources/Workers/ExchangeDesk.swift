import EventLoop
import Jobs

/// Settles leases and takes the next jobs in the same call: what a busy worker does between two jobs.
///
/// One call is under way at a time; settlements that come meanwhile go together in the next one, so
/// that a pool of many slots asks the broker once where it would ask many times.
@EventLoop
final class ExchangeDesk {
  private typealias Answer = Result<SettlementOutcome, BrokerError>
  private struct Entry {
    var settlement: LeaseSettlement
    var answer: LoopContinuation<Answer>
  }

  /// What the desk needs of its pool.
  struct Taking {
    /// The jobs wanted when so many slots become free; nil: none. What is asked for is kept free until
    /// ``take`` is called.
    var request: @EventLoop (_ freed: Int) -> LeaseRequest?
    /// The jobs that came — nil where the call failed — and when they were asked for.
    var take: @EventLoop (_ jobs: [LeasedJob]?, _ request: LeaseRequest, _ since: Duration) -> Void
  }

  private let broker: any Broker
  private let taking: Taking
  private var waiting: [Entry] = []
  private var isAtWork = false

  /// The most settlements of one call.
  private static let batch = 100

  init(broker: any Broker, taking: Taking) {
    self.broker = broker
    self.taking = taking
  }

  /// Ends one lease; the slot it held is given to the next job in the same step.
  func settle(
    _ lease: Lease, _ settlement: Settlement
  ) async throws(BrokerError) -> SettlementOutcome {
    let answer = await EventLoop.suspend { (answer: LoopContinuation<Answer>) in
      waiting.append(Entry(settlement: LeaseSettlement(lease, settlement), answer: answer))
      guard !isAtWork else { return }
      isAtWork = true
      Task { await work() }
    }
    return try answer.get()
  }

  private func work() async {
    while !waiting.isEmpty {
      let batch = Array(waiting.prefix(Self.batch))
      waiting.removeFirst(batch.count)
      await exchange(batch)
    }
    isAtWork = false
  }

  private func exchange(_ batch: [Entry]) async {
    let request = taking.request(batch.count)
    let asked = Uptime.now
    do throws(BrokerError) {
      let exchange = try await broker.exchange(batch.map(\.settlement), for: request)
      precondition(
        exchange.outcomes.count == batch.count, "a broker answered for other leases than asked")
      if let request { taking.take(exchange.jobs, request, asked) }
      for (entry, outcome) in zip(batch, exchange.outcomes) {
        entry.answer.resume(returning: .success(outcome))
      }
    } catch {
      if let request { taking.take(nil, request, asked) }
      if case .reportTooLarge = error, batch.count > 1 {
        // One of them is to blame, and none was settled.
        for entry in batch { await self.exchange([entry]) }
      } else {
        for entry in batch { entry.answer.resume(returning: .failure(error)) }
      }
    }
  }
}
