package import Jobs

/// When what is seen of queues is a cause for alarm.
package struct HealthRules: Hashable, Sendable {
  /// More jobs than this wait.
  package var backlog = 100
  /// A larger part of the jobs that ended failed, 0…1, …
  package var errorRate = 0.1
  /// … in this time.
  package var errorWindow = Duration.seconds(900)
  /// A queue is paused for longer.
  package var paused = Duration.seconds(3600)
  /// No job ended for longer, while some wait and none runs.
  package var idle = Duration.seconds(1800)
  /// Events were interrupted more often than this, …
  package var interruptions = 2
  /// … in this time.
  package var interruptionWindow = Duration.seconds(3600)
  /// Something waits for longer to be told to webhooks, or written to the history.
  package var feed = Duration.seconds(300)

  package init() {}
}

/// Something that somebody should look at.
package struct HealthAlert: Hashable, Sendable {
  package enum Condition: String, Hashable, Sendable, CaseIterable {
    case backlog
    case errorRate = "error_rate"
    case paused
    case idle
    case noWorker = "no_worker"
    case broker
    /// The broker works, and its store should be changed all the same.
    case store
    /// Events arrive, and did not again and again.
    case delivery
    /// Webhooks or the history are behind.
    case feed
  }

  package var condition: Condition
  /// Nil where it is about the whole.
  package var queue: QueueName?
  package var detail: String

  package init(_ condition: Condition, _ queue: QueueName? = nil, _ detail: String) {
    self.condition = condition
    self.queue = queue
    self.detail = detail
  }
}

