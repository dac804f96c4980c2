package import EventLoop
package import Jobs

/// What operators see of the whole. All of it needs `admin`.
@EventLoop
package final class StatusVerbs {
  private let broker: any Broker
  private let rules: HealthRules
  private let startedAt = ContinuousClock.now

  package init(broker: any Broker, rules: HealthRules) {
    self.broker = broker
    self.rules = rules
  }

  /// Counts over all queues, what they did in the last minutes, and who works.
  package func statistics(
    minutes: Int, for identity: Identity
  ) async throws(Problem) -> JSONText {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in
      let queues = try await broker.queues()
      let recent = try await broker.statistics(of: nil, minutes: minutes)
      return Self.document(
        queues, recent, try await broker.workers(), broker.deliveryReport,
        try await broker.feedStandings(), isDelivering: broker.isDelivering)
    }
  }

  private static func document(
    _ queues: [QueueStatus], _ recent: QueueStatistics, _ workers: [WorkerInfo], _ delivery: DeliveryReport,
    _ feed: [FeedStanding], isDelivering: Bool
  ) -> JSONText {
    var counts: [JobState: Int] = [:]
    var levels: [Int: Int] = [:]
    var totals = QueueTotals()
    for queue in queues {
      counts.merge(queue.counts, uniquingKeysWith: +)
      levels.merge(queue.levels, uniquingKeysWith: +)
      totals.add(queue.totals)
    }
    let live = workers.filter(\.isLive)
    let lost = workers.count(where: \.isLost)
    var writer = JSONWriter(reserving: 1024)
    writer.object {
      $0.member("queues", queues.count)
      $0.member("waiting", queues.reduce(0) { $0 + $1.waiting })
      $0.member("running", queues.reduce(0) { $0 + $1.running })
      QueueDocument.write(counts: counts, into: &$0)
      QueueDocument.write(levels: levels, into: &$0)
      QueueDocument.write(totals, into: &$0)
      $0.object("recent") { QueueDocument.write(recent, into: &$0) }
      $0.object("workers") {
        $0.member("live", live.count)
        $0.member("lost", lost)
        $0.member("stopped", workers.count - live.count - lost)
        $0.member("slots", live.slots)
        $0.member("busy", live.reduce(0) { $0 + $1.jobs.count })
      }
      $0.object("delivery") {
        $0.member("delivering", isDelivering)
        $0.member("delay", number: delivery.delay.map { $0 / .seconds(1) })
        $0.member("interruptions", delivery.interruptions)
        $0.member("output_limit_losses", delivery.outputLimitLosses)
      }
      if !feed.isEmpty { write(feed, into: &$0) }
    }
    return writer.text
  }

  /// Keeps nothing of the feed for a consumer any more, until it reads again.
  package func forget(_ consumer: FeedConsumer, by identity: Identity) async throws(Problem) {
    try identity.require(.admin)
    _ = try await solving { () async throws(BrokerError) in try await broker.forget(consumer) }
  }

  /// How far the consumers of the feed are.
  private static func write(_ feed: [FeedStanding], into writer: inout JSONWriter) {
    writer.array("feed") { list in
      for standing in feed {
        list.object {
          $0.member("consumer", standing.consumer.description)
          $0.member("behind", standing.behind)
          $0.member("oldest_at", standing.oldest?.milliseconds)
          $0.member("lost", standing.lost)
        }
      }
    }
  }

  /// How the whole does. A broker that does not answer is an answer too, no problem.
  package func health(for identity: Identity) async throws(Problem) -> HealthReport {
    try identity.require(.admin)
    var report = try await health()
    report.uptime = ContinuousClock.now - startedAt
    return report
  }

  private func health() async throws(Problem) -> HealthReport {
    guard await broker.isAvailable() else {
      return HealthReport(brokerAway: "The broker cannot be reached.")
    }
    guard broker.isDelivering else {
      return HealthReport(brokerAway: "The broker delivers no events at present.")
    }
    do throws(BrokerError) {
      let minutes = max(1, min(1440, Int(rules.errorWindow.milliseconds / 60_000)))
      var queues: [HealthReport.QueueView] = []
      for queue in try await broker.queues() {
        queues.append(
          .init(
            status: queue, recent: try await broker.statistics(of: queue.name, minutes: minutes)))
      }
      return HealthReport(
        queues: queues, workers: try await broker.workers(), warnings: broker.warnings,
        isWhole: broker.isWhole, delivery: broker.deliveryReport,
        feed: try await broker.feedStandings(), now: .now, rules: rules)
    } catch {
      guard error == .unavailable else { throw Problem(error) }
      return HealthReport(brokerAway: "The broker cannot be reached.")
    }
  }
}
