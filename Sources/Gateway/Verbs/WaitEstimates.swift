package import EventLoop
package import Jobs

/// How long waiting jobs are likely to wait, from what their queues did lately.
///
/// What is known of a queue is kept for a few seconds: places change often, run times slowly.
@EventLoop
package final class WaitEstimates {
  private struct Basis {
    var slots: Int
    var run: DurationHistogram
    var readAt: ContinuousClock.Instant
  }

  private let broker: any Broker
  private let freshness: Duration
  private var known: [QueueName: Basis] = [:]

  package init(broker: any Broker, freshness: Duration = .seconds(5)) {
    self.broker = broker
    self.freshness = freshness
  }

  /// Nil when too little is known, while the queue gives out no jobs, or when the broker does not answer: an
  /// estimate is a comfort.
  package func estimate(for place: QueuePlace) async -> WaitEstimate? {
    guard let basis = await basis(of: place.queue) else { return nil }
    return WaitEstimate(position: place.position, slots: basis.slots, run: basis.run)
  }

  private func basis(of queue: QueueName) async -> Basis? {
    let now = ContinuousClock.now
    if let basis = known[queue], now - basis.readAt < freshness { return basis }
    do throws(BrokerError) {
      let status = try await broker.queue(queue)
      guard status?.mode.serves != false else {
        known[queue] = nil
        return nil
      }
      let workers = try await broker.workers().filter { $0.serves(queue) }
      let limit = status?.settings.concurrency
      var run = try await broker.statistics(of: queue, minutes: 15).run
      if run.count < WaitEstimate.fewestSamples {
        run = try await broker.statistics(of: queue, minutes: 60).run
      }
      let basis = Basis(slots: min(workers.slots, limit ?? .max), run: run, readAt: now)
      if known.count >= 1000 { known = known.filter { now - $0.value.readAt < freshness } }
      known[queue] = basis
      return basis
    } catch {
      return nil
    }
  }
}