/// How the whole does: a judgement over queues, workers and the broker at one moment.
package struct HealthReport: Hashable, Sendable {
  package enum Status: String, Hashable, Sendable, CaseIterable {
    case healthy
    /// At least one alert.
    case degraded
    /// The broker cannot be used at all, or jobs wait and no worker lives.
    case unhealthy
  }

  /// What is judged of one queue.
  package struct QueueView: Hashable, Sendable {
    package var status: QueueStatus
    /// Over ``HealthRules/errorWindow``.
    package var recent: QueueStatistics

    package init(status: QueueStatus, recent: QueueStatistics) {
      self.status = status
      self.recent = recent
    }
  }

  /// How long the gateway that answers is there; nil where nobody asked one.
  package var uptime: Duration?
  package private(set) var status = Status.healthy
  package private(set) var alerts: [HealthAlert] = []
  package private(set) var queueCount = 0
  package private(set) var overloadedCount = 0
  package private(set) var erringCount = 0
  package private(set) var liveWorkers = 0
  package private(set) var lostWorkers = 0
  package private(set) var stoppedWorkers = 0
  package private(set) var slots = 0

  /// Nothing can be seen: the rest says nothing.
  package private(set) var isBrokerAway = false

  package init(brokerAway detail: String) {
    isBrokerAway = true
    status = .unhealthy
    alerts = [HealthAlert(.broker, nil, detail)]
  }

  /// `warnings` are the broker's; `isWhole` unless a part of it is away, and the rest is all that can be seen.
  /// `delivery` is how events reach the gateway that judges, `feed` how far the consumers of the feed are.
  package init(
    queues: [QueueView], workers: [WorkerInfo], warnings: [String] = [], isWhole: Bool = true,
    delivery: DeliveryReport = DeliveryReport(), feed: [FeedStanding] = [], now: Timestamp, rules: HealthRules
  ) {
    if !isWhole { alerts.append(HealthAlert(.broker, nil, Self.partAway)) }
    alerts += warnings.map { HealthAlert(.store, nil, $0) }
    alerts += Self.alerts(of: delivery, now, rules)
    for standing in feed {
      guard let oldest = standing.oldest, now - oldest > rules.feed else { continue }
      alerts.append(
        HealthAlert(
          .feed, nil,
          "\(standing.behind) changes of jobs wait for the consumer \(standing.consumer), the oldest for "
            + "\((now - oldest).minutes) min; \(standing.lost) were lost since it is there."))
    }
    queueCount = queues.count
    let live = workers.filter(\.isLive)
    liveWorkers = live.count
    lostWorkers = workers.count(where: \.isLost)
    stoppedWorkers = workers.count - liveWorkers - lostWorkers
    slots = live.slots
    for queue in queues {
      let found = Self.alerts(of: queue, workers, now, rules)
      if found.contains(where: { $0.condition == .backlog }) { overloadedCount += 1 }
      if found.contains(where: { [.errorRate, .idle, .noWorker].contains($0.condition) }) {
        erringCount += 1
      }
      alerts += found
    }
    if !alerts.isEmpty { status = .degraded }
    if live.isEmpty, alerts.contains(where: { $0.condition == .noWorker }) { status = .unhealthy }
  }

  private static let partAway =
    "Redis cannot be reached: this gateway keeps what it accepts, and tells of that and of its own workers only."

  private static func alerts(of delivery: DeliveryReport, _ now: Timestamp, _ rules: HealthRules) -> [HealthAlert] {
    let window = rules.interruptionWindow
    let begin = now + (.zero - window)
    var alerts: [HealthAlert] = []
    let count = delivery.interruptions(since: begin)
    if count > rules.interruptions {
      alerts.append(
        HealthAlert(.delivery, nil, "Events were interrupted \(count) times in the last \(window.minutes) min."))
    }
    if delivery.hasEndedForOutput(since: begin) {
      alerts.append(
        HealthAlert(
          .delivery, nil,
          "Redis ended connections whose output was over its limit (client-output-buffer-limit) in the last "
            + "\(window.minutes) min."))
    }
    return alerts
  }

  private static func alerts(
    of queue: QueueView, _ workers: [WorkerInfo], _ now: Timestamp, _ rules: HealthRules
  ) -> [HealthAlert] {
    var alerts: [HealthAlert] = []
    let (status, recent) = (queue.status, queue.recent)
    let name = status.name
    func alert(_ condition: HealthAlert.Condition, _ detail: String) {
      alerts.append(HealthAlert(condition, name, detail))
    }
    if status.waiting > rules.backlog {
      alert(.backlog, "\(status.waiting) jobs wait, more than \(rules.backlog).")
    }
    if let rate = recent.successRate, 1 - rate > rules.errorRate {
      let ended = recent.completed + recent.failed
      alert(
        .errorRate, "\(recent.failed) of \(ended) jobs failed in the last \(recent.minutes) min.")
    }
    if status.mode == .paused, now - status.modeSince > rules.paused {
      alert(.paused, "It is paused for \((now - status.modeSince).minutes) min.")
    }
    let queued = status.counts[.queued] ?? 0
    guard queued > 0, status.mode.serves else { return alerts }
    if !workers.contains(where: { $0.serves(name) }) {
      alert(.noWorker, "\(queued) jobs wait and no worker serves it.")
    }
    // From the later of both: a queue that was empty for hours is not idle when a job arrives.
    let since = max(status.lastFinishedAt ?? status.createdAt, status.oldestQueued ?? status.createdAt)
    if status.running == 0, now - since > rules.idle {
      alert(.idle, "Nothing was processed for \((now - since).minutes) min while \(queued) jobs wait.")
    }
    return alerts
  }

  /// `{"status","uptime","queues":{…},"workers":{…},"alerts":[…]}`.
  package var document: JSONText {
    var writer = JSONWriter()
    writer.object { report in
      report.member("status", status.rawValue)
      report.member("uptime", uptime?.components.seconds)
      report.object("queues") {
        $0.member("total", queueCount)
        $0.member("healthy", queueCount - Set(alerts.compactMap(\.queue)).count)
        $0.member("overloaded", overloadedCount)
        $0.member("errors", erringCount)
      }
      report.object("workers") {
        $0.member("live", liveWorkers)
        $0.member("lost", lostWorkers)
        $0.member("stopped", stoppedWorkers)
        $0.member("slots", slots)
      }
      report.array("alerts") { list in
        for alert in alerts {
          list.object {
            $0.member("condition", alert.condition.rawValue)
            $0.member("queue", alert.queue?.description)
            $0.member("detail", alert.detail)
          }
        }
      }
    }
    return writer.text
  }
}

extension Duration {
  fileprivate var minutes: Int64 { milliseconds / 60_000 }
}
